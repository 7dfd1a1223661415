#include "grouppose/data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"

namespace grouppose {
namespace {

constexpr int kChannels = 3;

// Of 32 bits, 8 hold the pixel and 2 stay free for sign and rounding.
constexpr int kWeightBits = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);

// The input pixels that make one output pixel, and their weights.
struct Taps {
  int64_t first;
  std::vector<int32_t> weights;
};

std::vector<Taps> TriangleTaps(int64_t input_size, int64_t output_size) {
  const double scale = static_cast<double>(input_size) / static_cast<double>(output_size);
  const double support = std::max(scale, 1.0);
  const double inverse_support = 1.0 / support;
  std::vector<Taps> all(output_size);
  std::vector<double> exact;
  for (int64_t i = 0; i < output_size; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    // Pillow rounds by adding a half and cutting off
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const int64_t last = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), input_size);
    // NOLINTEND(bugprone-incorrect-roundings)
    exact.clear();
    double sum = 0;
    for (int64_t j = first; j < last; ++j) {
      const double distance = std::abs((static_cast<double>(j) - centre + 0.5) * inverse_support);
      exact.push_back(distance < 1 ? 1 - distance : 0);
      sum += exact.back();
    }
    all[i].first = first;
    for (double weight : exact) {
      const double share = sum != 0 ? weight / sum : weight;
      // as above; NOLINTNEXTLINE(bugprone-incorrect-roundings)
      all[i].weights.push_back(static_cast<int32_t>(0.5 + share * (1 << kWeightBits)));
    }
  }
  return all;
}

// A sum of weighted bytes, back to a byte. Weights are not negative and sum to 1 up to rounding.
inline uint8_t ToByte(int32_t sum) { return static_cast<uint8_t>(std::min(sum >> kWeightBits, 255)); }

Image ResizeRows(const Image& image, int64_t width) {
  Image resized{image.height, width, std::vector<uint8_t>(image.height * width * kChannels)};
  const std::vector<Taps> all = TriangleTaps(image.width, width);
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = image.pixels.data() + y * image.width * kChannels;
    uint8_t* out = resized.pixels.data() + y * width * kChannels;
    for (const Taps& taps : all) {
      const uint8_t* pixel = row + taps.first * kChannels;
      int32_t red = kHalf, green = kHalf, blue = kHalf;
      for (int32_t weight : taps.weights) {
        red += weight * pixel[0];
        green += weight * pixel[1];
        blue += weight * pixel[2];
        pixel += kChannels;
      }
      out[0] = ToByte(red);
      out[1] = ToByte(green);
      out[2] = ToByte(blue);
      out += kChannels;
    }
  }
  return resized;
}

Image ResizeColumns(const Image& image, int64_t height) {
  const int64_t row_size = image.width * kChannels;
  Image resized{height, image.width, std::vector<uint8_t>(height * row_size)};
  const std::vector<Taps> all = TriangleTaps(image.height, height);
  // a whole row of sums at once: the inner loops run over neighbouring bytes
  std::vector<int32_t> sums(row_size);
  for (int64_t y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* row = image.pixels.data() + all[y].first * row_size;
    for (int32_t weight : all[y].weights) {
      for (int64_t i = 0; i < row_size; ++i) sums[i] += weight * row[i];
      row += row_size;
    }
    uint8_t* out = resized.pixels.data() + y * row_size;
    for (int64_t i = 0; i < row_size; ++i) out[i] = ToByte(sums[i]);
  }
  return resized;
}

}  // namespace

Image ResizeBilinear(const Image& image, const ImageSize& size) {
  GROUPPOSE_CHECK(image.height > 0 && image.width > 0 && size.height > 0 && size.width > 0, "from ", image.height,
                  " x ", image.width, " to ", size.height, " x ", size.width);
  if (image.width == size.width && image.height == size.height) return image;
  if (image.width == size.width) return ResizeColumns(image, size.height);
  if (image.height == size.height) return ResizeRows(image, size.width);
  return ResizeColumns(ResizeRows(image, size.width), size.height);
}

ImageSize SizeForShortSide(const ImageSize& size, int64_t short_side, int64_t max_size) {
  const int64_t shorter = std::min(size.height, size.width), longer = std::max(size.height, size.width);
  GROUPPOSE_CHECK(shorter > 0 && short_side > 0 && max_size >= 0, size.height, " x ", size.width, " to ", short_side,
                  ", ", max_size);
  const double ratio = static_cast<double>(longer) / static_cast<double>(shorter);
  if (max_size > 0 && ratio * static_cast<double>(short_side) > static_cast<double>(max_size)) {
    // nearbyint rounds half to even, as Python's round does
    short_side = static_cast<int64_t>(
        std::nearbyint(static_cast<double>(max_size) * static_cast<double>(shorter) / static_cast<double>(longer)));
  }
  if (shorter == short_side) return size;
  const auto other_side = [&](int64_t other) {
    return static_cast<int64_t>(static_cast<double>(short_side * other) / static_cast<double>(shorter));
  };
  if (size.width < size.height) return {other_side(size.height), short_side};
  return {short_side, other_side(size.width)};
}

}  // namespace grouppose
