#include "experiments/dataset_description.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/status.h"
#include "experiments/textproto.h"
#include "google/protobuf/text_format.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::TextFormat;

// The first thing that is wrong with a description.
struct Fault {
  std::string field;  // of DatasetDescription: "flip_pairs"
  int index = -1;     // of a list; -1 where it is not about one entry
  std::string text;   // "flip_pairs[1].left is ..., expected ..."
};

// Collects the first broken rule.
class Checker {
 public:
  // `below` names the part of an entry that a rule is about, such as ".left".
  void Require(bool holds, const std::string& field, int index, const std::string& below, const std::string& found,
               const std::string& expected) {
    if (holds || fault_.has_value()) return;
    const std::string entry = index < 0 ? "" : absl::StrCat("[", index, "]");
    fault_ = Fault{field, index, absl::StrCat(field, entry, below, " is ", found, ", expected ", expected)};
  }
  const std::optional<Fault>& fault() const { return fault_; }

 private:
  std::optional<Fault> fault_;
};

std::string Quoted(const std::string& name) { return absl::StrCat("\"", name, "\""); }

std::vector<std::string> NamesOf(const DatasetDescription& description) {
  std::vector<std::string> names;
  for (const DatasetDescription::Keypoint& keypoint : description.keypoints()) names.push_back(keypoint.name());
  return names;
}

void CheckKeypoints(const DatasetDescription& description, Checker* check) {
  check->Require(!description.name().empty(), "name", -1, "", "\"\"", "what messages call the data set");
  check->Require(description.keypoints_size() > 0, "keypoints", -1, "", "empty",
                 "an entry { name: \"nose\" sigma: 0.026 } for every keypoint");
  std::set<std::string> known;
  for (int i = 0; i < description.keypoints_size(); ++i) {
    const DatasetDescription::Keypoint& keypoint = description.keypoints(i);
    check->Require(!keypoint.name().empty(), "keypoints", i, ".name", "\"\"", "a name");
    check->Require(known.insert(keypoint.name()).second, "keypoints", i, ".name", Quoted(keypoint.name()),
                   "another name than those of the keypoints before it");
    check->Require(keypoint.has_sigma(), "keypoints", i, ".sigma", "not set", "a positive number");
    check->Require(keypoint.sigma() > 0 && std::isfinite(keypoint.sigma()), "keypoints", i, ".sigma",
                   absl::StrCat(keypoint.sigma()), "a positive number");
  }
}

// That `name`, found in an entry of a list, is the name of a keypoint.
void CheckName(const std::vector<std::string>& names, const std::string& field, int index, const std::string& below,
               const std::string& name, Checker* check) {
  bool is_known = false;
  for (const std::string& known : names) is_known = is_known || known == name;
  if (is_known) return;
  const std::string nearest = base::NearestName(name, names);
  check->Require(
      false, field, index, below, Quoted(name),
      absl::StrCat("a name of keypoints", nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

void CheckPairs(const DatasetDescription& description, Checker* check) {
  const std::vector<std::string> names = NamesOf(description);
  std::set<std::string> paired;
  for (int i = 0; i < description.flip_pairs_size(); ++i) {
    const std::string &left = description.flip_pairs(i).left(), &right = description.flip_pairs(i).right();
    CheckName(names, "flip_pairs", i, ".left", left, check);
    CheckName(names, "flip_pairs", i, ".right", right, check);
    check->Require(left != right, "flip_pairs", i, ".right", Quoted(right), "another keypoint than left");
    for (const auto& [below, name] : {std::pair(".left", left), std::pair(".right", right)}) {
      check->Require(paired.insert(name).second, "flip_pairs", i, below, Quoted(name),
                     "a keypoint of none of the pairs before it");
    }
  }
  for (int i = 0; i < description.skeleton_size(); ++i) {
    const std::string &from = description.skeleton(i).from(), &to = description.skeleton(i).to();
    CheckName(names, "skeleton", i, ".from", from, check);
    CheckName(names, "skeleton", i, ".to", to, check);
    check->Require(from != to, "skeleton", i, ".to", Quoted(to), "another keypoint than from");
  }
}

void CheckRules(const DatasetDescription& description, Checker* check) {
  const auto& borders = description.crowd_index_borders();
  if (borders.empty()) return;
  const std::string field = "crowd_index_borders";
  check->Require(borders.size() == 2, field, -1, "", absl::StrCat("a list of ", borders.size()),
                 "two numbers, such as [0.2, 0.8]");
  if (borders.size() != 2) return;
  // false where one is NaN
  check->Require(borders[0] < borders[1], field, -1, "", absl::StrCat("[", borders[0], ", ", borders[1], "]"),
                 "the smaller number first");
  check->Require(description.summary_rule() == DatasetDescription::BY_CROWD_INDEX, field, -1, "", "set",
                 "summary_rule: BY_CROWD_INDEX with it");
}

void CheckSplits(const DatasetDescription& description, Checker* check) {
  std::set<std::string> known;
  for (int i = 0; i < description.splits_size(); ++i) {
    const DatasetDescription::Split& split = description.splits(i);
    check->Require(!split.name().empty(), "splits", i, ".name", "\"\"", "a name, such as \"train\"");
    check->Require(known.insert(split.name()).second, "splits", i, ".name", Quoted(split.name()),
                   "another name than those of the splits before it");
    check->Require(!split.annotations().empty(), "splits", i, ".annotations", "\"\"", "a file below --data");
    check->Require(!split.images().empty(), "splits", i, ".images", "\"\"", "a folder below --data, or \".\"");
  }
}

std::optional<Fault> FaultOf(const DatasetDescription& description) {
  Checker check;
  CheckKeypoints(description, &check);
  CheckPairs(description, &check);
  CheckRules(description, &check);
  CheckSplits(description, &check);
  return check.fault();
}

// ":9:1" of the entry that a fault is about, "" where the text does not mention it.
std::string PlaceOf(const Fault& fault, const TextFormat::ParseInfoTree& locations) {
  const auto* field = DatasetDescription::descriptor()->FindFieldByName(fault.field);
  const int index = field->is_repeated() ? std::max(fault.index, 0) : -1;
  const auto location = locations.GetLocation(field, index);
  return location.line < 0 ? "" : absl::StrCat(":", location.line + 1, ":", location.column + 1);
}

}  // namespace

absl::StatusOr<DatasetDescription> ParseDatasetDescription(const std::string& text, const std::string& name) {
  DatasetDescription description;
  TextFormat::ParseInfoTree locations;
  RETURN_IF_ERROR(ParseTextproto(text, name, &description, &locations));
  const std::optional<Fault> fault = FaultOf(description);
  if (!fault.has_value()) return description;
  return absl::InvalidArgumentError(absl::StrCat(name, PlaceOf(*fault, locations), ": ", fault->text));
}

absl::StatusOr<DatasetDescription> ReadDatasetDescription(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return ParseDatasetDescription(text, path);
}

absl::Status CheckDatasetDescription(const DatasetDescription& description) {
  const std::optional<Fault> fault = FaultOf(description);
  return fault.has_value() ? absl::InvalidArgumentError(fault->text) : absl::OkStatus();
}

std::string DatasetName(const Data& data) {
  return data.has_dataset() ? data.dataset().name() : Data::Source_Name(data.source());
}

}  // namespace grouppose::experiments
