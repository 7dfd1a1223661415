// ops_msda_*: multi-scale deformable attention, forward and backward.
#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include "grouppose/parity/checks.h"
#include "grouppose/parity/pieces.h"
#include "ops/ms_deform_attn/ms_deform_attn.h"

namespace grouppose::parity {
namespace {

struct Results {
  at::Tensor output, grad_value, grad_locations, grad_weights;
};

Results Evaluate(const Fixture& fixture, at::ScalarType type) {
  const at::Tensor value = Leaf(fixture.Get("value").to(type)),
                   locations = Leaf(fixture.Get("sampling_locations").to(type)),
                   weights = Leaf(fixture.Get("attention_weights").to(type));
  const at::Tensor output =
      ops::MsDeformAttn(value, fixture.Get("spatial_shapes"), fixture.Get("level_start_index"), locations, weights);
  output.backward(fixture.Get("grad_output").to(type));
  return {output.detach(), value.grad(), locations.grad(), weights.grad()};
}

// The expected gradient of the locations; at the borders where the two official implementations differ, theirs that is
// nearer to ours.
at::Tensor ExpectedGradLocations(const Fixture& fixture, const at::Tensor& found) {
  const at::Tensor expected = fixture.Get("grad_sampling_locations").to(at::kDouble);
  if (!fixture.Has("differs_from_cuda_kernel")) return expected;
  const at::Tensor other = fixture.Get("grad_sampling_locations_cuda_kernel").to(at::kDouble);
  const at::Tensor may_differ = fixture.Get("differs_from_cuda_kernel").to(at::kBool).unsqueeze(-1);
  const at::Tensor nearer = (found - other).abs() < (found - expected).abs();
  return at::where(may_differ.logical_and(nearer), other, expected);
}

void CompareResults(const Fixture& fixture, const Results& results, const std::string& type,
                    const Tolerance (&tolerances)[4], Report* report) {
  report->Compare(type + " output", results.output, fixture.Get("output"), tolerances[0]);
  report->Compare(type + " grad_value", results.grad_value, fixture.Get("grad_value"), tolerances[1]);
  report->Compare(type + " grad_sampling_locations", results.grad_locations,
                  ExpectedGradLocations(fixture, results.grad_locations.to(at::kDouble)), tolerances[2]);
  report->Compare(type + " grad_attention_weights", results.grad_weights, fixture.Get("grad_attention_weights"),
                  tolerances[3]);
}

}  // namespace

void CheckDeformableAttentionOperator(const Fixture& fixture, Report* report) {
  // some expected values are stored rounded to float32, by half of its last digit at most
  const bool is_rounded = fixture.Get("output").scalar_type() == at::kFloat;
  const Tolerance exact = {fixture.Number("tol_f64/atol"), fixture.Number("tol_f64/rtol") + (is_rounded ? 0x1p-24 : 0),
                           0};
  CompareResults(fixture, Evaluate(fixture, at::kDouble), "float64", {exact, exact, exact, exact}, report);
  const auto tolerance = [&](const char* name) {
    return Tolerance::Absolute(fixture.Number(std::string("tol_f32/") + name));
  };
  CompareResults(fixture, Evaluate(fixture, at::kFloat), "float32",
                 {tolerance("output"), tolerance("grad_value"), tolerance("grad_loc"), tolerance("grad_aw")}, report);
}

}  // namespace grouppose::parity
