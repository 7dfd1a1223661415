#include "grouppose/data/transforms.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "grouppose/data/resize.h"

namespace grouppose {
namespace {

constexpr int kChannels = 3;

void FlipImage(Image* image) {
  for (int64_t y = 0; y < image->height; ++y) {
    uint8_t* row = image->pixels.data() + y * image->width * kChannels;
    for (int64_t left = 0, right = image->width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + left * kChannels, row + (left + 1) * kChannels, row + right * kChannels);
    }
  }
}

Image CropImage(const Image& image, const CropRegion& region) {
  Image cropped{region.height, region.width, std::vector<uint8_t>(region.height * region.width * kChannels)};
  for (int64_t y = 0; y < region.height; ++y) {
    const uint8_t* from = image.pixels.data() + ((region.top + y) * image.width + region.left) * kChannels;
    std::memcpy(cropped.pixels.data() + y * region.width * kChannels, from, region.width * kChannels);
  }
  return cropped;
}

ImageSize SizeOf(const Image& image) { return {image.height, image.width}; }

void ResizeShortSide(int64_t short_side, int64_t max_size, Sample* sample) {
  Resize(SizeForShortSide(SizeOf(sample->image), short_side, max_size), sample);
}

int Choose(const std::vector<int>& choices, base::RandomStream* random) {
  return choices[random->NextBelow(choices.size())];
}

// In {low, ..., high}.
int64_t ChooseBetween(int64_t low, int64_t high, base::RandomStream* random) {
  return low + static_cast<int64_t>(random->NextBelow(high - low + 1));
}

CropRegion ChooseRegion(const TransformOptions& options, const Image& image, base::RandomStream* random) {
  const auto side = [&](int64_t image_side) {
    const int64_t longest = std::min<int64_t>(image_side, options.max_crop);
    return ChooseBetween(std::min<int64_t>(options.min_crop, longest), longest, random);
  };
  CropRegion region;
  region.width = side(image.width);
  region.height = side(image.height);
  region.top = ChooseBetween(0, image.height - region.height, random);
  region.left = ChooseBetween(0, image.width - region.width, random);
  return region;
}

}  // namespace

void Flip(const eval::KeypointDataset& dataset, Sample* sample) {
  FlipImage(&sample->image);
  const double width = static_cast<double>(sample->image.width);
  for (Person& person : sample->persons) {
    person.box[0] = width - person.box[0] - person.box[2];
    for (size_t i = 0; i < person.keypoints.size(); i += 3) person.keypoints[i] = width - person.keypoints[i] - 1;
    for (const auto& [left, right] : dataset.flip_pairs) {
      std::swap_ranges(&person.keypoints[3 * left], &person.keypoints[3 * left] + 3, &person.keypoints[3 * right]);
    }
  }
}

void Resize(const ImageSize& size, Sample* sample) {
  const double x_ratio = static_cast<double>(size.width) / static_cast<double>(sample->image.width);
  const double y_ratio = static_cast<double>(size.height) / static_cast<double>(sample->image.height);
  if (size == SizeOf(sample->image)) return;
  sample->image = ResizeBilinear(sample->image, size);
  for (Person& person : sample->persons) {
    person.box = {person.box[0] * x_ratio, person.box[1] * y_ratio, person.box[2] * x_ratio, person.box[3] * y_ratio};
    person.area *= x_ratio * y_ratio;
    for (size_t i = 0; i < person.keypoints.size(); i += 3) {
      person.keypoints[i] *= x_ratio;
      person.keypoints[i + 1] *= y_ratio;
    }
  }
}

void Crop(const CropRegion& region, Sample* sample) {
  GROUPPOSE_CHECK(region.top >= 0 && region.left >= 0 && region.height > 0 && region.width > 0 &&
                      region.top + region.height <= sample->image.height &&
                      region.left + region.width <= sample->image.width,
                  "region ", region.height, " x ", region.width, " at ", region.top, ", ", region.left,
                  " of an image of ", sample->image.height, " x ", sample->image.width);
  sample->image = CropImage(sample->image, region);
  const double width = static_cast<double>(region.width), height = static_cast<double>(region.height);
  const auto x_inside = [&](double x) { return std::clamp(x - static_cast<double>(region.left), 0.0, width); };
  const auto y_inside = [&](double y) { return std::clamp(y - static_cast<double>(region.top), 0.0, height); };

  std::vector<Person> kept;
  for (Person& person : sample->persons) {
    const auto [x, y, w, h] = person.box;
    const double left = x_inside(x), top = y_inside(y), right = x_inside(x + w), bottom = y_inside(y + h);
    if (right <= left || bottom <= top) continue;
    person.box = {left, top, right - left, bottom - top};
    person.area = person.box[2] * person.box[3];
    for (size_t i = 0; i < person.keypoints.size(); i += 3) {
      person.keypoints[i] = x_inside(person.keypoints[i]);
      person.keypoints[i + 1] = y_inside(person.keypoints[i + 1]);
    }
    kept.push_back(std::move(person));
  }
  sample->persons = std::move(kept);
}

void TransformForTraining(const TransformOptions& options, const eval::KeypointDataset& dataset,
                          const SampleAddress& address, Sample* sample) {
  base::RandomStream random("augmentation", {address.seed, address.step, address.sample});
  if (random.NextUniform() < options.flip_probability) Flip(dataset, sample);
  if (random.NextUniform() < options.crop_probability) {
    if (!options.crop_resize_scales.empty()) ResizeShortSide(Choose(options.crop_resize_scales, &random), 0, sample);
    Crop(ChooseRegion(options, sample->image, &random), sample);
  }
  if (!options.scales.empty()) ResizeShortSide(Choose(options.scales, &random), options.max_size, sample);
}

void TransformForEvaluation(const TransformOptions& options, Sample* sample) {
  if (options.evaluation_scale > 0) ResizeShortSide(options.evaluation_scale, options.evaluation_max_size, sample);
}

}  // namespace grouppose
