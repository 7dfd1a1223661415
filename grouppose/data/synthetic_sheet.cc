// A contact sheet of synthetic people, to look at:
//
//   bazel run //grouppose/data:synthetic_sheet -- --output=sheet.png --hard
//
// Odd columns show the joints: red visible, magenta hidden.
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/data/image_files.h"
#include "grouppose/data/synthetic_people.h"

namespace grouppose {
namespace {

constexpr int kColumns = 8, kRows = 5;

cv::Point ToTile(const Person& person, int joint, int zoom) {
  // a joint is the middle of a pixel
  return {static_cast<int>(std::lround((person.keypoints[3 * joint] + 0.5) * zoom)),
          static_cast<int>(std::lround((person.keypoints[3 * joint + 1] + 0.5) * zoom))};
}

void DrawJoints(const Person& person, int zoom, cv::Mat* tile) {
  const auto visibility = [&](int joint) { return person.keypoints[3 * joint + 2]; };
  for (const auto& [from, to] : eval::Coco().skeleton) {
    if (visibility(from) == 0 || visibility(to) == 0) continue;
    cv::line(*tile, ToTile(person, from, zoom), ToTile(person, to, zoom), {0, 255, 255}, 1, cv::LINE_AA);
  }
  for (int joint = 0; joint < eval::Coco().num_keypoints(); ++joint) {
    if (visibility(joint) == 0) continue;
    const cv::Scalar colour = visibility(joint) == 2 ? cv::Scalar(255, 0, 0) : cv::Scalar(255, 0, 255);
    cv::circle(*tile, ToTile(person, joint, zoom), 2, colour, cv::FILLED);
  }
}

cv::Mat DrawTile(const Sample& sample, int zoom, bool joints) {
  const cv::Mat small(static_cast<int>(sample.image.height), static_cast<int>(sample.image.width), CV_8UC3,
                      const_cast<uint8_t*>(sample.image.pixels.data()));
  cv::Mat tile;
  cv::resize(small, tile, {}, zoom, zoom, cv::INTER_NEAREST);
  for (const Person& person : sample.persons) {
    if (joints) DrawJoints(person, zoom, &tile);
  }
  return tile;
}

absl::Status Run(const std::vector<std::string>& arguments) {
  std::string output;
  bool hard = false;
  int64_t seed = 1, zoom = 3;
  base::Flags flags("synthetic_sheet", "Draws a contact sheet of synthetic people.");
  flags.Required("output", &output, "FILE", "PNG file to write");
  flags.Switch("hard", &hard, "the hard setting");
  flags.Optional("seed", &seed, "N", "seed of the images");
  flags.Optional("zoom", &zoom, "N", "times the size");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();

  const SyntheticPeopleOptions options = hard ? HardSyntheticPeople() : SyntheticPeopleOptions();
  const int size = options.image_size * static_cast<int>(zoom);
  Image sheet{kRows * size, kColumns * size, std::vector<uint8_t>(3 * kRows * kColumns * size * size)};
  cv::Mat canvas(kRows * size, kColumns * size, CV_8UC3, sheet.pixels.data());
  for (int i = 0; i < kRows * kColumns; ++i) {
    const int row = i / kColumns, column = i % kColumns;
    const Sample sample = DrawSyntheticPeople(options, static_cast<uint64_t>(seed), i);
    DrawTile(sample, static_cast<int>(zoom), column % 2 == 1).copyTo(canvas({column * size, row * size, size, size}));
  }
  return WritePng(base::UserPath(output), sheet);
}

}  // namespace
}  // namespace grouppose

int main(int argc, char** argv) {
  return base::RunMain("synthetic_sheet", [&] { return grouppose::Run(base::Arguments(argc, argv)); });
}
