#include "grouppose/train/weight_average.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace grouppose::train {

WeightAverage::WeightAverage(const std::vector<nn::NamedTensor>& parameters, double decay) : decay_(decay) {
  GROUPPOSE_CHECK(decay >= 0 && decay < 1, "decay is ", decay);
  for (const nn::NamedTensor& named : parameters) {
    if (!named.tensor.requires_grad()) continue;
    const at::Tensor weight = named.tensor.detach();
    entries_.push_back({named.name, weight, weight.clone()});
  }
}

void WeightAverage::Update() {
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) entry.average.mul_(decay_).add_(entry.weight, 1 - decay_);
}

void WeightAverage::Copy() {
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) entry.average.copy_(entry.weight);
}

void WeightAverage::Exchange() {
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) {
    const at::Tensor weight = entry.weight.clone();
    entry.weight.copy_(entry.average);
    entry.average.copy_(weight);
  }
}

std::map<std::string, at::Tensor> WeightAverage::State() const {
  std::map<std::string, at::Tensor> state;
  for (const Entry& entry : entries_) state[entry.name] = entry.average;
  return state;
}

absl::Status WeightAverage::LoadState(const std::map<std::string, at::Tensor>& state) {
  for (const Entry& entry : entries_) {
    const auto found = state.find(entry.name);
    if (found == state.end()) return absl::InvalidArgumentError(absl::StrCat("weight average lacks ", entry.name));
    if (found->second.sizes() != entry.average.sizes()) {
      return absl::InvalidArgumentError(absl::StrCat("weight average ", entry.name, " is ",
                                                     base::ConcatForCheck(found->second.sizes()), ", expected ",
                                                     base::ConcatForCheck(entry.average.sizes())));
    }
  }
  const std::map<std::string, at::Tensor> own = State();
  for (const auto& [name, tensor] : state) {
    if (own.count(name) == 0) {
      return absl::InvalidArgumentError(absl::StrCat("weight average has ", name, ", which is no trained parameter's"));
    }
  }
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) entry.average.copy_(state.at(entry.name));
  return absl::OkStatus();
}

}  // namespace grouppose::train
