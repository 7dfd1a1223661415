#include "tools/checkpoint_command.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <regex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/flags.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "grouppose/checkpoint/contents.h"
#include "grouppose/checkpoint/difference.h"
#include "grouppose/checkpoint/pth_writer.h"
#include "grouppose/checkpoint/read_checkpoint.h"
#include "grouppose/checkpoint/safetensors.h"

namespace grouppose {
namespace {

using checkpoint::Checkpoint;
using checkpoint::Contents;
using checkpoint::TensorDifference;
using Arguments = std::vector<std::string>;

constexpr char kHelp[] =
    "grouppose checkpoint: files of weights, safetensors and .pth. Nothing in a file is executed.\n\n"
    "Usage: grouppose checkpoint SUBCOMMAND [flags]\n\n"
    "  inspect FILE [--filter=RE] [--json]\n      names, types, shapes and totals; arguments and metadata\n"
    "  convert IN OUT [--weights=KEY]\n      the weights alone, to safetensors or .pth\n"
    "  diff A B [--weights=KEY]\n      where the weights of two files differ\n";

constexpr char kWeightsHelp[] =
    "which state dict of a .pth file, such as ema_model; without it `model`, `state_dict`, or the file itself where it "
    "is one";

// What a line of `inspect` shows of a value; --json has all of it.
constexpr size_t kMaxValueCharacters = 100;

struct Total {
  int64_t tensors = 0, elements = 0;
  uint64_t bytes = 0;

  void Add(const Contents::Tensor& tensor) {
    ++tensors;
    elements += tensor.elements;
    bytes += tensor.bytes;
  }
};

struct Totals {
  explicit Totals(const Contents& contents) {
    for (const Contents::Tensor& tensor : contents.tensors) {
      groups[tensor.group].Add(tensor);
      all.Add(tensor);
    }
  }
  std::map<std::string, Total> groups;
  Total all;
};

std::string Shape(const std::vector<int64_t>& sizes) { return absl::StrCat("[", absl::StrJoin(sizes, ", "), "]"); }

absl::StatusOr<std::regex> ParseFilter(const std::string& filter) {
  try {
    return std::regex(filter, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--filter=", filter, ": expected a regular expression: ", error.what()));
  }
}

// Only what the filter finds; totals follow.
absl::StatusOr<Contents> Filtered(Contents contents, const std::string& filter) {
  if (filter.empty()) return contents;
  ASSIGN_OR_RETURN(const std::regex regex, ParseFilter(filter));
  const auto is_other = [&](const std::string& name) { return !std::regex_search(name, regex); };
  contents.tensors.erase(std::remove_if(contents.tensors.begin(), contents.tensors.end(),
                                        [&](const Contents::Tensor& tensor) { return is_other(tensor.name); }),
                         contents.tensors.end());
  contents.values.erase(std::remove_if(contents.values.begin(), contents.values.end(),
                                       [&](const auto& value) { return is_other(value.first); }),
                        contents.values.end());
  return contents;
}

void PrintTotal(const std::string& name, const Total& total, std::ostream& out) {
  out << absl::StrFormat("  %-12s %6d tensors %12d elements %12d bytes\n", name, total.tensors, total.elements,
                         total.bytes);
}

void PrintText(const std::string& path, const Contents& contents, std::ostream& out) {
  out << absl::StrFormat("%s: %s, %d bytes\n", path, contents.format, contents.file_bytes);
  size_t width = 0;
  for (const Contents::Tensor& tensor : contents.tensors) width = std::max(width, tensor.name.size());
  for (const Contents::Tensor& tensor : contents.tensors) {
    out << absl::StrFormat("  %-*s  %-8s %s\n", static_cast<int>(width), tensor.name, tensor.dtype,
                           Shape(tensor.sizes));
  }
  for (const auto& [name, json] : contents.values) {
    out << "  " << name << " = " << json.substr(0, kMaxValueCharacters)
        << (json.size() > kMaxValueCharacters ? "..." : "") << "\n";
  }
  const Totals totals(contents);
  if (totals.groups.size() > 1 || (totals.groups.size() == 1 && !totals.groups.begin()->first.empty())) {
    for (const auto& [group, total] : totals.groups) PrintTotal(group.empty() ? "(top)" : group, total, out);
  }
  PrintTotal("total", totals.all, out);
}

void AddTotal(const Total& total, base::JsonWriter* json) {
  json->BeginObject(base::JsonWriter::kOneLine);
  json->Member("tensors", total.tensors);
  json->Member("elements", total.elements);
  json->Member("bytes", total.bytes);
  json->EndObject();
}

void PrintJson(const std::string& path, const Contents& contents, std::ostream& out) {
  std::string text;
  base::JsonWriter::Options options;
  options.indent = 2;
  base::JsonWriter json(&text, options);
  json.BeginObject();
  json.Member("file", path);
  json.Member("format", contents.format);
  json.Member("bytes", contents.file_bytes);
  json.Key("tensors").BeginArray();
  for (const Contents::Tensor& tensor : contents.tensors) {
    json.BeginObject(base::JsonWriter::kOneLine);
    json.Member("name", tensor.name);
    json.Member("dtype", tensor.dtype);
    json.Key("shape").BeginArray();
    for (const int64_t size : tensor.sizes) json.Value(size);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.Key("values").BeginObject();
  for (const auto& [name, value] : contents.values) json.Key(name).Raw(value);
  json.EndObject();
  const Totals totals(contents);
  json.Key("totals").BeginObject();
  for (const auto& [group, total] : totals.groups) {
    json.Key(group);
    AddTotal(total, &json);
  }
  json.EndObject();
  json.Key("total");
  AddTotal(totals.all, &json);
  json.EndObject();
  json.Finish();
  out << text;
}

absl::Status Inspect(const Arguments& arguments, std::ostream& out) {
  Arguments files;
  std::string filter;
  bool as_json = false;
  base::Flags flags("grouppose checkpoint inspect",
                    "Lists what a file of weights holds: every tensor by its name (keys of nested dicts joined by /), "
                    "then every other value, then totals. Nothing in the file is executed.");
  flags.Positional(&files, "FILE", "safetensors, or .pth of torch.save in either format");
  flags.Optional("filter", &filter, "RE", "regular expression; only names in which it is found");
  flags.Switch("json", &as_json, "as JSON, with the values in full");
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (files.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint inspect: expected FILE, found ", files.size(), " files"));
  }
  ASSIGN_OR_RETURN(Contents contents, checkpoint::ListContents(base::UserPath(files[0])));
  ASSIGN_OR_RETURN(contents, Filtered(std::move(contents), filter));
  if (as_json) {
    PrintJson(files[0], contents, out);
  } else {
    PrintText(files[0], contents, out);
  }
  return absl::OkStatus();
}

// What a safetensors file says besides its tensors.
std::map<std::string, std::string> MetadataOf(const Checkpoint& checkpoint) {
  std::map<std::string, std::string> metadata = checkpoint.metadata;
  // what Python's safetensors asks for
  metadata.emplace("format", "pt");
  if (checkpoint.arguments.empty() || metadata.count(checkpoint::kArgumentsKey) != 0) return metadata;
  std::string& text = metadata[checkpoint::kArgumentsKey];
  base::JsonWriter json(&text);
  json.BeginObject();
  for (const auto& [name, value] : checkpoint.arguments) json.Key(name).Raw(value);
  json.EndObject();
  json.Finish();
  return metadata;
}

absl::Status Convert(const Arguments& arguments, std::ostream& out) {
  Arguments files;
  checkpoint::ReadOptions options;
  base::Flags flags(
      "grouppose checkpoint convert",
      "Writes the weights of a file, and nothing of its optimiser, into another format. 'module.' in front "
      "of names is dropped. A .pth file holds them under 'model', where the official program looks, and "
      "loads with torch.load(weights_only=True); a safetensors file keeps the arguments of the program "
      "that trained them in its metadata.");
  flags.Positional(&files, "IN OUT", "the format of OUT goes by its ending: .safetensors or .pth");
  flags.Optional("weights", &options.weights, "KEY", kWeightsHelp);
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (files.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint convert: expected IN and OUT, found ", files.size(), " files"));
  }
  const std::string output = base::UserPath(files[1]);
  const bool to_pth = absl::EndsWith(output, ".pth");
  if (!to_pth && !absl::EndsWith(output, ".safetensors")) {
    return absl::InvalidArgumentError(absl::StrCat(files[1], ": expected a name that ends in .safetensors or .pth"));
  }
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, checkpoint::ReadCheckpoint(base::UserPath(files[0]), options));
  if (to_pth) {
    RETURN_IF_ERROR(checkpoint::WritePth(output, checkpoint.tensors));
  } else {
    RETURN_IF_ERROR(checkpoint::WriteSafetensors(output, checkpoint.tensors, MetadataOf(checkpoint)));
  }
  out << absl::StrFormat("%s: %d tensors of %s\n", files[1], checkpoint.tensors.size(), checkpoint.Source());
  Arguments left_out = checkpoint.left_out;
  // as metadata they are still there
  if (!to_pth) left_out.erase(std::remove(left_out.begin(), left_out.end(), "args"), left_out.end());
  if (!left_out.empty()) out << "left out: " << absl::StrJoin(left_out, ", ") << "\n";
  return absl::OkStatus();
}

std::string LineOf(const TensorDifference& difference) {
  using Kind = TensorDifference::Kind;
  switch (difference.kind) {
    case Kind::kOnlyInFirst:
      return absl::StrCat("only in A  ", difference.name, "  ", difference.first);
    case Kind::kOnlyInSecond:
      return absl::StrCat("only in B  ", difference.name, "  ", difference.second);
    case Kind::kShape:
      return absl::StrCat("shape      ", difference.name, "  ", difference.first, " -> ", difference.second);
    case Kind::kType:
      return absl::StrCat("type       ", difference.name, "  ", difference.first, " -> ", difference.second,
                          absl::StrFormat(", max |a - b| %.3g", difference.max_difference));
    case Kind::kValues:
      return absl::StrCat("values     ", difference.name, "  ", difference.first,
                          absl::StrFormat(", max |a - b| %.3g", difference.max_difference));
  }
  return "";
}

absl::Status Diff(const Arguments& arguments, std::ostream& out) {
  Arguments files;
  checkpoint::ReadOptions options;
  base::Flags flags("grouppose checkpoint diff",
                    "Compares the weights of two files, in whatever formats: names, shapes, types, and the largest "
                    "absolute difference of the values. Exit 0 where there is none, 1 where there is one.");
  flags.Positional(&files, "A B", "safetensors or .pth");
  flags.Optional("weights", &options.weights, "KEY", absl::StrCat(kWeightsHelp, "; of both files"));
  ASSIGN_OR_RETURN(const bool go_on, flags.Parse(arguments));
  if (!go_on) return absl::OkStatus();
  if (files.size() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint diff: expected A and B, found ", files.size(), " files"));
  }
  ASSIGN_OR_RETURN(const Checkpoint first, checkpoint::ReadCheckpoint(base::UserPath(files[0]), options));
  ASSIGN_OR_RETURN(const Checkpoint second, checkpoint::ReadCheckpoint(base::UserPath(files[1]), options));
  const std::vector<TensorDifference> differences = checkpoint::Differences(first.tensors, second.tensors);
  for (const TensorDifference& difference : differences) out << LineOf(difference) << "\n";
  if (!differences.empty()) {
    return absl::AbortedError(absl::StrCat("checkpoint diff: ", differences.size(),
                                           differences.size() == 1 ? " tensor differs" : " tensors differ"));
  }
  out << "equal: " << first.tensors.size() << " tensors\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status RunCheckpointCommand(const Arguments& arguments, std::ostream& out) {
  if (arguments.empty()) return absl::InvalidArgumentError("checkpoint: expected a subcommand; --help lists them");
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    out << kHelp;
    return absl::OkStatus();
  }
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (arguments[0] == "inspect") return Inspect(rest, out);
  if (arguments[0] == "convert") return Convert(rest, out);
  if (arguments[0] == "diff") return Diff(rest, out);
  const std::string nearest = base::NearestName(arguments[0], {"inspect", "convert", "diff"});
  return absl::InvalidArgumentError(absl::StrCat("checkpoint: unknown subcommand '", arguments[0], "'",
                                                 nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

}  // namespace grouppose
