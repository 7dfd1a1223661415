#include "grouppose/data/resize.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

Image RandomImage(int64_t height, int64_t width, uint64_t seed) {
  base::RandomStream random("resize_test", {seed});
  Image image{height, width, std::vector<uint8_t>(height * width * 3)};
  for (uint8_t& byte : image.pixels) byte = static_cast<uint8_t>(random.NextBelow(256));
  return image;
}

// One byte of the resized image, from the definition in real numbers: a triangle as wide as the larger of the two pixel
// sizes, cut off at the border and normalised.
double FilterAxis(const std::vector<double>& line, int64_t output_size, int64_t at) {
  const double input_size = static_cast<double>(line.size());
  const double scale = input_size / static_cast<double>(output_size), width = std::max(scale, 1.0);
  const double centre = (static_cast<double>(at) + 0.5) * scale;
  double sum = 0, weights = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(i) + 0.5 - centre) / width);
    sum += weight * line[i];
    weights += weight;
  }
  return sum / weights;
}

double FilterImage(const Image& image, const ImageSize& size, int64_t y, int64_t x, int channel) {
  std::vector<double> column;
  for (int64_t row = 0; row < image.height; ++row) {
    std::vector<double> line;
    for (int64_t i = 0; i < image.width; ++i) line.push_back(image.pixels[(row * image.width + i) * 3 + channel]);
    column.push_back(FilterAxis(line, size.width, x));
  }
  return FilterAxis(column, size.height, y);
}

TEST(ResizeBilinear, FollowsTheDefinition) {
  const std::vector<std::pair<ImageSize, ImageSize>> cases = {
      {{1, 1}, {1, 1}},  {{1, 1}, {3, 5}},   {{7, 9}, {1, 1}},    {{13, 8}, {5, 8}},
      {{8, 13}, {8, 5}}, {{5, 4}, {12, 11}}, {{17, 10}, {6, 23}}, {{3, 20}, {31, 2}},
  };
  for (const auto& [from, to] : cases) {
    const Image image = RandomImage(from.height, from.width, from.height * 100 + from.width);
    const Image resized = ResizeBilinear(image, to);
    ASSERT_EQ(resized.height, to.height);
    ASSERT_EQ(resized.width, to.width);
    ASSERT_EQ(resized.pixels.size(), to.height * to.width * 3);
    for (int64_t y = 0; y < to.height; ++y) {
      for (int64_t x = 0; x < to.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          // each of the two passes rounds by at most a half, and the second averages what the first rounded
          EXPECT_NEAR(resized.pixels[(y * to.width + x) * 3 + c], FilterImage(image, to, y, x, c), 1.001)
              << from.height << " x " << from.width << " to " << to.height << " x " << to.width;
        }
      }
    }
  }
}

TEST(ResizeBilinear, KeepsFlatImagesFlat) {
  for (uint8_t level : {0, 1, 127, 254, 255}) {
    const Image image{11, 13, std::vector<uint8_t>(11 * 13 * 3, level)};
    for (const ImageSize& size : {ImageSize{40, 3}, ImageSize{1, 1}, ImageSize{5, 64}}) {
      const Image resized = ResizeBilinear(image, size);
      EXPECT_EQ(resized.pixels, std::vector<uint8_t>(size.height * size.width * 3, level));
    }
  }
}

TEST(ResizeBilinear, RefusesEmptyImages) {
  EXPECT_THROW(ResizeBilinear(Image{0, 3, {}}, {2, 2}), base::CheckError);
  EXPECT_THROW(ResizeBilinear(RandomImage(2, 2, 0), {0, 2}), base::CheckError);
}

TEST(SizeForShortSide, LimitsTheLongSide) {
  EXPECT_EQ(SizeForShortSide({480, 640}, 800, 1333), (ImageSize{800, 1066}));
  EXPECT_EQ(SizeForShortSide({640, 480}, 800, 1333), (ImageSize{1066, 800}));
  EXPECT_EQ(SizeForShortSide({100, 1000}, 800, 1333), (ImageSize{133, 1330}));
  EXPECT_EQ(SizeForShortSide({100, 1000}, 800, 0), (ImageSize{800, 8000}));
  EXPECT_EQ(SizeForShortSide({64, 64}, 64, 1333), (ImageSize{64, 64}));
  // 5 * 3 / 6 = 2.5 rounds to the even 2
  EXPECT_EQ(SizeForShortSide({3, 6}, 100, 5), (ImageSize{2, 4}));
}

TEST(SizeForShortSide, EqualsTheOfficialTable) {
  SKIP_WITHOUT_TEST_DATA();
  simdjson::dom::parser parser;
  const std::string path = base::JoinPath(testing::TestDataFolder(), "fixtures/resize_sizes.json");
  int rows = 0;
  for (simdjson::dom::element row : parser.load(path)["rows"].get_array()) {
    const auto number = [&](size_t column) {
      int64_t value = 0;
      const bool is_null = row.at(column).get(value) != simdjson::SUCCESS;
      return is_null ? int64_t{0} : value;  // null: no limit
    };
    const ImageSize size = SizeForShortSide({number(1), number(0)}, number(2), number(3));
    EXPECT_EQ(size, (ImageSize{number(5), number(4)})) << "row " << rows;
    ++rows;
  }
  EXPECT_GT(rows, 300);
}

}  // namespace
}  // namespace grouppose
