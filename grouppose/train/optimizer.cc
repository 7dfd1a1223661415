#include "grouppose/train/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace grouppose::train {
namespace {

// Keeps the clipping factor finite at a norm of 0; that of torch.nn.utils.clip_grad_norm_.
constexpr double kClipEps = 1e-6;

constexpr const char kExpAvg[] = ".exp_avg", kExpAvgSq[] = ".exp_avg_sq", kStep[] = ".step";

// Several partial sums: one would wait for every addition before it. Eight float64 fill two AVX2 registers.
constexpr int64_t kLanes = 8;

double SumOfSquares(const float* values, int64_t count) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      lanes[lane] += value * value;
    }
  }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  for (double lane : lanes) sum += lane;
  return sum;
}

double SquaredNorm(const at::Tensor& gradient) {
  if (gradient.is_cpu() && gradient.scalar_type() == at::kFloat && gradient.is_non_overlapping_and_dense()) {
    return SumOfSquares(gradient.const_data_ptr<float>(), gradient.numel());
  }
  const double norm = at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kDouble).item<double>();
  return norm * norm;
}

// Where the norm is not finite.
std::string FirstNotFinite(const std::vector<AdamW::Group>& groups) {
  for (const AdamW::Group& group : groups) {
    for (const AdamW::Parameter& parameter : group.parameters) {
      const at::Tensor& gradient = parameter.value.grad();
      if (gradient.defined() && !std::isfinite(SquaredNorm(gradient))) return parameter.name;
    }
  }
  return "?";
}

// One update of a group; all its tensors in one fused call.
void Update(const AdamW::Group& group, const AdamWOptions& options, double learning_rate, double clip_divisor) {
  std::vector<at::Tensor> values, gradients, exp_avgs, exp_avg_sqs, steps;
  for (const AdamW::Parameter& parameter : group.parameters) {
    at::Tensor& gradient = parameter.value.mutable_grad();
    if (!gradient.defined()) continue;
    // the fused kernel walks all tensors in memory order
    if (gradient.strides() != parameter.value.strides()) {
      gradient = at::empty_like(parameter.value).copy_(gradient);
    }
    values.push_back(parameter.value);
    gradients.push_back(gradient);
    exp_avgs.push_back(parameter.exp_avg);
    exp_avg_sqs.push_back(parameter.exp_avg_sq);
    steps.push_back(parameter.step);
  }
  if (values.empty()) return;
  at::_foreach_add_(steps, 1);
  std::optional<at::Tensor> divisor;
  if (clip_divisor > 1) divisor = at::scalar_tensor(clip_divisor, steps[0].options());
  at::_fused_adamw_(values, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps, learning_rate,
                    options.beta1, options.beta2, group.weight_decay, options.eps, /*amsgrad=*/false,
                    /*maximize=*/false, divisor);
}

std::vector<AdamW::Group> EmptyGroups(const AdamWOptions& options) {
  const double rate = options.learning_rate, backbone = options.backbone_learning_rate, decay = options.weight_decay;
  switch (options.groups) {
    case ParameterGroups::kBackbone:
      return {{"all but the backbone", rate, decay, {}}, {"backbone", backbone, decay, {}}};
    case ParameterGroups::kBackboneAndOffsets:
      return {{"all but the backbone and the sampling offsets", rate, decay, {}},
              {"backbone", backbone, decay, {}},
              {"sampling offsets", rate * options.offsets_factor, decay, {}}};
    case ParameterGroups::kNormsAndBiasesApart:
      return {{"all but the backbone, without norms and biases", rate, decay, {}},
              {"norms and biases of the backbone", backbone, 0, {}},
              {"backbone, without norms and biases", backbone, decay, {}},
              {"norms and biases of all but the backbone", rate, 0, {}}};
  }
  GROUPPOSE_CHECK(false, "no groups ", static_cast<int>(options.groups));
  return {};
}

bool Contains(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

size_t GroupOf(const std::string& name, ParameterGroups groups) {
  const bool norm_or_bias = Contains(name, "norm") || Contains(name, "bias");
  switch (groups) {
    case ParameterGroups::kBackbone:
      return Contains(name, "backbone") ? 1 : 0;
    case ParameterGroups::kBackboneAndOffsets:
      if (Contains(name, "backbone.0")) return 1;
      return Contains(name, "sampling_offsets") || Contains(name, "reference_points") ? 2 : 0;
    case ParameterGroups::kNormsAndBiasesApart:
      if (Contains(name, "backbone")) return norm_or_bias ? 1 : 2;
      return norm_or_bias ? 3 : 0;
  }
  GROUPPOSE_CHECK(false, "no groups ", static_cast<int>(groups));
  return 0;
}

}  // namespace

AdamW::AdamW(const std::vector<nn::NamedTensor>& parameters, const AdamWOptions& options)
    : options_(options), groups_(EmptyGroups(options)) {
  for (const nn::NamedTensor& named : parameters) {
    if (!named.tensor.requires_grad()) continue;
    GROUPPOSE_CHECK(named.tensor.is_non_overlapping_and_dense(), named.name, " has gaps in memory");
    Group& group = groups_[GroupOf(named.name, options.groups)];
    const at::Tensor plain = named.tensor.detach();
    group.parameters.push_back({named.name, named.tensor, at::zeros_like(plain), at::zeros_like(plain),
                                at::zeros({}, plain.options().dtype(at::kFloat))});
  }
}

void AdamW::ZeroGradients() {
  for (Group& group : groups_) {
    for (Parameter& parameter : group.parameters) parameter.value.mutable_grad().reset();
  }
}

absl::StatusOr<double> AdamW::Step(double learning_rate_factor) {
  const at::NoGradGuard no_grad;
  const double norm = GradientNorm(groups_);
  if (!std::isfinite(norm)) {
    return absl::InternalError(
        absl::StrCat("gradient norm is not finite: ", norm, ", first in the gradient of ", FirstNotFinite(groups_)));
  }
  const double clip_divisor = options_.clip_max_norm > 0 ? (norm + kClipEps) / options_.clip_max_norm : 1;
  for (const Group& group : groups_) {
    Update(group, options_, group.learning_rate * learning_rate_factor, clip_divisor);
  }
  return norm;
}

std::map<std::string, at::Tensor> AdamW::State() const {
  std::map<std::string, at::Tensor> state;
  for (const Group& group : groups_) {
    for (const Parameter& parameter : group.parameters) {
      state[parameter.name + kExpAvg] = parameter.exp_avg;
      state[parameter.name + kExpAvgSq] = parameter.exp_avg_sq;
      state[parameter.name + kStep] = parameter.step;
    }
  }
  return state;
}

absl::Status AdamW::LoadState(const std::map<std::string, at::Tensor>& state) {
  const std::map<std::string, at::Tensor> own = State();
  for (const auto& [name, tensor] : own) {
    const auto found = state.find(name);
    if (found == state.end()) return absl::InvalidArgumentError(absl::StrCat("optimiser state lacks ", name));
    if (found->second.sizes() != tensor.sizes()) {
      return absl::InvalidArgumentError(absl::StrCat("optimiser state ", name, " is ",
                                                     base::ConcatForCheck(found->second.sizes()), ", expected ",
                                                     base::ConcatForCheck(tensor.sizes())));
    }
  }
  for (const auto& [name, tensor] : state) {
    if (own.find(name) == own.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("optimiser state has ", name, ", which is no trained parameter's"));
    }
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : own) tensor.copy_(state.at(name));
  return absl::OkStatus();
}

double GradientNorm(const std::vector<AdamW::Group>& groups) {
  double sum = 0;
  for (const AdamW::Group& group : groups) {
    for (const AdamW::Parameter& parameter : group.parameters) {
      const at::Tensor& gradient = parameter.value.grad();
      if (gradient.defined()) sum += SquaredNorm(gradient);
    }
  }
  return std::sqrt(sum);
}

}  // namespace grouppose::train
