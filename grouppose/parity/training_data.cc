// data_*_train: the transforms of training, one by one and in a chain.
//
// meta.steps: [RESULT, FROM, parameters...]. FROM is "start" or an earlier result. Parameters: none mirrors, or
// normalises where RESULT ends with _norm; [top, left, height, width] cuts out; two numbers are a short side and the
// largest long side (null: none); texts are a chain of "resize 110", "resize 128 max 200", "crop [5, 9, 96, 100]",
// "normalize".
#include <ATen/TensorOperators.h>

#include <map>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grouppose/data/resize.h"
#include "grouppose/data/transforms.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/recorded_sample.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// Several steps of float32 on coordinates, where the recording says nothing.
constexpr double kTargetsTolerance = 1e-6;

void ResizeShortSide(int64_t short_side, int64_t max_size, Sample* sample) {
  Resize(SizeForShortSide({sample->image.height, sample->image.width}, short_side, max_size), sample);
}

std::vector<int64_t> NumbersIn(const std::string& text) {
  std::vector<int64_t> numbers;
  static const std::regex& pattern = *new std::regex("[0-9]{1,9}");
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    numbers.push_back(std::stoll(it->str()));
  }
  return numbers;
}

// One link of a chain; true where it normalises, which the comparison does.
bool ApplyWords(const std::string& words, Sample* sample) {
  const std::vector<int64_t> numbers = NumbersIn(words);
  if (absl::StartsWith(words, "normali")) return true;
  if (absl::StartsWith(words, "resize") && (numbers.size() == 1 || numbers.size() == 2)) {
    ResizeShortSide(numbers[0], numbers.size() == 2 ? numbers[1] : 0, sample);
  } else if (absl::StartsWith(words, "crop") && numbers.size() == 4) {
    Crop({numbers[0], numbers[1], numbers[2], numbers[3]}, sample);
  } else {
    throw FixtureError(absl::StrCat("transform '", words, "' is not known"));
  }
  return false;
}

// A whole number, 0 for null.
int64_t NumberOrNone(dom::element element) {
  int64_t number = 0;
  if (!element.is_null() && element.get(number)) throw FixtureError("a step's parameter is no whole number");
  return number;
}

// Applies the step; true where the result is normalised.
bool ApplyStep(const std::string& result, const dom::array& step, const eval::KeypointDataset& description,
               Sample* sample) {
  if (step.size() == 2) {
    if (absl::EndsWith(result, "_norm")) return true;
    if (!absl::StrContains(result, "flip")) throw FixtureError(absl::StrCat("step ", result, " has no parameters"));
    Flip(description, sample);
    return false;
  }
  const dom::element first = step.at(2);
  if (first.is_array()) {
    const dom::array region = first;
    if (region.size() != 4) throw FixtureError(absl::StrCat("step ", result, " has no region of four numbers"));
    Crop({NumberOrNone(region.at(0)), NumberOrNone(region.at(1)), NumberOrNone(region.at(2)),
          NumberOrNone(region.at(3))},
         sample);
    return false;
  }
  if (first.is_string()) {
    bool normalised = false;
    for (size_t i = 2; i < step.size(); ++i) {
      normalised = ApplyWords(std::string(std::string_view(step.at(i))), sample);
    }
    return normalised;
  }
  ResizeShortSide(NumberOrNone(first), step.size() > 3 ? NumberOrNone(step.at(3)) : 0, sample);
  return false;
}

}  // namespace

void CheckTrainingData(const Fixture& fixture, Report* report) {
  const eval::KeypointDataset& description = DescriptionOf(fixture);
  const Tolerance targets = FindTolerance(fixture, "targets").value_or(Tolerance::Relative(kTargetsTolerance));
  const double tolerance = targets.relative + targets.absolute;
  std::map<std::string, Sample> results;
  results["start"] = ReadSample(fixture, "start");
  CompareSample(fixture, "start", results["start"], tolerance, report);
  const dom::array steps = fixture.Meta("steps");
  for (dom::element element : steps) {
    const dom::array step = element;
    const std::string result{std::string_view(step.at(0))}, from{std::string_view(step.at(1))};
    if (results.count(from) == 0) throw FixtureError(absl::StrCat("step ", result, " starts from an unknown ", from));
    Sample sample = results.at(from);
    if (ApplyStep(result, step, description, &sample)) {
      CompareNormalised(fixture, result, sample, tolerance, report);
    } else {
      CompareSample(fixture, result, sample, tolerance, report);
    }
    results[result] = std::move(sample);
  }
}

}  // namespace grouppose::parity
