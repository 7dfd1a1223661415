#include "ops/testing/benchmark_outputs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/random.h"

namespace ops::testing {
namespace {

constexpr double kTolerance = 1e-4;
// Distance from 1 to the next number.
constexpr double kHalfSpacing = 0x1p-10, kBFloat16Spacing = 0x1p-7;

double ToleranceOf(at::ScalarType type) {
  return type == at::kHalf ? kHalfSpacing : type == at::kBFloat16 ? kBFloat16Spacing : kTolerance;
}

}  // namespace

void CountOutputs(const std::vector<at::Tensor>& outputs, benchmark::State* state) {
  std::array<double, 4> sums = {};
  double squares = 0, tolerance = kTolerance;
  uint64_t place = 0;
  for (const at::Tensor& output : outputs) {
    tolerance = std::max(tolerance, ToleranceOf(output.scalar_type()));
    const at::Tensor elements = output.detach().cpu().to(at::kDouble).contiguous();
    const double* const begin = elements.const_data_ptr<double>();
    for (const double* x = begin; x != begin + elements.numel(); ++x, ++place) {
      const uint64_t signs = base::Mix64(place * base::kGolden);
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += (signs >> i & 1) != 0 ? *x : -*x;
      squares += *x * *x;
    }
  }
  const std::array<const char*, 4> names = {"output_0", "output_1", "output_2", "output_3"};
  for (size_t i = 0; i < sums.size(); ++i) state->counters[names[i]] = sums[i];
  state->counters["output_scale"] = std::sqrt(squares);
  state->counters["output_tolerance"] = tolerance;
}

}  // namespace ops::testing
