#include "grouppose/nn/module.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <unordered_set>

#include "base/check.h"
#include "base/random.h"

namespace grouppose::nn {
namespace {

std::string JoinName(const std::string& prefix, const std::string& name) {
  if (prefix.empty()) return name;
  if (name.empty()) return prefix;
  return prefix + "." + name;
}

// Fan in and fan out as torch counts them: dimension 1 and 0 times the receptive field.
std::pair<double, double> Fans(const at::Tensor& tensor) {
  GROUPPOSE_CHECK(tensor.dim() >= 2, "a fan needs two dimensions, got ", tensor.sizes());
  double field = 1;
  for (int64_t i = 2; i < tensor.dim(); ++i) field *= static_cast<double>(tensor.size(i));
  return {static_cast<double>(tensor.size(1)) * field, static_cast<double>(tensor.size(0)) * field};
}

void Fill(const NamedTensor& named, uint64_t seed) {
  if (!at::isFloatingType(named.tensor.scalar_type())) return;  // a table
  float* out = named.tensor.mutable_data_ptr<float>();
  const int64_t count = named.tensor.numel();
  const Init& init = named.init;
  const base::RandomStream stream(named.name, {seed});
  double scale = init.value;
  if (init.kind == Init::Kind::kXavierUniform) {
    const auto [fan_in, fan_out] = Fans(named.tensor);
    scale = std::sqrt(6.0 / (fan_in + fan_out));
  } else if (init.kind == Init::Kind::kKaimingNormalFanOut) {
    scale = std::sqrt(2.0 / Fans(named.tensor).second);
  }
  for (int64_t i = 0; i < count; ++i) {
    double value = 0;
    switch (init.kind) {
      case Init::Kind::kConstant:
        value = init.value;
        break;
      case Init::Kind::kUniform:
      case Init::Kind::kXavierUniform:
        value = scale * (2 * stream.Uniform(i) - 1);
        break;
      case Init::Kind::kNormal:
      case Init::Kind::kKaimingNormalFanOut: {
        // Box and Muller; two addressed values for each index.
        const double u = stream.Uniform(2 * i), v = stream.Uniform(2 * i + 1);
        value = scale * std::sqrt(-2.0 * std::log1p(-u)) * std::cos(6.283185307179586 * v);
        break;
      }
      case Init::Kind::kFunction:
        value = init.at_index(i);
        break;
    }
    out[i] = static_cast<float>(value);
  }
}

}  // namespace

at::Tensor Module::AddParameter(std::string name, at::IntArrayRef sizes, Init init) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  tensor.set_requires_grad(true);
  tensors_.push_back({std::move(name), tensor, true, std::move(init)});
  return tensor;
}

at::Tensor Module::AddBuffer(std::string name, at::IntArrayRef sizes, Init init) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  tensors_.push_back({std::move(name), tensor, false, std::move(init)});
  return tensor;
}

at::Tensor Module::AddTable(std::string name, at::Tensor values) {
  GROUPPOSE_CHECK(!at::isFloatingType(values.scalar_type()), name, " holds ", values.scalar_type(),
                  ", expected integers");
  tensors_.push_back({std::move(name), values, false, {}});
  return values;
}

void Module::Collect(const std::string& prefix, std::vector<NamedTensor>* out) const {
  for (const NamedTensor& named : tensors_) {
    out->push_back(named);
    out->back().name = JoinName(prefix, named.name);
  }
  for (const auto& [name, child] : children_) child->Collect(JoinName(prefix, name), out);
}

std::vector<NamedTensor> Module::StateDict() const {
  std::vector<NamedTensor> all;
  Collect("", &all);
  return all;
}

std::vector<NamedTensor> Module::NamedTensors() const {
  std::vector<NamedTensor> all = StateDict(), unique;
  std::unordered_set<const void*> seen;
  for (NamedTensor& named : all) {
    if (seen.insert(named.tensor.unsafeGetTensorImpl()).second) unique.push_back(std::move(named));
  }
  return unique;
}

std::vector<NamedTensor> Module::Parameters() const {
  std::vector<NamedTensor> parameters;
  for (NamedTensor& named : NamedTensors()) {
    if (named.is_parameter) parameters.push_back(std::move(named));
  }
  return parameters;
}

void Module::SetTraining(bool training) {
  training_ = training;
  for (const auto& [name, child] : children_) child->SetTraining(training);
}

void Initialise(const Module& module, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (const NamedTensor& named : module.NamedTensors()) Fill(named, seed);
}

}  // namespace grouppose::nn
