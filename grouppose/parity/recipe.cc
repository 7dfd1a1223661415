#include "grouppose/parity/recipe.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace grouppose::parity {
namespace {

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

// The place behind the parenthesis that closes the one before `at`; npos where none does.
size_t BehindClosing(const std::string& text, size_t at) {
  for (int depth = 1; at < text.size(); ++at) {
    depth += (text[at] == '(') - (text[at] == ')');
    if (depth == 0) return at + 1;
  }
  return std::string::npos;
}

// The number that `text` ends with, before spaces and one parenthesis: "(2,340,256),100)" -> 100.
std::optional<uint64_t> LastNumber(absl::string_view text) {
  size_t end = text.size();
  while (end > 0 && !absl::ascii_isdigit(text[end - 1])) --end;
  size_t start = end;
  while (start > 0 && absl::ascii_isdigit(text[start - 1])) --start;
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text.substr(start, end - start), &number)) return std::nullopt;
  return number;
}

// " * 1.5 (offset ..." -> 1.5; 1 where no factor follows.
double FactorBehind(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  if (!absl::StartsWith(text, "*")) return 1;
  text = absl::StripLeadingAsciiWhitespace(text.substr(1));
  double factor = 1;
  const size_t end = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
  return absl::SimpleAtod(text.substr(0, end), &factor) ? factor : 1;
}

}  // namespace

RecipeRule RecipeRuleFor(const std::string& name, at::IntArrayRef sizes) {
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
    const auto [offset, scale] = RecipeRuleFor(name, named.tensor.sizes());
    named.tensor.copy_(RecipeTensor(name, named.tensor.sizes(), seed, offset, scale));
  }
}

std::optional<DescribedInput> FindDescribedInput(const std::string& text, const std::string& name) {
  const std::string opening = absl::StrCat("r('", name, "'");
  const size_t start = text.find(opening);
  if (start == std::string::npos) return std::nullopt;
  const size_t arguments = start + opening.size();
  const size_t end = BehindClosing(text, arguments);
  if (end == std::string::npos) return std::nullopt;
  const std::optional<uint64_t> seed = LastNumber(absl::string_view(text).substr(arguments, end - arguments));
  if (!seed.has_value()) return std::nullopt;
  return DescribedInput{*seed, FactorBehind(absl::string_view(text).substr(end))};
}

}  // namespace grouppose::parity
