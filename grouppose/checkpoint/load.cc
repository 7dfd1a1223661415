#include "grouppose/checkpoint/load.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>

#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace grouppose::checkpoint {
namespace {

// One tensor of the module under all of its names.
struct Slot {
  at::Tensor tensor;
  std::vector<std::string> names;
};

// More names than these are not read one by one.
constexpr size_t kFewNames = 10;

struct Findings {
  std::vector<std::string> missing, unexpected, wrong;

  // The numbers in front, where they would be lost among the names.
  std::string Summary() const {
    const size_t names = missing.size() + unexpected.size() + wrong.size();
    if (names <= kFewNames) return "";
    return absl::StrCat("found ", missing.size(), " names missing, ", unexpected.size(), " unexpected and ",
                        wrong.size(), " of another shape or type, expected those of the model. ");
  }

  // Forgets the names that only one side has.
  void PassOver(std::vector<std::string>* lines) {
    if (lines != nullptr) {
      for (const std::string& name : missing) lines->push_back(absl::StrCat("missing: ", name));
      for (const std::string& name : unexpected) lines->push_back(absl::StrCat("unexpected: ", name));
    }
    missing.clear();
    unexpected.clear();
  }

  absl::Status ToStatus(const std::string& source) const {
    std::vector<std::string> parts;
    const auto add = [&parts](const char* what, const std::vector<std::string>& names) {
      if (!names.empty()) parts.push_back(absl::StrCat(names.size(), " ", what, ": ", absl::StrJoin(names, ", ")));
    };
    add("missing", missing);
    add("unexpected", unexpected);
    add("not fitting", wrong);
    if (parts.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", Summary(), absl::StrJoin(parts, "; ")));
  }
};

bool IsIgnored(const std::string& name, const LoadOptions& options) {
  for (const std::string& part : options.ignored) {
    if (absl::StrContains(name, part)) return true;
  }
  return false;
}

std::vector<Slot> Slots(const nn::Module& module) {
  std::vector<Slot> slots;
  std::unordered_map<const void*, size_t> index;
  for (const nn::NamedTensor& named : module.StateDict()) {
    const auto [it, is_new] = index.emplace(named.tensor.unsafeGetTensorImpl(), slots.size());
    if (is_new) slots.push_back({named.tensor, {}});
    slots[it->second].names.push_back(named.name);
  }
  return slots;
}

std::string Describe(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "] ", at::toString(tensor.scalar_type()));
}

bool Fits(const at::Tensor& from, const at::Tensor& to) {
  return from.sizes() == to.sizes() &&
         (from.scalar_type() == to.scalar_type() ||
          (at::isFloatingType(from.scalar_type()) && at::isFloatingType(to.scalar_type())));
}

bool SameValues(const at::Tensor& a, const at::Tensor& b) {
  return a.is_same(b) || at::allclose(a.to(b.scalar_type()), b, /*rtol=*/0, /*atol=*/0, /*equal_nan=*/true);
}

// The tensor to load into a slot, undefined where there is none.
at::Tensor Pick(const std::map<std::string, at::Tensor>& tensors, const Slot& slot, const LoadOptions& options,
                Findings* findings) {
  at::Tensor picked;
  std::string picked_name;
  bool is_wanted = false, is_given = false;
  for (const std::string& name : slot.names) {
    if (IsIgnored(name, options)) continue;
    is_wanted = true;
    const auto found = tensors.find(name);
    if (found == tensors.end()) continue;
    is_given = true;
    if (!Fits(found->second, slot.tensor)) {
      findings->wrong.push_back(
          absl::StrCat(name, " (found ", Describe(found->second), ", expected ", Describe(slot.tensor), ")"));
    } else if (picked.defined() && !SameValues(found->second, picked)) {
      findings->wrong.push_back(absl::StrCat(name, " (found other values than under ", picked_name,
                                             ", expected the same: they are one tensor)"));
    } else if (!picked.defined()) {
      picked = found->second;
      picked_name = name;
    }
  }
  if (is_wanted && !is_given) findings->missing.push_back(slot.names[0]);
  return picked;
}

}  // namespace

absl::Status LoadIntoModule(const std::map<std::string, at::Tensor>& tensors, const nn::Module& module,
                            const LoadOptions& options) {
  const std::vector<Slot> slots = Slots(module);
  Findings findings;
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;  // from, to
  std::set<std::string> known;
  for (const Slot& slot : slots) {
    known.insert(slot.names.begin(), slot.names.end());
    const at::Tensor picked = Pick(tensors, slot, options, &findings);
    if (picked.defined()) copies.emplace_back(picked, slot.tensor);
  }
  for (const auto& [name, tensor] : tensors) {
    if (known.count(name) == 0 && !IsIgnored(name, options)) findings.unexpected.push_back(name);
  }
  if (!options.strict) findings.PassOver(options.passed_over);
  const absl::Status status = findings.ToStatus(options.source);
  if (!status.ok()) return status;
  const at::NoGradGuard no_grad;
  for (auto& [from, to] : copies) to.copy_(from);
  return absl::OkStatus();
}

}  // namespace grouppose::checkpoint
