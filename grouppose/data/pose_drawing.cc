#include "grouppose/data/pose_drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "base/check.h"

namespace grouppose {
namespace {

// Okabe & Ito 2008, "Color Universal Design": without black, which is the edge here. Red, green, blue.
const std::array<cv::Scalar, 7>& Colours() {
  static const auto& colours = *new std::array<cv::Scalar, 7>{
      cv::Scalar(230, 159, 0), cv::Scalar(86, 180, 233), cv::Scalar(0, 158, 115),  cv::Scalar(240, 228, 66),
      cv::Scalar(0, 114, 178), cv::Scalar(213, 94, 0),   cv::Scalar(204, 121, 167)};
  return colours;
}
const cv::Scalar kEdge(20, 20, 20);

// A limb's width as a share of the person's extent, and its bounds in pixels: to be seen, and not to hide the person.
constexpr double kLimbShare = 0.018, kMinLimb = 1, kMaxLimb = 9;

// OpenCV takes coordinates as integers with so many binary digits behind the point.
constexpr int kFraction = 4;

// Far outside the picture OpenCV's integers would overflow; nothing there is seen.
constexpr double kFarthest = 1e5;

using Points = std::vector<std::optional<cv::Point2d>>;

Points PointsOf(const DrawnKeypoints& pose, int count) {
  Points points(count);
  for (int k = 0; k < count; ++k) {
    const double x = pose[3 * k], y = pose[3 * k + 1];
    const bool drawable = pose[3 * k + 2] != 0 && std::abs(x) < kFarthest && std::abs(y) < kFarthest;  // false for NaN
    if (drawable) points[k] = cv::Point2d(x, y);
  }
  return points;
}

double LimbWidth(const Points& points) {
  double left = kFarthest, top = kFarthest, right = -kFarthest, bottom = -kFarthest;
  for (const auto& point : points) {
    if (!point.has_value()) continue;
    left = std::min(left, point->x), right = std::max(right, point->x);
    top = std::min(top, point->y), bottom = std::max(bottom, point->y);
  }
  return std::clamp(kLimbShare * std::max({right - left, bottom - top, 0.0}), kMinLimb, kMaxLimb);
}

cv::Point Fixed(const cv::Point2d& point) {
  constexpr double kScale = 1 << kFraction;
  return {static_cast<int>(std::lround(point.x * kScale)), static_cast<int>(std::lround(point.y * kScale))};
}

void DrawLimbs(const eval::KeypointDataset& description, const Points& points, double width, const cv::Scalar& colour,
               cv::Mat* picture) {
  for (const auto& [from, to] : description.skeleton) {
    if (!points[from].has_value() || !points[to].has_value()) continue;
    const int thickness = std::max(1, static_cast<int>(std::lround(width)));
    cv::line(*picture, Fixed(*points[from]), Fixed(*points[to]), colour, thickness, cv::LINE_AA, kFraction);
  }
}

void DrawJoints(const Points& points, double radius, const cv::Scalar& colour, cv::Mat* picture) {
  for (const auto& point : points) {
    if (!point.has_value()) continue;
    const int fixed_radius = static_cast<int>(std::lround(radius * (1 << kFraction)));
    cv::circle(*picture, Fixed(*point), fixed_radius, colour, cv::FILLED, cv::LINE_AA, kFraction);
  }
}

}  // namespace

void DrawPoses(const eval::KeypointDataset& description, const std::vector<DrawnKeypoints>& poses, Image* image) {
  cv::Mat picture(static_cast<int>(image->height), static_cast<int>(image->width), CV_8UC3, image->pixels.data());
  for (size_t i = poses.size(); i-- > 0;) {
    GROUPPOSE_CHECK(poses[i].size() == 3 * description.names.size(), "a pose of ", poses[i].size(), " numbers, not ",
                    3 * description.names.size());
    const Points points = PointsOf(poses[i], description.num_keypoints());
    const double width = LimbWidth(points);
    const cv::Scalar& colour = Colours()[i % Colours().size()];
    // the edge first, a pixel wider on each side
    DrawLimbs(description, points, width + 2, kEdge, &picture);
    DrawJoints(points, width + 1, kEdge, &picture);
    DrawLimbs(description, points, width, colour, &picture);
    DrawJoints(points, width, colour, &picture);
  }
}

}  // namespace grouppose
