#include "grouppose/data/synthetic_people.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "grouppose/data/synthetic_drawing.h"
#include "grouppose/data/synthetic_figure.h"

namespace grouppose {
namespace {

using cv::Point2d;
using synthetic::Canvas;
using synthetic::Figure;
using synthetic::kJoints;

// Pictures are drawn at twice the size: enough for smooth edges after averaging, and four times the paint.
constexpr int kSupersampling = 2;

// A person with fewer joints in the image is nobody's target; fewer visible ones cannot be told from clutter.
constexpr int kMinJointsInside = 9, kMinVisibleJoints = 5;

// Where the middle of the hips may stand, as a fraction of the image.
constexpr double kNearEdge = 0.08;

// Three and more persons are at most this much of the largest height, or they find no place.
constexpr double kCrowdHeight = 0.75;

constexpr int kPlacementsPerPicture = 40;
// A thousand pictures thrown away in a row mean that the options allow none.
constexpr int kPicturesPerSample = 1000;

// The share of a box that a person fills, as the COCO and CrowdPose tools take it where there is no mask.
constexpr double kPersonAreaOfBox = 0.53;
// Around the labelled joints, of the body's height.
constexpr double kBoxMargin = 0.05;

constexpr uint8_t kOccluder = 255;

// Edges in pixels of the finished image.
struct Edges {
  double left, top, right, bottom;
  double area() const { return (right - left) * (bottom - top); }
};

struct Placement {
  Figure figure;  // on the canvas
  std::array<bool, kJoints> inside;
  Edges box;
};

// From a canvas pixel to a pixel of the finished image, and back. Two canvas pixels make one: 0 and 1 are at 0.
double ToImage(double canvas) { return (canvas - 0.5 * (kSupersampling - 1)) / kSupersampling; }

double RoundToHundredth(double value) { return std::round(value * 100) / 100; }

void CheckOptions(const SyntheticPeopleOptions& options) {
  GROUPPOSE_CHECK(options.image_size >= 16 && options.image_size <= 4096, "image_size is ", options.image_size);
  GROUPPOSE_CHECK(options.max_persons >= 1 && options.max_persons < kOccluder, "max_persons is ", options.max_persons);
  GROUPPOSE_CHECK(options.min_height > 0 && options.min_height <= options.max_height, "heights are ",
                  options.min_height, " to ", options.max_height);
  GROUPPOSE_CHECK(options.max_clutter >= 0, "max_clutter is ", options.max_clutter);
  GROUPPOSE_CHECK(options.noise >= 0, "noise is ", options.noise);
}

// The box around the joints in the image, or nothing where they are too few.
std::optional<Placement> DrawPlacement(const SyntheticPeopleOptions& options, bool crowd, base::RandomStream* random) {
  const double image = options.image_size, canvas = image * kSupersampling;
  const double max_height = std::max(options.min_height, options.max_height * (crowd ? kCrowdHeight : 1));
  const double height = std::exp(random->NextUniform(std::log(options.min_height), std::log(max_height))) * canvas;
  const Figure pose = synthetic::DrawPose(options, random);
  const double x = random->NextUniform(kNearEdge, 1 - kNearEdge) * canvas;
  const double y = random->NextUniform(kNearEdge, 1 - kNearEdge) * canvas;

  Placement placement{synthetic::Place(pose, height, {x, y}), {}, {image, image, 0, 0}};
  int joints_inside = 0;
  for (int j = 0; j < kJoints; ++j) {
    const double joint_x = ToImage(placement.figure.joints[j].x), joint_y = ToImage(placement.figure.joints[j].y);
    placement.inside[j] = joint_x >= 0 && joint_x <= image - 1 && joint_y >= 0 && joint_y <= image - 1;
    if (!placement.inside[j]) continue;
    ++joints_inside;
    // a joint is the middle of a pixel, half a pixel from its edges
    const double margin = kBoxMargin * height / kSupersampling;
    placement.box.left = std::min(placement.box.left, std::max(0.0, joint_x + 0.5 - margin));
    placement.box.top = std::min(placement.box.top, std::max(0.0, joint_y + 0.5 - margin));
    placement.box.right = std::max(placement.box.right, std::min(image, joint_x + 0.5 + margin));
    placement.box.bottom = std::max(placement.box.bottom, std::min(image, joint_y + 0.5 + margin));
  }
  if (joints_inside < kMinJointsInside) return std::nullopt;
  return placement;
}

double IntersectionOverUnion(const Edges& a, const Edges& b) {
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  return width * height / (a.area() + b.area() - width * height);
}

// From far to near: who stands lower in the image is nearer.
std::vector<Placement> DrawPlacements(const SyntheticPeopleOptions& options, base::RandomStream* random) {
  const size_t persons = 1 + random->NextBelow(options.max_persons);
  std::vector<Placement> placements;
  for (int i = 0; i < kPlacementsPerPicture && placements.size() < persons; ++i) {
    const std::optional<Placement> candidate = DrawPlacement(options, persons > 2, random);
    if (!candidate) continue;
    const bool free = std::all_of(placements.begin(), placements.end(), [&](const Placement& other) {
      return IntersectionOverUnion(candidate->box, other.box) <= options.max_overlap;
    });
    if (free) placements.push_back(*candidate);
  }
  std::stable_sort(placements.begin(), placements.end(),
                   [](const Placement& a, const Placement& b) { return a.box.bottom < b.box.bottom; });
  return placements;
}

// The label of one joint, given whose paint is on top.
int Visibility(const Placement& placement, int joint, uint8_t owner, const Canvas& canvas) {
  const bool face = joint == synthetic::kNose || joint == synthetic::kLeftEye || joint == synthetic::kRightEye;
  if (!placement.inside[joint] || (face && !placement.figure.facing_front)) return 0;
  const Point2d& point = placement.figure.joints[joint];
  const int x = static_cast<int>(std::lround(point.x)), y = static_cast<int>(std::lround(point.y));
  return canvas.OwnerAt(x, y) == owner ? 2 : 1;
}

Person Annotate(const Placement& placement, uint8_t owner, const Canvas& canvas) {
  Person person;
  for (int j = 0; j < kJoints; ++j) {
    const int visibility = Visibility(placement, j, owner, canvas);
    const Point2d& point = placement.figure.joints[j];
    person.keypoints.push_back(visibility > 0 ? RoundToHundredth(ToImage(point.x)) : 0);
    person.keypoints.push_back(visibility > 0 ? RoundToHundredth(ToImage(point.y)) : 0);
    person.keypoints.push_back(visibility);
    person.num_keypoints += visibility > 0;
  }
  const Edges& box = placement.box;
  person.box = {RoundToHundredth(box.left), RoundToHundredth(box.top), RoundToHundredth(box.right - box.left),
                RoundToHundredth(box.bottom - box.top)};
  person.area = RoundToHundredth(kPersonAreaOfBox * person.box[2] * person.box[3]);
  return person;
}

int VisibleJoints(const Person& person) {
  int visible = 0;
  for (size_t i = 2; i < person.keypoints.size(); i += 3) visible += person.keypoints[i] == 2;
  return visible;
}

// Nearly normal with deviation 1: the sum of the four 16-bit parts of a hash (Irwin and Hall), in whole numbers until
// the last step, so every machine has the same.
double NearlyNormal(uint64_t bits) {
  int64_t sum = 0;
  for (int part = 0; part < 4; ++part) sum += (bits >> (16 * part)) & 0xFFFF;
  constexpr double kMean = 4 * 65535 / 2.0, kDeviation = 37837.227;  // 65536 / sqrt(12) * sqrt(4)
  return (static_cast<double>(sum) - kMean) / kDeviation;
}

// Averages the canvas down, changes its exposure and adds noise.
Image Expose(cv::Mat& picture, double exposure, double noise, const base::RandomStream& grain) {
  Image image{picture.rows / kSupersampling, picture.cols / kSupersampling, {}};
  image.pixels.resize(image.height * image.width * 3);
  size_t out = 0;
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* above = picture.ptr<uint8_t>(2 * y);
    const uint8_t* below = picture.ptr<uint8_t>(2 * y + 1);
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c, ++out) {
        const int left = 6 * x + c, right = left + 3;
        const double mean = (above[left] + above[right] + below[left] + below[right]) / 4.0;
        const double level = mean * exposure + noise * NearlyNormal(grain.Bits(out));
        image.pixels[out] = static_cast<uint8_t>(std::clamp(std::floor(level + 0.5), 0.0, 255.0));
      }
    }
  }
  return image;
}

// One picture, or nothing where it shows no person or hides one.
std::optional<Sample> TryToDraw(const SyntheticPeopleOptions& options, const base::RandomStream& grain,
                                base::RandomStream* random) {
  Canvas canvas(options.image_size * kSupersampling);
  synthetic::DrawBackground(options.max_clutter, random, &canvas);
  const std::vector<Placement> placements = DrawPlacements(options, random);
  if (placements.empty()) return std::nullopt;

  for (size_t i = 0; i < placements.size(); ++i) {
    canvas.SetOwner(static_cast<uint8_t>(i + 1));
    synthetic::DrawFigure(placements[i].figure, random, &canvas);
  }
  if (random->NextUniform() < options.occluder_probability) {
    canvas.SetOwner(kOccluder);
    synthetic::DrawOccluder(random, &canvas);
  }

  Sample sample;
  for (size_t i = 0; i < placements.size(); ++i) {
    sample.persons.push_back(Annotate(placements[i], static_cast<uint8_t>(i + 1), canvas));
    if (VisibleJoints(sample.persons.back()) < kMinVisibleJoints) return std::nullopt;
  }
  const double exposure = random->NextUniform(0.75, 1.2);
  const double noise = random->NextUniform(0, options.noise);
  sample.image = Expose(canvas.picture(), exposure, noise, grain);
  sample.original_size = {sample.image.height, sample.image.width};
  return sample;
}

}  // namespace

SyntheticPeopleOptions HardSyntheticPeople() {
  SyntheticPeopleOptions options;
  options.image_size = 96;
  options.max_persons = 5;
  options.min_height = 0.34;
  options.back_probability = 0.2;
  options.tilt_probability = 0.1;
  options.max_clutter = 10;
  options.occluder_probability = 0.2;
  return options;
}

Sample DrawSyntheticPeople(const SyntheticPeopleOptions& options, uint64_t seed, int64_t index) {
  CheckOptions(options);
  const uint64_t address = static_cast<uint64_t>(index);
  base::RandomStream random("synthetic people", {seed, address});
  const base::RandomStream grain("synthetic people: grain", {seed, address});
  for (int i = 0; i < kPicturesPerSample; ++i) {
    std::optional<Sample> sample = TryToDraw(options, grain, &random);
    if (!sample) continue;
    sample->image_id = index + 1;
    return *std::move(sample);
  }
  GROUPPOSE_CHECK(false, "no picture of these options holds only persons with ", kMinVisibleJoints,
                  " visible joints; seed ", seed, ", index ", index);
  std::abort();
}

}  // namespace grouppose
