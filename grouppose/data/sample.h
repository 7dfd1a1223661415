// One annotated image, from its file or its drawing to the last transform.
//
// Two conventions of COCO meet here. A joint is a pixel: x = 3 is the middle of the fourth column, so a mirrored joint
// stands at width - x - 1. A box is made of edges: its right edge may be the image's width, and it mirrors to width -
// x.
#ifndef GROUPPOSE_DATA_SAMPLE_H_
#define GROUPPOSE_DATA_SAMPLE_H_

#include <array>
#include <cstdint>
#include <vector>

namespace grouppose {

// The size of an image as its file has it, in pixels.
struct ImageSize {
  int64_t height = 0, width = 0;
};

inline bool operator==(const ImageSize& a, const ImageSize& b) { return a.height == b.height && a.width == b.width; }
inline bool operator!=(const ImageSize& a, const ImageSize& b) { return !(a == b); }

// [height, width, 3] bytes, red, green, blue; rows from top to bottom without gaps.
struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

struct Person {
  std::vector<double> keypoints;  // x1 y1 v1 ... xK yK vK; v: 0 not labelled, 1 labelled but hidden, 2 visible
  std::array<double, 4> box{};    // left, top, width, height
  double area = 0;                // of the person, not of the box; square pixels
  bool is_crowd = false;
  int num_keypoints = 0;  // labelled joints, as the annotation says
};

struct Sample {
  int64_t image_id = 0;
  Image image;
  ImageSize original_size;  // before any transform
  std::vector<Person> persons;
};

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_SAMPLE_H_
