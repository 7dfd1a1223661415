// official_errors*: {situation: what the official criterion did}, "no error: {'loss_ce': 2.6, ...}" or "ValueError:
// ...". The inputs are not recorded, so each situation is made anew. Where the official program works so does ours, and
// what the situation alone decides has the same value; where it crashes ours says so in one line; where it goes on with
// NaN so does ours when it is told to, and else says so.
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>
#include <map>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "eval/keypoint_dataset.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/recipe.h"

namespace grouppose::parity {
namespace {

constexpr int64_t kImages = 2, kQueries = 5, kKeypoints = 17, kClasses = 2, kPersons = 2;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Situation {
  ModelOutputs outputs;
  Targets targets;
};

// Two persons an image, all joints visible.
Situation Ordinary() {
  Situation situation;
  PosePrediction& final = situation.outputs.final;
  final.logits = RecipeTensor("logits", {kImages, kQueries, kClasses}, 1);
  final.keypoints = RecipeTensor("keypoints", {kImages, kQueries, 3 * kKeypoints}, 1, 0.5, 0.5);
  for (int64_t image = 0; image < kImages; ++image) {
    const std::string name = absl::StrCat("persons", image);
    at::Tensor keypoints = RecipeTensor(name, {kPersons, 3 * kKeypoints}, 1, 0.5, 0.25);
    keypoints.narrow(1, 2 * kKeypoints, kKeypoints).fill_(1);
    situation.targets.push_back(
        {at::full({kPersons}, 1, at::kLong), at::full({kPersons, 4}, 0.5), keypoints, at::full({kPersons}, 0.1)});
  }
  return situation;
}

ImageTargets NoPersons() {
  return {at::zeros({0}, at::kLong), at::zeros({0, 4}), at::zeros({0, 3 * kKeypoints}), at::zeros({0})};
}

// The number that a situation ends with: "nan logit class 1".
int64_t NumberIn(const std::string& words, int64_t limit) {
  int64_t number = -1;
  if (!absl::SimpleAtoi(words.substr(words.rfind(' ') + 1), &number) || number < 0 || number >= limit) {
    throw FixtureError(absl::StrCat("situation '", words, "' ends with no number below ", limit));
  }
  return number;
}

// FixtureError where the words are unknown.
Situation MakeSituation(const std::string& words) {
  Situation situation = Ordinary();
  PosePrediction& final = situation.outputs.final;
  ImageTargets& first = situation.targets[0];
  if (words == "all images empty") {
    for (ImageTargets& image : situation.targets) image = NoPersons();
  } else if (absl::StartsWith(words, "nan logit class")) {
    final.logits[0][0][NumberIn(words, kClasses)].fill_(kNaN);
  } else if (absl::StartsWith(words, "inf logit class")) {
    final.logits[0][0][NumberIn(words, kClasses)].fill_(std::numeric_limits<double>::infinity());
  } else if (words == "nan keypoint") {
    final.keypoints[0][0][0].fill_(kNaN);
  } else if (absl::StartsWith(words, "area 0")) {
    first.area[0].fill_(0);
    if (absl::StrContains(words, "exact hit")) final.keypoints[0][0].copy_(first.keypoints[0]);
  } else if (absl::StartsWith(words, "label ")) {
    first.labels[0].fill_(NumberIn(words, 1000));
  } else {
    throw FixtureError(absl::StrCat("situation '", words, "' is not known"));
  }
  return situation;
}

// "no error: {'loss_ce': 2.6, 'class_error': 100.0}" -> pairs; nan as NaN.
std::vector<std::pair<std::string, double>> OfficialValues(const std::string& outcome) {
  std::vector<std::pair<std::string, double>> values;
  const std::regex pair(R"('([a-z_]+)': (-?[0-9.e+-]+|-?inf|nan))");
  for (std::sregex_iterator it(outcome.begin(), outcome.end(), pair), end; it != end; ++it) {
    double value = kNaN;
    if (!absl::SimpleAtod((*it)[2].str(), &value)) value = kNaN;
    values.emplace_back((*it)[1].str(), value);
  }
  return values;
}

void ExpectRefusal(const std::string& words, const absl::Status& status, const std::string& official, Report* report) {
  const bool clear = !status.ok() && !status.message().empty() && !absl::StrContains(status.message(), "\n");
  report->Expect(words, clear, absl::StrCat("no error in one line, where the official program has: ", official));
}

// It goes on with losses that are not finite, and its training loop stops. Ours refuses the situation, and told to go
// on finds the same ones.
void CheckNotFinite(const std::string& words, const Situation& situation, loss::CriterionOptions options,
                    const std::vector<std::pair<std::string, double>>& official, Report* report) {
  options.refuse_not_finite = false;
  const auto losses = loss::ComputeLosses(options, situation.outputs, situation.targets,
                                          static_cast<double>(loss::NumPersons(situation.targets)));
  if (!losses.ok()) return report->Fail(words, std::string(losses.status().message()));
  const std::map<std::string, double> ours(losses->values.begin(), losses->values.end());
  for (const auto& [name, value] : official) {
    const auto found = ours.find(name);
    const double number = found == ours.end() ? kNaN : found->second;
    report->Expect(words + ": " + name, found != ours.end() && std::isfinite(number) == std::isfinite(value),
                   absl::StrCat(number, ", expected ", std::isfinite(value) ? "a number" : "none"));
  }
}

void CheckSituation(const std::string& words, const std::string& official, Report* report) {
  const Situation situation = MakeSituation(words);
  loss::CriterionOptions options;
  options.matcher.sigmas = eval::Coco().sigmas;
  const auto losses = loss::ComputeLosses(options, situation.outputs, situation.targets,
                                          static_cast<double>(loss::NumPersons(situation.targets)));
  if (!absl::StartsWith(official, "no error")) return ExpectRefusal(words, losses.status(), official, report);
  const auto values = OfficialValues(official);
  if (values.empty()) throw FixtureError(absl::StrCat("situation '", words, "' has no losses: ", official));
  for (const auto& [name, value] : values) {
    if (std::isfinite(value)) continue;
    ExpectRefusal(words, losses.status(), official, report);
    return CheckNotFinite(words, situation, options, values, report);
  }
  if (!losses.ok()) return report->Fail(words, std::string(losses.status().message()));
  const bool empty = loss::NumPersons(situation.targets) == 0;
  for (const auto& [name, value] : values) {
    const auto ours = std::find_if(losses->values.begin(), losses->values.end(),
                                   [&name = name](const auto& entry) { return entry.first == name; });
    if (ours == losses->values.end()) {
      report->Fail(words + ": " + name, "the official program has it, ours does not");
    } else if (empty && name != "loss_ce") {
      // without persons all but the classes' loss is decided
      report->Compare(words + ": " + name, ours->second, value, Tolerance::Exact());
    } else {
      report->Expect(words + ": " + name, std::isfinite(ours->second),
                     absl::StrCat(ours->second, ", expected a number"));
    }
  }
}

}  // namespace

void CheckOfficialErrors(const JsonFile& table, Report* report) {
  for (const std::string& words : table.Keys("")) {
    try {
      std::string_view outcome;
      simdjson::dom::object situations;
      if (table.root().get(situations) || situations[words].get(outcome)) throw FixtureError("no text");
      CheckSituation(words, std::string(outcome), report);
    } catch (const FixtureError& error) {
      report->Fail(words, error.what());
    }
  }
}

}  // namespace grouppose::parity
