// Problems for tests of the kernels of group attention, without LibTorch and GoogleTest: inputs, the reference's
// results, and comparison with them.
#ifndef OPS_GROUP_ATTENTION_GROUP_ATTENTION_PROBLEMS_H_
#define OPS_GROUP_ATTENTION_GROUP_ATTENTION_PROBLEMS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "ops/group_attention/group_attention_reference.h"

namespace ops::testing {

struct Problem {
  GroupAttentionSizes sizes;
  // with gaps between the tokens of qkv that nobody may use; NaN fills them
  GroupAttentionStrides strides;
  std::vector<double> qkv, grad_output;

  int64_t tokens() const { return sizes.batch * sizes.instances * sizes.keypoints; }
  int64_t outputs() const { return tokens() * sizes.hidden(); }
};

// Values that bfloat16 holds exactly, so that all types start from the same numbers. A row's largest score stands out
// little: all weights matter.
inline Problem MakeProblem(int64_t batch, int64_t instances, int64_t keypoints, int64_t heads, int64_t channels,
                           GroupAttentionAlong along) {
  Problem problem;
  problem.sizes = {batch, instances, keypoints, heads, channels, along};
  const int64_t width = 3 * problem.sizes.hidden();
  problem.strides = {instances * (keypoints * (width + 3) + 5) + 7, keypoints * (width + 3) + 5, width + 3};
  problem.qkv.assign(batch * problem.strides.batch, std::nan(""));
  base::RandomStream random("group_attention", {uint64_t(instances), uint64_t(keypoints), uint64_t(channels)});
  const auto next = [&random] { return (static_cast<double>(random.NextBelow(257)) - 128) / 64; };
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t n = 0; n < instances; ++n) {
      for (int64_t k = 0; k < keypoints; ++k) {
        double* token = problem.qkv.data() + b * problem.strides.batch + n * problem.strides.instance +
                        k * problem.strides.keypoint;
        for (int64_t i = 0; i < width; ++i) token[i] = next();
      }
    }
  }
  for (int64_t i = 0; i < problem.outputs(); ++i) problem.grad_output.push_back(next());
  return problem;
}

template <typename T>
struct Results {
  std::vector<T> output, grad_qkv;
};

inline Results<double> EvaluateReference(const Problem& problem) {
  Results<double> results = {std::vector<double>(problem.outputs()), std::vector<double>(3 * problem.outputs())};
  GroupAttentionReferenceForward(problem.sizes, problem.strides, problem.qkv.data(), results.output.data());
  GroupAttentionReferenceBackward(problem.sizes, problem.strides, problem.qkv.data(), problem.grad_output.data(),
                                  results.grad_qkv.data());
  return results;
}

// Where the first of the numbers lie further apart than `tolerance` times the largest expected one; "" if nowhere.
inline std::string Difference(const char* name, const std::vector<double>& found, const std::vector<double>& wanted,
                              double tolerance) {
  if (found.size() != wanted.size()) return std::string(name) + " has another size";
  double largest = 0;
  for (double x : wanted) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::abs(found[i] - wanted[i]) <= tolerance * largest) continue;
    return std::string(name) + " at " + std::to_string(i) + " is " + std::to_string(found[i]) + ", expected " +
           std::to_string(wanted[i]) + " within " + std::to_string(tolerance) + " of " + std::to_string(largest);
  }
  return "";
}

inline std::string Describe(const GroupAttentionSizes& sizes) {
  return std::to_string(sizes.batch) + " x " + std::to_string(sizes.instances) + " x " +
         std::to_string(sizes.keypoints) + " tokens, " + std::to_string(sizes.heads) + " heads of " +
         std::to_string(sizes.channels) + " channels, along " +
         (sizes.along == GroupAttentionAlong::kKeypoints ? "keypoints" : "instances");
}

}  // namespace ops::testing

#endif  // OPS_GROUP_ATTENTION_GROUP_ATTENTION_PROBLEMS_H_
