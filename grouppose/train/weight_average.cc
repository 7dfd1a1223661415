#include "grouppose/train/weight_average.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace grouppose::train {

WeightAverage::WeightAverage(const std::vector<nn::NamedTensor>& tensors, double decay, Averaged averaged)
    : decay_(decay), averaged_(averaged) {
  GROUPPOSE_CHECK(decay >= 0 && decay < 1, "decay is ", decay);
  std::unordered_map<const void*, size_t> index;
  for (const nn::NamedTensor& named : tensors) {
    if (averaged == Averaged::kTrained && !named.tensor.requires_grad()) continue;
    const auto [found, is_new] = index.emplace(named.tensor.unsafeGetTensorImpl(), entries_.size());
    if (is_new) {
      const at::Tensor weight = named.tensor.detach();
      entries_.push_back({{named.name}, weight, weight.clone()});
      continue;
    }
    Entry& entry = entries_[found->second];
    entry.names.push_back(named.name);
    if (averaged == Averaged::kStateDict) ++entry.updates;
  }
}

void WeightAverage::Update() {
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) {
    for (int i = 0; i < entry.updates; ++i) {
      if (averaged_ == Averaged::kTrained) {
        entry.average.mul_(decay_).add_(entry.weight, 1 - decay_);
      } else {
        // in float32, then back to the entry's own type
        entry.average.copy_(entry.average * decay_ + entry.weight * (1 - decay_));
      }
    }
  }
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
  for (const Entry& entry : entries_) {
    for (const std::string& name : entry.names) state[name] = entry.average;
  }
  return state;
}

absl::Status WeightAverage::LoadState(const std::map<std::string, at::Tensor>& state) {
  const std::map<std::string, at::Tensor> own = State();
  for (const auto& [name, average] : own) {
    const auto found = state.find(name);
    if (found == state.end()) return absl::InvalidArgumentError(absl::StrCat("weight average lacks ", name));
    if (found->second.sizes() != average.sizes()) {
      return absl::InvalidArgumentError(absl::StrCat("weight average ", name, " is ",
                                                     base::ConcatForCheck(found->second.sizes()), ", expected ",
                                                     base::ConcatForCheck(average.sizes())));
    }
  }
  for (const auto& [name, tensor] : state) {
    if (own.count(name) == 0) {
      return absl::InvalidArgumentError(absl::StrCat("weight average has ", name, ", which is no trained parameter's"));
    }
  }
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) entry.average.copy_(state.at(entry.names.front()));
  return absl::OkStatus();
}

}  // namespace grouppose::train
