#include "grouppose/data/make_batch.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace grouppose {
namespace {

constexpr int kChannels = 3;

// Of ImageNet's training images, red, green, blue; the numbers that every torchvision backbone was trained with.
constexpr std::array<float, kChannels> kMean = {0.485f, 0.456f, 0.406f};
constexpr std::array<float, kChannels> kDeviation = {0.229f, 0.224f, 0.225f};

// Every byte of every channel, normalised: the same three float operations as on tensors, done once.
using NormalisedBytes = std::array<std::array<float, 256>, kChannels>;

const NormalisedBytes& Normalised() {
  static const NormalisedBytes& table = *[] {
    auto* values = new NormalisedBytes;
    for (int c = 0; c < kChannels; ++c) {
      for (int byte = 0; byte < 256; ++byte) {
        (*values)[c][byte] = (static_cast<float>(byte) / 255.0f - kMean[c]) / kDeviation[c];
      }
    }
    return values;
  }();
  return table;
}

// One image into its place of the batch, whose rows are `row_size` and planes `plane_size` floats apart.
void CopyImage(const Image& image, int64_t row_size, int64_t plane_size, float* out) {
  GROUPPOSE_CHECK(static_cast<int64_t>(image.pixels.size()) == image.height * image.width * kChannels, "an image of ",
                  image.height, " x ", image.width, " has ", image.pixels.size(), " bytes");
  const NormalisedBytes& table = Normalised();
  const uint8_t* pixel = image.pixels.data();
  for (int64_t y = 0; y < image.height; ++y) {
    float* row = out + y * row_size;
    for (int64_t x = 0; x < image.width; ++x, pixel += kChannels) {
      row[x] = table[0][pixel[0]];
      row[plane_size + x] = table[1][pixel[1]];
      row[2 * plane_size + x] = table[2][pixel[2]];
    }
  }
}

void MarkImage(const Image& image, int64_t row_size, bool* padding) {
  for (int64_t y = 0; y < image.height; ++y) std::fill_n(padding + y * row_size, image.width, false);
}

}  // namespace

ImageTargets MakeTargets(const Sample& sample, int num_keypoints) {
  const int64_t persons = static_cast<int64_t>(sample.persons.size());
  const double width = static_cast<double>(sample.image.width), height = static_cast<double>(sample.image.height);
  ImageTargets targets;
  targets.labels = at::empty({persons}, at::kLong);
  targets.boxes = at::empty({persons, 4}, at::kFloat);
  targets.keypoints = at::empty({persons, 3 * num_keypoints}, at::kFloat);
  targets.area = at::empty({persons}, at::kFloat);
  int64_t* labels = targets.labels.data_ptr<int64_t>();
  float* boxes = targets.boxes.data_ptr<float>();
  float* keypoints = targets.keypoints.data_ptr<float>();
  float* areas = targets.area.data_ptr<float>();
  for (const Person& person : sample.persons) {
    GROUPPOSE_CHECK(static_cast<int>(person.keypoints.size()) == 3 * num_keypoints, "image ", sample.image_id, ": ",
                    person.keypoints.size(), " numbers, expected ", 3 * num_keypoints);
    *labels++ = 1;
    const auto [x, y, w, h] = person.box;
    *boxes++ = static_cast<float>((x + w / 2) / width);
    *boxes++ = static_cast<float>((y + h / 2) / height);
    *boxes++ = static_cast<float>(w / width);
    *boxes++ = static_cast<float>(h / height);
    for (int j = 0; j < num_keypoints; ++j) {
      keypoints[2 * j] = static_cast<float>(person.keypoints[3 * j] / width);
      keypoints[2 * j + 1] = static_cast<float>(person.keypoints[3 * j + 1] / height);
      // hidden joints are learnt like visible ones
      keypoints[2 * num_keypoints + j] = person.keypoints[3 * j + 2] > 0 ? 1.0f : 0.0f;
    }
    keypoints += 3 * num_keypoints;
    *areas++ = static_cast<float>(person.area / (width * height));
  }
  return targets;
}

Batch MakeBatch(const std::vector<Sample>& samples, int num_keypoints) {
  GROUPPOSE_CHECK(!samples.empty(), "a batch has at least one image");
  int64_t height = 0, width = 0;
  for (const Sample& sample : samples) {
    height = std::max(height, sample.image.height);
    width = std::max(width, sample.image.width);
  }
  const int64_t count = static_cast<int64_t>(samples.size()), plane = height * width;

  Batch batch;
  batch.images = at::zeros({count, kChannels, height, width}, at::kFloat);
  batch.padding_mask = at::empty({count, height, width}, at::kBool);
  float* images = batch.images.data_ptr<float>();
  bool* padding = batch.padding_mask.data_ptr<bool>();
  std::fill_n(padding, count * plane, true);
  for (const Sample& sample : samples) {
    CopyImage(sample.image, width, plane, images);
    MarkImage(sample.image, width, padding);
    images += kChannels * plane;
    padding += plane;
    batch.targets.push_back(MakeTargets(sample, num_keypoints));
    batch.image_ids.push_back(sample.image_id);
    batch.original_sizes.push_back(sample.original_size);
  }
  return batch;
}

}  // namespace grouppose
