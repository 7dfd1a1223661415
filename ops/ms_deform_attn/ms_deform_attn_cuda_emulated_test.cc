// The CUDA kernels' own source, run on the CPU by the launch emulator, against the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "ops/cuda_emulator/cuda_emulator.h"
#include "ops/ms_deform_attn/ms_deform_attn_cuda_checks.h"

namespace ops::testing {
namespace {

using ::testing::Each;

class MsDeformAttnCudaEmulatedTest : public ::testing::Test {
 protected:
  void TearDown() override { cuda_emulator::SetOrder(0); }
};

TEST_F(MsDeformAttnCudaEmulatedTest, ChannelCounts) {
  std::vector<int64_t> counts = {64, 71, 128, 136, 1024, 1025};
  for (int64_t channels = 1; channels <= 33; ++channels) counts.push_back(channels);
  for (const int64_t channels : counts) {
    cuda_emulator::SetOrder(static_cast<uint64_t>(channels));
    // now the one, now the other, for vectors of every width
    const Sums sums = channels / 8 % 2 == 0 ? Sums::kAtomic : Sums::kDeterministic;
    ASSERT_EQ(CheckAll(MakeProblem(1, 2, channels, {3, 4, 2, 1}, 3, 2), sums), "");
  }
}

TEST_F(MsDeformAttnCudaEmulatedTest, LevelsPointsHeadsAndImages) {
  const std::vector<int64_t> shapes = {7, 5, 4, 3, 2, 2, 1, 1, 1, 6};
  for (const int64_t levels : {1, 2, 5}) {
    for (const int64_t points : {1, 4, 7, 16}) {
      const std::vector<int64_t> taken(shapes.begin(), shapes.begin() + 2 * levels);
      ASSERT_EQ(CheckAll(MakeProblem(2, 3, 8, taken, 4, points)), "");
    }
  }
}

TEST_F(MsDeformAttnCudaEmulatedTest, LayoutsOfReferencePoints) {
  const Problem problem = MakeProblem(3, 2, 4, {3, 4, 2, 2}, 5, 3);
  for (const int64_t batch : {1, 3}) {
    for (const int64_t levels : {1, 2}) {
      for (const int64_t coordinates : {2, 4}) {
        const FusedProblem fused = MakeFusedProblem(problem, {batch, levels, coordinates});
        for (const bool wants_reference : {false, true}) {
          EXPECT_EQ(CheckFused<float>(fused, Sums::kAtomic, wants_reference), "");
          EXPECT_EQ(CheckFused<double>(fused, Sums::kAtomic, wants_reference), "");
        }
      }
    }
  }
}

// The queries of a head fill more than one block, and not the last.
TEST_F(MsDeformAttnCudaEmulatedTest, SeveralBlocksOfQueries) {
  ASSERT_EQ(CheckPlain<float>(MakeProblem(2, 2, 32, {7, 5, 3, 3}, 75, 4), Sums::kAtomic), "");
  ASSERT_EQ(CheckPlain<__half>(MakeProblem(2, 2, 8, {7, 5}, 300, 2), Sums::kDeterministic), "");
}

// A value that begins at an odd element cannot be loaded 16 bytes at a time.
TEST_F(MsDeformAttnCudaEmulatedTest, MisalignedValues) {
  const Problem problem = MakeProblem(1, 2, 8, {3, 4}, 3, 2);
  std::vector<float> value(problem.value.begin(), problem.value.end()), shifted(value.size() + 1);
  std::copy(value.begin(), value.end(), shifted.begin() + 1);
  const std::vector<float> locations(problem.locations.begin(), problem.locations.end()),
      weights(problem.weights.begin(), problem.weights.end());
  std::vector<float> outputs[2];
  for (const bool is_shifted : {false, true}) {
    std::vector<float>& output = outputs[is_shifted ? 1 : 0];
    output.resize(problem.outputs());
    const float* from = is_shifted ? shifted.data() + 1 : value.data();
    ASSERT_EQ(LaunchMsDeformAttnForward<float>(SizesOf(problem), {from, locations.data(), weights.data()},
                                               output.data(), nullptr),
              cudaSuccess);
  }
  EXPECT_EQ(outputs[0], outputs[1]);
}

TEST_F(MsDeformAttnCudaEmulatedTest, PixelCentresAndBorders) {
  Problem problem = MakeProblem(1, 1, 8, {4, 8}, 1, 17 * 9);
  for (int64_t i = 0; i < problem.sizes.points; ++i) {
    problem.locations[2 * i] = static_cast<double>(i % 17) / 16;
    problem.locations[2 * i + 1] = static_cast<double>(i / 17) / 8;
  }
  EXPECT_EQ(CheckPlain<float>(problem, Sums::kAtomic), "");
  EXPECT_EQ(CheckPlain<double>(problem, Sums::kAtomic), "");
}

TEST_F(MsDeformAttnCudaEmulatedTest, PointsOutsideContributeNothing) {
  const std::vector<double> outside = OutsideLocations(4);
  const int64_t count = static_cast<int64_t>(outside.size());
  Problem problem = MakeProblem(1, 1, 8, {4, 4}, 1, 3 * count);
  for (int64_t i = 0; i < count; ++i) {
    double* locations = problem.locations.data() + 6 * i;
    locations[0] = locations[3] = locations[4] = locations[5] = outside[i];
    locations[1] = locations[2] = 0.5;
  }
  // neither the values nor the weights nor the gradient of such a point are looked at
  problem.value.assign(problem.value.size(), INFINITY);
  problem.weights.assign(problem.weights.size(), NAN);
  problem.grad_output.assign(problem.grad_output.size(), INFINITY);
  for (const Sums sums : {Sums::kAtomic, Sums::kDeterministic}) {
    const auto expect_zeros = [&](auto type) {
      Verdict verdict;
      for (const NamedValues& result : EvaluatePlain<decltype(type)>(problem, sums, &verdict)) {
        EXPECT_THAT(result.values, Each(0)) << result.name;
      }
      EXPECT_EQ(verdict.text(), "");
    };
    expect_zeros(float());
    expect_zeros(double());
    expect_zeros(__half());
    expect_zeros(__nv_bfloat16());
  }
}

// What is not a number reaches the gradient of the value in both ways of summing.
TEST_F(MsDeformAttnCudaEmulatedTest, AGradientThatIsNotANumberIsNotLost) {
  for (const double bad : {double{NAN}, double{INFINITY}}) {
    Problem problem = MakeProblem(1, 1, 4, {3, 3}, 1, 1);
    problem.locations = {0.4, 0.4};
    problem.grad_output[0] = bad;
    for (const Sums sums : {Sums::kAtomic, Sums::kDeterministic}) {
      Verdict verdict;
      const CudaResults found = EvaluatePlain<float>(problem, sums, &verdict);
      const std::vector<double>& gradient = found[1].values;
      EXPECT_TRUE(std::any_of(gradient.begin(), gradient.end(), [](double x) { return !std::isfinite(x); }));
    }
  }
}

TEST_F(MsDeformAttnCudaEmulatedTest, NothingToDo) {
  EXPECT_EQ(CheckAll(MakeProblem(2, 2, 5, {3, 4}, 0, 2)), "");
  EXPECT_EQ(CheckAll(MakeProblem(0, 2, 5, {3, 4}, 3, 2)), "");
}

// The bits of all results, as text that a set can compare.
template <typename T>
std::string BitsInOrder(const FusedProblem& problem, Sums sums, uint64_t order, size_t result) {
  cuda_emulator::SetOrder(order);
  Verdict verdict;
  const std::vector<double> values = EvaluateFused<T>(problem, sums, &verdict)[result].values;
  EXPECT_EQ(verdict.text(), "");
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
}

// Many points on few pixels, with addends of many sizes.
FusedProblem CrowdedProblem() {
  Problem problem = MakeProblem(2, 2, 12, {2, 3, 1, 1}, 40, 4);
  for (size_t i = 0; i < problem.grad_output.size(); ++i) problem.grad_output[i] *= std::exp2(-static_cast<int>(i % 9));
  return MakeFusedProblem(problem, {1, 2, 4});
}

template <typename T>
void ExpectTheSameBitsInEveryOrder(Sums sums, size_t result, size_t different) {
  const FusedProblem problem = CrowdedProblem();
  std::set<std::string> bits;
  for (uint64_t order = 0; order < 5; ++order) bits.insert(BitsInOrder<T>(problem, sums, order, result));
  if (different == 1) {
    EXPECT_EQ(bits.size(), 1) << "result " << result;
  } else {
    EXPECT_GE(bits.size(), different) << "result " << result;
  }
}

TEST_F(MsDeformAttnCudaEmulatedTest, DeterministicSumsHaveTheSameBitsInEveryOrder) {
  for (size_t result = 0; result < 5; ++result) {
    ExpectTheSameBitsInEveryOrder<float>(Sums::kDeterministic, result, 1);
    ExpectTheSameBitsInEveryOrder<__nv_bfloat16>(Sums::kDeterministic, result, 1);
    ExpectTheSameBitsInEveryOrder<double>(Sums::kDeterministic, result, 1);
  }
}

TEST_F(MsDeformAttnCudaEmulatedTest, OfAtomicSumsOnlyTheGradientOfTheValueDependsOnTheOrder) {
  for (const size_t result : {0, 2, 3, 4}) ExpectTheSameBitsInEveryOrder<float>(Sums::kAtomic, result, 1);
  ExpectTheSameBitsInEveryOrder<float>(Sums::kAtomic, 1, 2);
}

TEST_F(MsDeformAttnCudaEmulatedTest, DeterministicSumsAreAsAccurateAsAtomicOnes) {
  EXPECT_EQ(CheckFused<float>(CrowdedProblem(), Sums::kDeterministic), "");
  EXPECT_EQ(CheckFused<double>(CrowdedProblem(), Sums::kDeterministic), "");
}

TEST_F(MsDeformAttnCudaEmulatedTest, WhatTheKernelsCannotAddressDoesNotFit) {
  const std::vector<int64_t> shapes(2 * 17, 1);
  MsDeformAttnSizes good;
  good.batch = good.queries = 1;
  good.size = good.levels = 16;
  good.heads = 8;
  good.channels = 32;
  good.points = 4;
  good.spatial_shapes = shapes.data();
  EXPECT_TRUE(MsDeformAttnCudaFits(good));
  const auto fits = [&](int64_t MsDeformAttnSizes::*field, int64_t value) {
    MsDeformAttnSizes sizes = good;
    sizes.*field = value;
    return MsDeformAttnCudaFits(sizes);
  };
  constexpr int64_t kLarge = std::numeric_limits<int32_t>::max();
  EXPECT_FALSE(fits(&MsDeformAttnSizes::levels, 17));
  EXPECT_FALSE(fits(&MsDeformAttnSizes::size, kLarge));
  EXPECT_FALSE(fits(&MsDeformAttnSizes::queries, kLarge));
  EXPECT_FALSE(fits(&MsDeformAttnSizes::points, kLarge / 16));
  EXPECT_FALSE(fits(&MsDeformAttnSizes::channels, kLarge / 64));
  EXPECT_FALSE(fits(&MsDeformAttnSizes::heads, int64_t{1} << 62));
  EXPECT_TRUE(fits(&MsDeformAttnSizes::size, kLarge - 1024));
  EXPECT_TRUE(fits(&MsDeformAttnSizes::batch, kLarge));
}

// Memory that is there only where it is touched.
template <typename T>
class Vast {
 public:
  explicit Vast(int64_t count) : bytes_(count * sizeof(T)) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  ~Vast() {
    if (is_there()) munmap(memory_, bytes_);
  }
  Vast(const Vast&) = delete;
  Vast& operator=(const Vast&) = delete;
  bool is_there() const { return memory_ != MAP_FAILED; }
  T* data() const { return static_cast<T*>(memory_); }

 private:
  size_t bytes_;
  void* memory_;
};

// The last pixel of an image of 2^33 elements, whose number a 32-bit index does not hold, nor that of its bytes.
TEST_F(MsDeformAttnCudaEmulatedTest, ElementsAreCountedIn64Bits) {
  const std::vector<int64_t> shapes = {int64_t{1} << 15, int64_t{1} << 10};
  MsDeformAttnSizes sizes;
  sizes.batch = sizes.queries = sizes.levels = sizes.points = 1;
  sizes.size = shapes[0] * shapes[1];
  sizes.heads = 8;
  sizes.channels = 32;
  sizes.spatial_shapes = shapes.data();
  ASSERT_TRUE(MsDeformAttnCudaFits(sizes));
  const int64_t count = sizes.size * sizes.heads * sizes.channels;
  ASSERT_EQ(count, int64_t{1} << 33);
  const Vast<float> value(count), gradient(count);
  if (!value.is_there() || !gradient.is_there()) GTEST_SKIP() << "no 64 GiB of addresses here";
  value.data()[count - 1] = 3;
  // the centre of that pixel
  std::vector<float> locations, weights(8, 0.5f), output(8 * 32), grad_output(8 * 32, 1), grad_locations(16),
      grad_weights(8);
  for (int head = 0; head < 8; ++head) {
    locations.push_back(1 - 0.5f / static_cast<float>(shapes[1]));
    locations.push_back(1 - 0.5f / static_cast<float>(shapes[0]));
  }
  const MsDeformAttnInputs<float> inputs = {value.data(), locations.data(), weights.data()};
  ASSERT_EQ(LaunchMsDeformAttnForward(sizes, inputs, output.data(), nullptr), cudaSuccess);
  EXPECT_EQ(output.back(), 1.5f);
  ASSERT_EQ(LaunchMsDeformAttnBackward<float>(sizes, inputs, grad_output.data(),
                                              {gradient.data(), grad_locations.data(), grad_weights.data()}, nullptr,
                                              nullptr),
            cudaSuccess);
  EXPECT_EQ(gradient.data()[count - 1], 0.5f);
  EXPECT_EQ(grad_weights.back(), 3);
}

TEST_F(MsDeformAttnCudaEmulatedTest, MoreBlocksThanAGridHasAreRefused) {
  Problem problem = MakeProblem(0, 1, 1, {1, 1}, 0, 1);
  MsDeformAttnSizes sizes = SizesOf(problem);
  sizes.queries = 1;
  for (const int64_t batch : {int64_t{1} << 31, std::numeric_limits<int64_t>::max()}) {
    sizes.batch = batch;
    EXPECT_EQ(LaunchMsDeformAttnForward<float>(sizes, {}, nullptr, nullptr), cudaErrorInvalidConfiguration);
    EXPECT_EQ(LaunchMsDeformAttnBackward<float>(sizes, {}, nullptr, {}, nullptr, nullptr),
              cudaErrorInvalidConfiguration);
  }
}

}  // namespace
}  // namespace ops::testing
