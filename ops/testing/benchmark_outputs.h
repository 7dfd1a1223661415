// Counters that describe what a benchmark computed, so that two commits' programs can be compared on their results
// before their times are (tools/profile).
#ifndef OPS_TESTING_BENCHMARK_OUTPUTS_H_
#define OPS_TESTING_BENCHMARK_OUTPUTS_H_

#include <ATen/core/Tensor.h>
#include <benchmark/benchmark.h>

#include <vector>

namespace ops::testing {

// Sets, over all elements x of all tensors, one after the other:
//   output_0 ... output_3   sums of +-x, each with signs of its own (a hash of the element's place)
//   output_scale            sqrt(sum of x^2): how far such a sum may lie from zero
//   output_tolerance        the share of the scale by which rounding may move the sums: 1e-4, or the spacing of numbers
//                           of the least precise type above that
// Rounding moves a sum by its last digits, and one wrong element by twice that element.
void CountOutputs(const std::vector<at::Tensor>& outputs, benchmark::State* state);

}  // namespace ops::testing

#endif  // OPS_TESTING_BENCHMARK_OUTPUTS_H_
