// Painting for the synthetic people: a canvas that remembers who owns each pixel, and what is painted on it.
#ifndef GROUPPOSE_DATA_SYNTHETIC_DRAWING_H_
#define GROUPPOSE_DATA_SYNTHETIC_DRAWING_H_

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

#include "base/random.h"
#include "grouppose/data/synthetic_figure.h"

namespace grouppose::synthetic {

// Red, green, blue in [0, 255].
using Colour = cv::Vec3d;

// A square RGB picture and, for each pixel, the owner of the paint on top. Shapes are anti-aliased in the picture and
// hard-edged in the owners. Coordinates are pixels, whole numbers in the middle of a pixel; OpenCV takes them in
// sixteenths, so the last bits of a coordinate do not change a picture.
class Canvas {
 public:
  explicit Canvas(int size);

  int size() const { return picture_.rows; }
  cv::Mat& picture() { return picture_; }  // 8-bit RGB
  uint8_t OwnerAt(int x, int y) const { return owners_.at<uint8_t>(y, x); }

  // Whose paint follows.
  void SetOwner(uint8_t owner) { owner_ = owner; }

  void Line(const cv::Point2d& from, const cv::Point2d& to, double thickness, const Colour& colour);
  void Disc(const cv::Point2d& centre, double radius, const Colour& colour);
  // Corner to opposite corner, and an ellipse turned by `degrees`; filled, or as an outline.
  void Box(const cv::Point2d& corner, const cv::Point2d& opposite, bool filled, const Colour& colour);
  void Ellipse(const cv::Point2d& centre, int half_width, int half_height, double degrees, bool filled,
               const Colour& colour);
  // The convex hull of the points, its outline widened to `thickness`.
  void Hull(const std::vector<cv::Point2d>& points, double thickness, const Colour& colour);

 private:
  cv::Mat picture_, owners_;
  uint8_t owner_ = 0;
};

// Fills the picture with a gradient between two colours and up to `max_clutter` objects, some of them like limbs.
void DrawBackground(int max_clutter, base::RandomStream* random, Canvas* canvas);

// A box somewhere on the canvas, up to 0.3 of its size.
void DrawOccluder(base::RandomStream* random, Canvas* canvas);

// Clothes, skin and hair of random colours on the figure; a quarter of the arms pass behind the torso.
void DrawFigure(const Figure& figure, base::RandomStream* random, Canvas* canvas);

}  // namespace grouppose::synthetic

#endif  // GROUPPOSE_DATA_SYNTHETIC_DRAWING_H_
