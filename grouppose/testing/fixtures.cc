#include "grouppose/testing/fixtures.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <unordered_map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/files.h"
#include "base/random.h"
#include "grouppose/checkpoint/safetensors.h"

namespace grouppose::testing {
namespace {

namespace dom = simdjson::dom;

// The part of a fixture's JSON that a pointer names, with the parser that owns it.
class Meta {
 public:
  Meta(const std::string& json, const std::string& pointer) {
    dom::element root;
    GROUPPOSE_CHECK(!parser_.parse(json).get(root), "a fixture's JSON does not parse");
    found_ = !root.at_pointer(pointer.empty() ? "/meta" : "/meta/" + pointer).get(element_);
  }
  bool found() const { return found_; }
  dom::element element() const { return element_; }

 private:
  dom::parser parser_;
  dom::element element_;
  bool found_ = false;
};

// Numbers and booleans; null is NaN.
double AsNumber(dom::element element, const std::string& pointer) {
  double number = 0;
  bool flag = false;
  if (!element.get(number)) return number;
  if (!element.get(flag)) return flag ? 1 : 0;
  GROUPPOSE_CHECK(element.is_null(), "meta/", pointer, " is no number");
  return std::numeric_limits<double>::quiet_NaN();
}

dom::array AsArray(const Meta& meta, const std::string& pointer) {
  dom::array array;
  GROUPPOSE_CHECK(meta.found() && !meta.element().get(array), "the fixture has no array meta/", pointer);
  return array;
}

// What the weight recipe adds and multiplies with.
struct Rule {
  double offset, scale;
};

Rule RuleFor(const std::string& name, at::IntArrayRef sizes) {
  const std::string last = name.substr(name.rfind('.') + 1);  // the whole name where it has no dot
  if (last == "running_mean") return {0, 0.25};
  if (last == "running_var") return {1, 0.5};
  if (last == "relative_position_bias_table") return {0, 0.5};
  if (last == "level_embed" || absl::StrContains(name, "_embedding.")) return {0, 0.5};
  if (absl::EndsWith(name, "sampling_offsets.bias")) return {0, 2};
  if (absl::StrContains(name, "class_embed") && last == "bias") return {-2, 0.125};
  if (sizes.size() == 1 && last == "weight") return {1, 0.25};
  if (sizes.size() == 1) return {0, 0.125};
  double fan_in = 1;
  for (size_t i = 1; i < sizes.size(); ++i) fan_in *= static_cast<double>(sizes[i]);
  return {0, static_cast<float>(std::sqrt(3.0 / fan_in))};
}

// The shortest name of each tensor: heads that the tree lists twice are hashed under it.
std::vector<nn::NamedTensor> UnderCanonicalNames(const nn::Module& module) {
  std::vector<nn::NamedTensor> unique;
  std::unordered_map<const void*, size_t> index;
  for (nn::NamedTensor& named : module.StateDict()) {
    const auto [it, is_new] = index.emplace(named.tensor.unsafeGetTensorImpl(), unique.size());
    if (is_new) {
      unique.push_back(std::move(named));
    } else if (named.name.size() < unique[it->second].name.size()) {
      unique[it->second].name = named.name;
    }
  }
  return unique;
}

// "[1, 0, 5]" of a row-major index.
std::string Place(int64_t index, at::IntArrayRef sizes) {
  std::string text;
  for (size_t i = sizes.size(); i-- > 0;) {
    text = absl::StrCat(index % sizes[i], text.empty() ? "" : ", ", text);
    index /= sizes[i];
  }
  return absl::StrCat("[", text, "]");
}

}  // namespace

std::string TestDataFolder() {
  const char* folder = std::getenv("GROUPPOSE_TEST_DATA");
  return folder != nullptr && base::IsDirectory(folder) ? folder : "";
}

Fixture::Fixture(const std::string& name) {
  const std::string stem = base::JoinPath(base::JoinPath(TestDataFolder(), "fixtures"), name);
  auto file = checkpoint::ReadSafetensors(stem + ".safetensors");
  GROUPPOSE_CHECK(file.ok(), file.status().message());
  auto json = base::ReadFile(stem + ".json");
  GROUPPOSE_CHECK(json.ok(), json.status().message());
  tensors_ = std::move(file->tensors);
  json_ = *std::move(json);
}

at::Tensor Fixture::Get(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  GROUPPOSE_CHECK(found != tensors_.end(), "the fixture has no tensor ", tensor);
  return found->second;
}

bool Fixture::Has(const std::string& tensor) const { return tensors_.count(tensor) > 0; }

double Fixture::Number(const std::string& pointer) const {
  const Meta meta(json_, pointer);
  GROUPPOSE_CHECK(meta.found(), "the fixture has no meta/", pointer);
  return AsNumber(meta.element(), pointer);
}

double Fixture::Number(const std::string& pointer, double otherwise) const {
  return HasMeta(pointer) ? Number(pointer) : otherwise;
}

bool Fixture::HasMeta(const std::string& pointer) const { return Meta(json_, pointer).found(); }

std::vector<std::string> Fixture::Keys(const std::string& pointer) const {
  const Meta meta(json_, pointer);
  dom::object object;
  GROUPPOSE_CHECK(meta.found() && !meta.element().get(object), "the fixture has no object meta/", pointer);
  std::vector<std::string> keys;
  for (const auto field : object) keys.emplace_back(field.key);
  return keys;
}

std::vector<std::string> Fixture::Strings(const std::string& pointer) const {
  const Meta meta(json_, pointer);
  std::vector<std::string> strings;
  for (dom::element element : AsArray(meta, pointer)) {
    std::string_view text;
    GROUPPOSE_CHECK(!element.get(text), "meta/", pointer, " holds something that is no string");
    strings.emplace_back(text);
  }
  return strings;
}

std::vector<double> Fixture::Numbers(const std::string& pointer) const {
  const Meta meta(json_, pointer);
  std::vector<double> numbers;
  for (dom::element element : AsArray(meta, pointer)) numbers.push_back(AsNumber(element, pointer));
  return numbers;
}

at::Tensor RecipeTensor(const std::string& name, at::IntArrayRef sizes, uint64_t seed, double offset, double scale) {
  constexpr double kTwoTo23 = 8388608.0;  // 24 random bits become [-1, 1)
  const uint64_t start = base::Mix64(base::Fnv1a64(name) + seed * base::kGolden);
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const uint64_t bits = base::Mix64(start + (static_cast<uint64_t>(i) + 1) * base::kGolden) >> 40;
    out[i] = static_cast<float>(offset + scale * ((static_cast<double>(bits) - kTwoTo23) / kTwoTo23));
  }
  return tensor;
}

void FillByRecipe(const nn::Module& module, uint64_t seed, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  for (nn::NamedTensor& named : UnderCanonicalNames(module)) {
    if (!at::isFloatingType(named.tensor.scalar_type())) continue;  // tables of indices are no weights
    const std::string name = prefix + named.name;
    const auto [offset, scale] = RuleFor(name, named.tensor.sizes());
    named.tensor.copy_(RecipeTensor(name, named.tensor.sizes(), seed, offset, scale));
  }
}

::testing::AssertionResult Near(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  if (!actual.defined() || !expected.defined()) return ::testing::AssertionFailure() << "a tensor is undefined";
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  const at::Tensor a = actual.detach().to(at::kDouble).contiguous(), e = expected.detach().to(at::kDouble).contiguous();
  const double *found = a.const_data_ptr<double>(), *wanted = e.const_data_ptr<double>();
  double worst = 0;
  int64_t worst_index = -1, wrong = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    // equal infinities are equal, and so are two NaN
    if (found[i] == wanted[i] || (std::isnan(found[i]) && std::isnan(wanted[i]))) continue;
    double difference = std::abs(found[i] - wanted[i]);
    if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
    wrong += difference > tolerance;
    if (difference > worst) {
      worst = difference;
      worst_index = i;
    }
  }
  if (worst <= tolerance) return ::testing::AssertionSuccess() << "max |difference| " << worst;
  return ::testing::AssertionFailure() << "max |difference| " << worst << " > " << tolerance << " at "
                                       << Place(worst_index, actual.sizes()) << ": " << found[worst_index]
                                       << ", expected " << wanted[worst_index] << "; " << wrong << " of " << a.numel()
                                       << " elements beyond the tolerance, shape " << actual.sizes();
}

}  // namespace grouppose::testing
