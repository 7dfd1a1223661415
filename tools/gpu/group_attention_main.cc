// Group attention's kernels on a GPU, without torch: compares them with the reference in every type, and prints the
// rows of run.sh's table. tools/gpu/checks.py compares with torch.
#include <cstdio>
#include <string>
#include <vector>

#include "ops/group_attention/group_attention_cuda_checks.h"
#include "tools/gpu/benchmark.h"

namespace gpu {
namespace {

using ops::GroupAttentionAlong;
using ops::GroupAttentionSizes;

constexpr GroupAttentionAlong kInstances = GroupAttentionAlong::kInstances,
                              kKeypoints = GroupAttentionAlong::kKeypoints;

// Both passes, every type; false where something differs.
bool CheckKernels() {
  int failed = 0;
  for (const GroupAttentionAlong along : {kInstances, kKeypoints}) {
    for (const ops::testing::Problem& problem :
         {ops::testing::MakeProblem(1, 100, 18, 2, 16, along), ops::testing::MakeProblem(2, 16, 18, 4, 16, along),
          ops::testing::MakeProblem(2, 20, 18, 3, 33, along), ops::testing::MakeProblem(3, 5, 7, 1, 64, along),
          ops::testing::MakeProblem(1, 1, 1, 8, 1, along), ops::testing::MakeProblem(0, 3, 4, 2, 8, along)}) {
      const std::string difference = ops::testing::CheckAll(problem);
      std::fprintf(stderr, "%s %s\n", difference.empty() ? "ok" : "FAIL",
                   difference.empty() ? ops::testing::Describe(problem.sizes).c_str() : difference.c_str());
      failed += !difference.empty();
    }
  }
  return failed == 0;
}

struct Setting {
  const char* name;
  GroupAttentionSizes sizes;
};

// One decoder layer of the published model.
const std::vector<Setting>& Settings() {
  static const auto& settings = *new std::vector<Setting>{{"within", {1, 100, 18, 8, 32, kKeypoints}},
                                                          {"across", {1, 100, 18, 8, 32, kInstances}},
                                                          {"within", {8, 100, 18, 8, 32, kKeypoints}},
                                                          {"across", {8, 100, 18, 8, 32, kInstances}}};
  return settings;
}

template <typename T>
void TimeType(const Setting& setting, const char* type, double copy) {
  const GroupAttentionSizes& sizes = setting.sizes;
  const int64_t tokens = sizes.batch * sizes.instances * sizes.keypoints, hidden = sizes.hidden();
  const ops::GroupAttentionStrides strides = ops::DenseGroupAttentionStrides(sizes, 3 * hidden);
  // zeros take as long as other numbers
  const Array<T> qkv(3 * tokens * hidden), output(tokens * hidden), grad_output(output.count()), grad_qkv(qkv.count());
  qkv.SetToZero();
  grad_output.SetToZero();
  const std::string name = std::string("group_attention, ") + setting.name + ", batch " + std::to_string(sizes.batch);
  const T *in = qkv.data(), *grad = grad_output.data();
  PrintRow(name, "forward", type, Milliseconds([&] {
             GPU_CHECK(ops::LaunchGroupAttentionForward(sizes, strides, in, output.data(), nullptr));
           }),
           0, qkv.bytes() + output.bytes(), copy);
  PrintRow(name, "backward", type, Milliseconds([&] {
             GPU_CHECK(ops::LaunchGroupAttentionBackward(sizes, strides, in, grad, grad_qkv.data(), nullptr));
           }),
           0, 2 * qkv.bytes() + grad_output.bytes(), copy);
}

int Main() {
  RequireDevice();
  const bool is_good = CheckKernels();
  const double copy = CopyBytesPerSecond();
  for (const Setting& setting : Settings()) {
    TimeType<float>(setting, "float", copy);
    TimeType<__half>(setting, "half", copy);
    TimeType<__nv_bfloat16>(setting, "bfloat16", copy);
  }
  return is_good ? 0 : kFailed;
}

}  // namespace
}  // namespace gpu

int main() { return gpu::Main(); }
