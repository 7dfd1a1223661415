#include "grouppose/parity/pieces.h"

#include <ATen/TensorOperators.h>

#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/parity/recipe.h"

namespace grouppose::parity {
namespace {

// The stride of `name` in the words of a note; 0 where it says none.
int64_t StrideInWords(const std::string& note, const std::string& name) {
  // digits of a name count layers ("hs_pose0"), which a note leaves out
  const std::string stem = std::regex_replace(name, std::regex("[0-9]*(_sub)?$"), "");
  std::smatch match;
  for (const std::string& who : {name, std::regex_replace(name, std::regex("_sub$"), ""), stem, std::string()}) {
    const std::regex pattern(who + R"((?: stored | are )?\s?\[[^\]]*::\s*([0-9]{1,6})\])");
    if (std::regex_search(note, match, pattern)) return std::stoll(match[1].str());
  }
  return 0;
}

int64_t Rows(int64_t size, int64_t stride) { return (size + stride - 1) / stride; }

}  // namespace

at::Tensor Leaf(const at::Tensor& value) { return value.detach().clone().set_requires_grad(true); }

at::Tensor EveryNth(const Fixture& fixture, const std::string& name, const at::Tensor& tensor, int64_t dimension,
                    int64_t expected) {
  const int64_t size = tensor.size(dimension);
  if (size == expected || expected <= 0) return tensor;
  int64_t stride = StrideInWords(fixture.Text("note", ""), name);
  if (stride < 1 || Rows(size, stride) != expected) stride = Rows(size, expected);
  return tensor.slice(dimension, 0, std::nullopt, stride);
}

void CompareRows(const Fixture& fixture, const std::string& name, const at::Tensor& actual, int64_t dimension,
                 const Tolerance& tolerance, Report* report) {
  const at::Tensor expected = fixture.Get(name);
  if (expected.dim() != actual.dim()) {
    report->Compare(name, actual, expected, tolerance);  // says the two shapes
    return;
  }
  report->Compare(name, EveryNth(fixture, name, actual.detach(), dimension, expected.size(dimension)), expected,
                  tolerance);
}

at::Tensor DescribedTensor(const Fixture& fixture, const std::string& name, at::IntArrayRef sizes) {
  for (const std::string& field : fixture.Keys("")) {
    std::string_view text;
    if (fixture.Meta(field).get(text)) continue;
    const std::optional<DescribedInput> input = FindDescribedInput(std::string(text), name);
    if (input.has_value()) return RecipeTensor(name, sizes, input->seed, 0, input->scale);
  }
  throw FixtureError(absl::StrCat(fixture.name(), ".json: meta describes no input r('", name, "', SHAPE, SEED)"));
}

void CompareGradients(const Fixture& fixture, const nn::Module& module, double tolerance, Report* report) {
  for (const nn::NamedTensor& named : module.Parameters()) {
    const at::Tensor& gradient = named.tensor.grad();
    if (!gradient.defined()) {
      report->Fail(named.name, "no gradient");
      continue;
    }
    report->Compare("gradnorm." + named.name, gradient.norm(), fixture.Get("gradnorm." + named.name),
                    Tolerance::Relative(tolerance));
    if (!fixture.Has("grad." + named.name)) continue;
    report->Compare("grad." + named.name, gradient, fixture.Get("grad." + named.name), Tolerance::OfLargest(tolerance));
  }
}

Targets StoredTargets(const Fixture& fixture) {
  Targets targets;
  for (int i = 0; fixture.Has(absl::StrCat("targets", i, ".labels")); ++i) {
    const std::string prefix = absl::StrCat("targets", i, ".");
    targets.push_back({fixture.Get(prefix + "labels"), fixture.Get(prefix + "boxes"), fixture.Get(prefix + "keypoints"),
                       fixture.Get(prefix + "area")});
  }
  return targets;
}

std::vector<double> OfficialSigmas(int64_t num_keypoints) {
  if (num_keypoints == eval::Coco().num_keypoints()) return eval::Coco().sigmas;
  if (num_keypoints == eval::CrowdPose().num_keypoints()) return eval::CrowdPose().sigmas;
  throw FixtureError(
      absl::StrCat(num_keypoints, " keypoints: the official program has spreads for 17 (COCO) and 14 (CrowdPose)"));
}

std::vector<int64_t> Integers(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.to(at::kLong).contiguous();
  return {plain.const_data_ptr<int64_t>(), plain.const_data_ptr<int64_t>() + plain.numel()};
}

}  // namespace grouppose::parity
