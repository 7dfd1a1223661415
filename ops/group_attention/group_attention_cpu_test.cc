#include "ops/group_attention/group_attention_cpu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <type_traits>
#include <vector>

#include "ops/cpu_target/cpu_target.h"
#include "ops/group_attention/group_attention_problems.h"

namespace ops::testing {
namespace {

// ---- numbers as the types store them

template <typename To, typename From>
To SameBits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

template <typename T>
T Stored(double x) {
  if constexpr (std::is_same_v<T, BFloat16Bits>) {
    return {static_cast<uint16_t>(SameBits<uint32_t>(static_cast<float>(x)) >> 16)};
  } else if constexpr (std::is_same_v<T, HalfBits>) {
    return {SameBits<uint16_t>(static_cast<_Float16>(x))};
  } else {
    return static_cast<T>(x);
  }
}
double Read(float x) { return static_cast<double>(x); }
double Read(double x) { return x; }
double Read(BFloat16Bits x) { return static_cast<double>(SameBits<float>(static_cast<uint32_t>(x.bits) << 16)); }
double Read(HalfBits x) { return static_cast<double>(SameBits<_Float16>(x.bits)); }

template <typename T>
std::vector<double> Read(const std::vector<T>& values) {
  std::vector<double> read;
  for (const T& x : values) read.push_back(Read(x));
  return read;
}

template <typename T>
std::vector<T> StoredValues(const std::vector<double>& values) {
  std::vector<T> stored;
  for (double x : values) stored.push_back(Stored<T>(x));
  return stored;
}

// ---- evaluation

constexpr double kPoison = 999;

// Both passes, in chunks of so many tasks, into poisoned arrays.
template <typename T>
Results<T> Evaluate(const Problem& problem, int64_t chunk = std::numeric_limits<int64_t>::max()) {
  const std::vector<T> qkv = StoredValues<T>(problem.qkv), grad_output = StoredValues<T>(problem.grad_output);
  Results<T> results = {std::vector<T>(problem.outputs(), Stored<T>(kPoison)),
                        std::vector<T>(3 * problem.outputs(), Stored<T>(kPoison))};
  const int64_t tasks = GroupAttentionTasks(problem.sizes);
  for (int64_t begin = 0; begin < tasks;) {
    const int64_t end = begin + std::min(chunk, tasks - begin);
    GroupAttentionForwardCpu(problem.sizes, problem.strides, qkv.data(), begin, end, results.output.data());
    GroupAttentionBackwardCpu(problem.sizes, problem.strides, qkv.data(), grad_output.data(), begin, end,
                              results.grad_qkv.data());
    begin = end;
  }
  return results;
}

template <typename T>
bool SameBitsIn(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// A few dozen roundings of 2^-24 and 2^-53; in the 16-bit types half of the last place, when they are stored.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, double>         ? 5e-15
                              : std::is_same_v<T, float>        ? 2e-6
                              : std::is_same_v<T, BFloat16Bits> ? 0x1.01p-8
                                                                : 0x1.01p-11;

// Near the reference on every target, with the same bits on all.
template <typename T>
void ExpectEqualToReference(const Problem& problem, const Results<double>& wanted) {
  const std::vector<CpuTarget> targets = SupportedCpuTargets();
  UseCpuTarget(targets.front());
  const Results<T> first = Evaluate<T>(problem);
  EXPECT_EQ(Difference("output", Read(first.output), wanted.output, kTolerance<T>), "");
  EXPECT_EQ(Difference("gradient", Read(first.grad_qkv), wanted.grad_qkv, kTolerance<T>), "");
  for (CpuTarget target : targets) {
    UseCpuTarget(target);
    const Results<T> other = Evaluate<T>(problem);
    EXPECT_TRUE(SameBitsIn(first.output, other.output)) << CpuTargetName(target);
    EXPECT_TRUE(SameBitsIn(first.grad_qkv, other.grad_qkv)) << CpuTargetName(target);
  }
  UseCpuTarget(targets.front());
}

void ExpectEqualToReferenceInAllTypes(const Problem& problem) {
  SCOPED_TRACE(Describe(problem.sizes));
  const Results<double> wanted = EvaluateReference(problem);
  ExpectEqualToReference<float>(problem, wanted);
  ExpectEqualToReference<double>(problem, wanted);
  ExpectEqualToReference<BFloat16Bits>(problem, wanted);
  ExpectEqualToReference<HalfBits>(problem, wanted);
}

constexpr GroupAttentionAlong kInstances = GroupAttentionAlong::kInstances,
                              kKeypoints = GroupAttentionAlong::kKeypoints;

TEST(GroupAttentionCpuTest, EveryLengthBeyondABlockOfQueries) {
  for (int64_t length = 1; length <= 80; ++length) {
    ExpectEqualToReferenceInAllTypes(MakeProblem(1, 2, length, 2, 5, kKeypoints));
    ExpectEqualToReferenceInAllTypes(MakeProblem(1, length, 2, 1, 8, kInstances));
    if (HasFailure()) return;
  }
}

TEST(GroupAttentionCpuTest, EveryNumberOfChannels) {
  for (int64_t channels = 1; channels <= 70; ++channels) {
    ExpectEqualToReferenceInAllTypes(MakeProblem(1, 3, 7, 2, channels, kKeypoints));
    if (HasFailure()) return;
  }
  ExpectEqualToReferenceInAllTypes(MakeProblem(1, 5, 3, 1, 257, kInstances));
}

TEST(GroupAttentionCpuTest, SizesOfTheModels) {
  for (GroupAttentionAlong along : {kInstances, kKeypoints}) {
    ExpectEqualToReferenceInAllTypes(MakeProblem(1, 100, 18, 2, 32, along));
    ExpectEqualToReferenceInAllTypes(MakeProblem(2, 16, 18, 4, 16, along));
  }
  // all tokens of an image at once
  ExpectEqualToReferenceInAllTypes(MakeProblem(1, 1, 600, 1, 32, kKeypoints));
}

TEST(GroupAttentionCpuTest, NothingToDo) {
  for (GroupAttentionAlong along : {kInstances, kKeypoints}) {
    for (const auto& [batch, instances, keypoints] :
         std::vector<std::tuple<int64_t, int64_t, int64_t>>{{0, 3, 4}, {2, 0, 4}, {2, 3, 0}}) {
      const Problem problem = MakeProblem(batch, instances, keypoints, 2, 8, along);
      EXPECT_TRUE(Evaluate<float>(problem).output.empty());
    }
  }
}

// As different numbers of threads cut them.
TEST(GroupAttentionCpuTest, SameBitsHoweverTasksAreCut) {
  for (GroupAttentionAlong along : {kInstances, kKeypoints}) {
    const Problem problem = MakeProblem(2, 19, 7, 3, 9, along);
    const Results<float> whole = Evaluate<float>(problem);
    for (int64_t chunk : {1, 2, 5, 30}) {
      const Results<float> cut = Evaluate<float>(problem, chunk);
      EXPECT_TRUE(SameBitsIn(whole.output, cut.output)) << chunk;
      EXPECT_TRUE(SameBitsIn(whole.grad_qkv, cut.grad_qkv)) << chunk;
    }
  }
}

// A row of weights sums to one, and one weight alone is one.
TEST(GroupAttentionCpuTest, EqualValuesComeOutAsTheyAre) {
  Problem problem = MakeProblem(1, 1, 33, 1, 16, kKeypoints);
  for (int64_t k = 0; k < 33; ++k) {
    for (int64_t c = 0; c < 16; ++c) problem.qkv[k * problem.strides.keypoint + 32 + c] = 1.5;
  }
  for (float x : Evaluate<float>(problem).output) EXPECT_NEAR(x, 1.5, 6e-7);
}

// Scores so far apart that all but the largest underflow, and so large that exp() alone would overflow.
TEST(GroupAttentionCpuTest, LargeScores) {
  for (double factor : {1e2, 1e4, 1e15}) {
    Problem problem = MakeProblem(1, 1, 21, 1, 8, kKeypoints);
    for (int64_t k = 0; k < 21; ++k) {
      for (int64_t c = 0; c < 8; ++c) problem.qkv[k * problem.strides.keypoint + c] *= factor;
    }
    const Results<double> wanted = EvaluateReference(problem);
    const Results<double> found = Evaluate<double>(problem);
    // the scores' own rounding comes back multiplied by their size
    EXPECT_EQ(Difference("output", found.output, wanted.output, factor > 1e5 ? 1e-12 : 1e-14 * factor), "");
    for (double x : found.grad_qkv) EXPECT_TRUE(std::isfinite(x));
    for (float x : Evaluate<float>(problem).output) EXPECT_TRUE(std::isfinite(x));
  }
}

// ---- what is not a number

class NotANumber : public ::testing::TestWithParam<double> {
 protected:
  // Where the outputs [length, channels] of two instances, of 21 tokens with 8 channels, are not finite after
  // `part` of token 3 of the first instance, channel 2, was set to the parameter: 21 rows x 8 channels of bits.
  static std::vector<bool> Spread(int64_t part) {
    Problem problem = MakeProblem(1, 2, 21, 1, 8, kKeypoints);
    problem.qkv[3 * problem.strides.keypoint + part * 8 + 2] = GetParam();
    std::vector<std::vector<bool>> of_targets;
    for (CpuTarget target : SupportedCpuTargets()) {
      UseCpuTarget(target);
      of_targets.emplace_back();
      for (float x : Evaluate<float>(problem).output) of_targets.back().push_back(!std::isfinite(x));
    }
    UseCpuTarget(SupportedCpuTargets().front());
    for (const std::vector<bool>& of_target : of_targets) EXPECT_EQ(of_target, of_targets.front());
    return of_targets.front();
  }
};

TEST_P(NotANumber, InAQuerySpoilsItsRow) {
  const std::vector<bool> spread = Spread(0);
  for (int64_t i = 0; i < 2 * 21 * 8; ++i) EXPECT_EQ(spread[i], i / 8 == 3) << i;
}

TEST_P(NotANumber, InAKeySpoilsItsInstance) {
  const std::vector<bool> spread = Spread(1);
  for (int64_t i = 0; i < 2 * 21 * 8; ++i) {
    // an infinite key may have a score of minus infinity, and then no weight
    if (std::isnan(GetParam())) {
      EXPECT_EQ(spread[i], i < 21 * 8) << i;
    } else if (i >= 21 * 8) {
      EXPECT_FALSE(spread[i]) << i;
    }
  }
}

TEST_P(NotANumber, InAValueSpoilsItsChannel) {
  const std::vector<bool> spread = Spread(2);
  for (int64_t i = 0; i < 2 * 21 * 8; ++i) EXPECT_EQ(spread[i], i < 21 * 8 && i % 8 == 2) << i;
}

INSTANTIATE_TEST_SUITE_P(All, NotANumber,
                         ::testing::Values(std::nan(""), -std::nan(""), std::numeric_limits<double>::infinity(),
                                           -std::numeric_limits<double>::infinity()));

}  // namespace
}  // namespace ops::testing
