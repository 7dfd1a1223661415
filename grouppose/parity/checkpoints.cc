#include "grouppose/parity/checkpoints.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "grouppose/checkpoint/pth.h"
#include "grouppose/checkpoint/read_checkpoint.h"
#include "grouppose/checkpoint/value.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/folder.h"
#include "grouppose/parity/plain_data.h"

namespace grouppose::parity {
namespace {

using checkpoint::PthFile;
using checkpoint::Value;
using Tensors = std::map<std::string, at::Tensor>;

constexpr char kPlace[] = "ckpt/";
constexpr char kExpected[] = ".expected";
constexpr char kWeights[] = "model/";

JsonFile ReadIndex(const std::string& folder) { return JsonFile(base::JoinPath(folder, "ckpt/index.json")); }

// The lists of ckpt/index.json that name the file.
struct Lists {
  bool must_load = false, must_refuse = false, optional = false;
};

Lists ListsOf(const JsonFile& index, const std::string& file) {
  const auto has = [&](const char* list) {
    const std::vector<std::string> names = index.Has(list) ? index.Strings(list) : std::vector<std::string>();
    return std::count(names.begin(), names.end(), file) > 0;
  };
  return {has("must_load"), has("must_refuse"), has("optional")};
}

absl::StatusOr<PthFile> Open(const std::string& path) {
  const auto file = checkpoint::MappedFile::Open(path);
  if (!file.ok()) return file.status();
  return PthFile::Open(*file);
}

// Every tensor below a value, by its keys joined with "/".
void Collect(const Value& value, const std::string& path, PthFile* file, Tensors* tensors) {
  if (value.kind == Value::Kind::kTensor) (*tensors)[path] = file->Tensor(value);
  if (value.kind != Value::Kind::kDict) return;
  for (const auto& [key, item] : value.AsPairs()) {
    const std::string name = key->kind == Value::Kind::kString ? key->AsText() : checkpoint::ToText(*key);
    Collect(*item, path.empty() ? name : absl::StrCat(path, "/", name), file, tensors);
  }
}

// Where the file has the expected tensor: under its own path, or one level further down ("tensors/f32").
const at::Tensor* Find(const Tensors& tensors, const std::string& expected) {
  const std::string path(absl::StripPrefix(expected, "/"));
  const auto found = tensors.find(path);
  if (found != tensors.end()) return &found->second;
  for (const auto& [name, tensor] : tensors) {
    if (absl::EndsWith(name, "/" + path) && name.find('/') == name.size() - path.size() - 1) return &tensor;
  }
  return nullptr;
}

std::vector<std::string> ExpectedStems(const std::string& folder) {
  std::vector<std::string> stems;
  const std::string ending = absl::StrCat(kExpected, ".json");
  for (const std::string& file : FilesIn(base::JoinPath(folder, "ckpt"))) {
    if (absl::EndsWith(file, ending)) stems.push_back(file.substr(0, file.size() - ending.size()));
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

Fixture ReadExpected(const std::string& folder, const std::string& stem) {
  return Fixture(base::JoinPath(folder, "ckpt"), stem + kExpected);
}

// Whether each of the file's tensors is among the expected ones.
bool HasAll(const Fixture& expected, const Tensors& tensors) {
  return !tensors.empty() &&
         std::all_of(tensors.begin(), tensors.end(), [&](const auto& entry) { return expected.Has(entry.first); });
}

// The stem that `file` belongs to, by its name alone; "" where none.
std::string StemByName(const std::string& folder, const std::string& file) {
  std::string longest;
  for (const std::string& stem : ExpectedStems(folder)) {
    const JsonFile json(base::JoinPath(folder, absl::StrCat(kPlace, stem, kExpected, ".json")));
    if (json.Has("meta/files")) {
      const std::vector<std::string> files = json.Strings("meta/files");
      if (std::count(files.begin(), files.end(), file) > 0) return stem;
    }
    const bool begins = absl::StartsWith(file, stem + "_") || absl::StartsWith(file, stem + ".");
    if (begins && stem.size() > longest.size()) longest = stem;
  }
  return longest;
}

void CompareTensors(const Fixture& expected, const Tensors& tensors, bool all, Report* report) {
  for (const auto& [path, value] : expected.tensors()) {
    const at::Tensor* ours = Find(tensors, path);
    if (ours == nullptr) {
      if (all) report->Fail(path, "the file's tensor was not found");
      continue;
    }
    report->Expect(path, ours->scalar_type() == value.scalar_type(),
                   absl::StrCat(at::toString(ours->scalar_type()), ", expected ", at::toString(value.scalar_type())));
    report->Compare(path, *ours, value, Tolerance::Exact());
  }
}

// "f32, transposed, row share one storage"
void CompareSharing(const Fixture& expected, const Tensors& tensors, Report* report) {
  std::string names = expected.Text("sharing", "");
  const size_t end = names.find(" share one storage");
  if (end == std::string::npos) return;
  const at::Tensor* first = nullptr;
  const std::vector<std::string> shared = absl::StrSplit(names.substr(0, end), ", ", absl::SkipEmpty());
  for (const std::string& name : shared) {
    const at::Tensor* tensor = Find(tensors, name);
    if (first == nullptr) first = tensor;
    report->Expect("storage of " + name,
                   tensor != nullptr && first != nullptr && tensor->storage().data() == first->storage().data(),
                   "is not shared as in the file");
  }
}

// The weights as a model gets them: without the prefix of distributed training.
void CompareWeights(const std::string& path, const Fixture& expected, Report* report) {
  Tensors weights;
  for (const auto& [name, tensor] : expected.tensors()) {
    if (absl::StartsWith(name, kWeights)) {
      weights[std::string(absl::StripPrefix(absl::StripPrefix(name, kWeights), "module."))] = tensor;
    }
  }
  if (weights.empty()) return;
  const auto read = checkpoint::ReadCheckpoint(path);
  if (!read.ok()) return report->Fail("weights", std::string(read.status().message()));
  report->Expect("weights", read->tensors.size() == weights.size(),
                 absl::StrCat(read->tensors.size(), " tensors, expected ", weights.size()));
  for (const auto& [name, tensor] : weights) {
    const auto found = read->tensors.find(name);
    report->Compare("weights " + name, found == read->tensors.end() ? at::Tensor() : found->second, tensor,
                    Tolerance::Exact());
  }
}

void CheckLoaded(const std::string& folder, const std::string& file, PthFile* opened, Report* report) {
  Tensors tensors;
  Collect(opened->root(), "", opened, &tensors);
  report->Expect("tensors", !tensors.empty(), "the file has none");
  const std::string named = StemByName(folder, file);
  if (!named.empty()) {
    const Fixture expected = ReadExpected(folder, named);
    CompareTensors(expected, tensors, /*all=*/true, report);
    CompareSharing(expected, tensors, report);
    ComparePlainData(expected, opened->root(), report);
    CompareWeights(base::JoinPath(folder, kPlace + file), expected, report);
    return;
  }
  // a part of some recorded file
  for (const std::string& stem : ExpectedStems(folder)) {
    const Fixture expected = ReadExpected(folder, stem);
    if (HasAll(expected, tensors)) return CompareTensors(expected, tensors, /*all=*/false, report);
  }
}

void ExpectOneLine(const absl::Status& status, Report* report) {
  const std::string message(status.message());
  report->Expect("message", !message.empty() && !absl::StrContains(message, "\n"), "is no single line");
  report->Expect("kind of error", status.code() == absl::StatusCode::kInvalidArgument, status.ToString());
}

}  // namespace

std::vector<std::string> CheckpointNames(const std::string& folder) {
  const std::string place = base::JoinPath(folder, "ckpt");
  if (!base::IsDirectory(place)) return {};
  std::set<std::string> names;
  for (const std::string& file : FilesIn(place)) {
    if (absl::EndsWith(file, ".pth")) names.insert(kPlace + file);
    if (file == "pickle_contents.json") names.insert("ckpt/pickle_contents");
  }
  for (const std::string& stem : ExpectedStems(folder)) names.insert(absl::StrCat(kPlace, stem, kExpected));
  try {
    const JsonFile index = ReadIndex(folder);
    for (const char* list : {"must_load", "must_refuse", "optional"}) {
      if (!index.Has(list)) continue;
      for (const std::string& file : index.Strings(list)) names.insert(kPlace + file);
    }
  } catch (const FixtureError&) {
    // every file's own check says it
  }
  return {names.begin(), names.end()};
}

void CheckCheckpointFile(const std::string& folder, const std::string& name, Report* report) {
  const std::string file(absl::StripPrefix(name, kPlace)), path = base::JoinPath(folder, name);
  const JsonFile index = ReadIndex(folder);
  const Lists lists = ListsOf(index, file);
  if (!lists.must_load && !lists.must_refuse && !lists.optional) {
    return report->Fail("ckpt/index.json", "no list names the file: must it load or be refused?");
  }
  auto opened = Open(path);
  if (opened.ok()) {
    report->Expect("verdict", !lists.must_refuse, "was read, and must be refused");
    if (!lists.must_refuse) CheckLoaded(folder, file, &*opened, report);
  } else {
    report->Expect("verdict", !lists.must_load, std::string(opened.status().message()));
    if (!lists.must_load) ExpectOneLine(opened.status(), report);
  }
  if (lists.must_refuse && index.Has("marker_that_must_not_appear")) {
    const std::string marker = index.Text("marker_that_must_not_appear");
    report->Expect("nothing executed", !base::FileExists(marker), marker + " is there");
  }
}

void CheckExpectedTensors(const std::string& folder, const std::string& name, Report* report) {
  const std::string stem =
      name.substr(sizeof(kPlace) - 1, name.size() - (sizeof(kPlace) - 1) - (sizeof(kExpected) - 1));
  const Fixture expected = ReadExpected(folder, stem);
  report->Expect("tensors", !expected.tensors().empty(), "it has none");
  const JsonFile index = ReadIndex(folder);
  int files = 0;
  for (const std::string& file : index.Strings("must_load")) files += StemByName(folder, file) == stem;
  report->Expect("files", files > 0, "no file that must load belongs to it");
  if (!expected.HasMeta("files")) return;
  for (const std::string& file : expected.Strings("files")) {
    report->Expect(file, ListsOf(index, file).must_load, "belongs to it and is not in must_load");
  }
}

void CheckPickleContents(const std::string& folder, const std::string& name, Report* report) {
  const JsonFile table(base::JoinPath(folder, name + ".json")), index = ReadIndex(folder);
  for (const std::string& file : table.Keys("")) {
    const auto mapped = checkpoint::MappedFile::Open(base::JoinPath(folder, kPlace + file));
    if (!mapped.ok()) {
      report->Fail(file, std::string(mapped.status().message()));
      continue;
    }
    const auto field = [&](const char* key) { return absl::StrCat(file, "/", key); };
    if (table.Has(field("bytes"))) {
      report->Compare(file + " bytes", static_cast<double>((*mapped)->bytes().size()), table.Number(field("bytes")),
                      Tolerance::Exact());
    }
    if (!ListsOf(index, file).must_load) continue;
    const auto format = checkpoint::FormatOf(**mapped);
    const std::string found = format.ok() ? checkpoint::FormatName(*format) : std::string(format.status().message());
    report->Expect(file + " format", absl::StrContains(found, absl::StrCat("(", table.Text(field("format")), ")")),
                   absl::StrCat(found, ", expected ", table.Text(field("format"))));
  }
}

}  // namespace grouppose::parity
