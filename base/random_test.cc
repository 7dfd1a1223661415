// Golden values, computed by another implementation of the formulas in random.h (Python, exact integers). A change here
// changes every experiment.
#include "base/random.h"

#include <vector>

#include "gtest/gtest.h"

namespace base {
namespace {

TEST(Fnv1a64, EqualsKnownVectors) {
  EXPECT_EQ(Fnv1a64(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fnv1a64("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Fnv1a64("foobar"), 0x85944171f73967e8u);
  EXPECT_EQ(Fnv1a64("class_embed.0.bias"), 0x12ea95d1a4eecde6u);
}

// The published first outputs of SplitMix64 with seed 0.
TEST(Mix64, IsSplitMix64) {
  EXPECT_EQ(Mix64(0), 0u);
  EXPECT_EQ(Mix64(kGolden), 0xe220a8397b1dcdafu);
  EXPECT_EQ(Mix64(2 * kGolden), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(Mix64(3 * kGolden), 0x06c45d188009454fu);
}

struct Golden {
  RandomStream stream;
  std::vector<uint64_t> bits;
  std::vector<double> uniform;
  std::vector<uint64_t> below_ten;
  double normal;
};

TEST(RandomStream, EqualsGoldenValues) {
  const std::vector<Golden> golden = {
      {RandomStream("order", {0, 0}),
       {0x907008a1af1893b3, 0x2e5acfc04e497b84, 0xbd028e4281e40aba},
       {0.5642094988571407, 0.1810731739517787, 0.7383202469226405},
       {5, 1, 7},
       0.5408983129934644},
      {RandomStream("order", {1, 0}),
       {0xa8c01a87219ee590, 0x3c54239c84d143d7, 0x5d4a3c8e729bebb6},
       {0.6591812686834788, 0.23565886088619425, 0.3644140098354992},
       {6, 2, 3},
       0.1320317582157295},
      {RandomStream("order", {0, 1}),
       {0xc5f0d3f7b8ff17a, 0x587d639096612520, 0x3a8b7c8c39bfd3da},
       {0.04832537460202935, 0.3456632831570272, 0.2286908953044524},
       {0, 3, 2},
       -0.1779960584233952},
      {RandomStream("", {}),
       {0xc3817c016ba4ff30, 0x100cdaacc0bc9316, 0x54c3a569ecf61b1b},
       {0.7636945250957473, 0.06269613950347463, 0.3311103232963081},
       {7, 0, 3},
       1.5685043659033406},
  };
  for (const Golden& expected : golden) {
    for (size_t i = 0; i < expected.bits.size(); ++i) {
      EXPECT_EQ(expected.stream.Bits(i), expected.bits[i]);
      EXPECT_EQ(expected.stream.Uniform(i), expected.uniform[i]);
      EXPECT_EQ(expected.stream.Below(i, 10), expected.below_ten[i]);
    }
    RandomStream stream = expected.stream;
    EXPECT_DOUBLE_EQ(stream.NextNormal(), expected.normal);
    // a normal value takes two indices
    EXPECT_EQ(stream.NextUniform(), expected.uniform[2]);
  }
}

TEST(RandomStream, AddressesAreNotConfused) {
  const auto first = [](RandomStream stream) { return stream.Bits(0); };
  EXPECT_NE(first(RandomStream("a", {1, 2})), first(RandomStream("a", {2, 1})));
  EXPECT_NE(first(RandomStream("a", {0})), first(RandomStream("a", {0, 0})));
  EXPECT_NE(first(RandomStream("a", {})), first(RandomStream("a", {0})));
  EXPECT_NE(first(RandomStream("a", {1})), first(RandomStream("b", {1})));
}

TEST(RandomStream, StaysInItsRange) {
  RandomStream stream("range", {});
  double sum = 0;
  std::vector<int> seen(3);
  for (int i = 0; i < 3000; ++i) {
    const double value = stream.NextUniform(-2, 4);
    EXPECT_GE(value, -2);
    EXPECT_LT(value, 4);
    sum += value;
    ++seen[stream.NextBelow(3)];
    EXPECT_EQ(stream.Below(i, 1), 0u);
  }
  // six standard deviations of the mean of 3000 values: 6 * 6 / sqrt(12 * 3000)
  EXPECT_NEAR(sum / 3000, 1, 0.19);
  // six standard deviations of a count
  for (int count : seen) EXPECT_NEAR(count, 1000, 155);
}

}  // namespace
}  // namespace base
