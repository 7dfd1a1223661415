#include "experiments/experiment.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "experiments/dataset_description.h"
#include "experiments/layers.h"
#include "experiments/textproto.h"
#include "experiments/validation.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::TextFormat;

// The same file under two names is the same file.
std::string CanonicalPath(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

std::string PathBeside(const std::string& file, const std::string& path) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return std::filesystem::path(base::JoinPath(folder, path)).lexically_normal().string();
}

struct Layer {
  std::string name;
  Experiment experiment;
  TextFormat::ParseInfoTree locations;
};

absl::Status ParseLayer(const std::string& text, const std::string& name, Layer* layer) {
  layer->name = name;
  return ParseTextproto(text, name, &layer->experiment, &layer->locations);
}

// "run.textproto:2:1"
std::string PlaceOf(const Layer& layer, TextFormat::ParseLocation location) {
  return absl::StrCat(layer.name, ":", location.line + 1, ":", location.column + 1);
}
std::string PlaceOfExtends(const Layer& layer) {
  const auto* field = Experiment::descriptor()->FindFieldByNumber(Experiment::kExtendsFieldNumber);
  return PlaceOf(layer, layer.locations.GetLocation(field, -1));
}
std::string PlaceOfDescription(const Layer& layer) {
  const auto* data = Experiment::descriptor()->FindFieldByNumber(Experiment::kDataFieldNumber);
  const auto* field = Data::descriptor()->FindFieldByNumber(Data::kDescriptionFieldNumber);
  return PlaceOf(layer, layer.locations.GetTreeForNested(data, -1)->GetLocation(field, -1));
}

void Merge(const Layer& layer, Experiment* experiment, Origins* origins) {
  const auto place_of = [&layer](int line, int column) { return absl::StrCat(layer.name, ":", line, ":", column); };
  MergeLayer(layer.experiment, layer.locations, place_of, experiment, origins);
}

// What a file's data.description says takes the place of its path; `place` is where the path was set.
absl::Status TakeDescription(const std::string& path, const std::string& place, Experiment* experiment) {
  if (!base::FileExists(path)) {
    return absl::NotFoundError(absl::StrCat(place, ": data.description is \"", experiment->data().description(),
                                            "\": there is no file ", path));
  }
  ASSIGN_OR_RETURN(*experiment->mutable_data()->mutable_dataset(), ReadDatasetDescription(path));
  return absl::OkStatus();
}

// Merges a file and, below it, all that it extends. `open` are the files that led here.
absl::Status MergeFile(const std::string& path, std::vector<std::string> open, Experiment* experiment,
                       Origins* origins) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  Layer layer;
  RETURN_IF_ERROR(ParseLayer(text, path, &layer));
  open.push_back(path);
  if (layer.experiment.has_extends()) {
    const std::string below = PathBeside(path, layer.experiment.extends());
    for (const std::string& other : open) {
      if (CanonicalPath(other) != CanonicalPath(below)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          PlaceOfExtends(layer), ": extends goes in a circle: ", absl::StrJoin(open, " -> "), " -> ", below));
    }
    if (!base::FileExists(below)) {
      return absl::NotFoundError(absl::StrCat(PlaceOfExtends(layer), ": extends '", layer.experiment.extends(),
                                              "': there is no file ", below));
    }
    RETURN_IF_ERROR(MergeFile(below, open, experiment, origins));
  }
  Merge(layer, experiment, origins);
  const std::string& description = layer.experiment.data().description();
  if (description.empty()) return absl::OkStatus();
  return TakeDescription(PathBeside(path, description), PlaceOfDescription(layer), experiment);
}

absl::StatusOr<Experiment> Finish(const std::vector<std::string>& overrides, Experiment experiment, Origins origins) {
  experiment.clear_extends();
  for (const std::string& text : overrides) {
    RETURN_IF_ERROR(ApplyOverride(text, &experiment, &origins));
    const std::string& description = experiment.data().description();
    if (description.empty()) continue;
    RETURN_IF_ERROR(TakeDescription(base::UserPath(description), absl::StrCat("--set ", text), &experiment));
  }
  if (experiment.has_extends()) {
    return absl::InvalidArgumentError(
        absl::StrCat(origins.Latest({"extends"}), ": extends belongs into a file and cannot be set"));
  }
  FillDefaults(&experiment);
  experiment.clear_extends();
  RETURN_IF_ERROR(Validate(experiment, origins));
  return experiment;
}

}  // namespace

absl::StatusOr<Experiment> LoadExperiment(const std::string& path, const std::vector<std::string>& overrides) {
  Experiment experiment;
  Origins origins;
  origins.SetFallback(path);
  RETURN_IF_ERROR(MergeFile(path, {}, &experiment, &origins));
  return Finish(overrides, std::move(experiment), std::move(origins));
}

absl::StatusOr<Experiment> ParseExperiment(const std::string& text, const std::string& name,
                                           const std::vector<std::string>& overrides) {
  Experiment experiment;
  Origins origins;
  origins.SetFallback(name);
  Layer layer;
  RETURN_IF_ERROR(ParseLayer(text, name, &layer));
  if (layer.experiment.has_extends()) {
    return absl::InvalidArgumentError(absl::StrCat(PlaceOfExtends(layer), ": extends needs a file to start from"));
  }
  if (!layer.experiment.data().description().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(PlaceOfDescription(layer), ": data.description needs a file to start from"));
  }
  Merge(layer, &experiment, &origins);
  return Finish(overrides, std::move(experiment), std::move(origins));
}

std::string ResolvedText(const Experiment& experiment) {
  Experiment resolved = experiment;
  FillDefaults(&resolved);
  resolved.clear_extends();
  return TextprotoOf(resolved);
}

}  // namespace grouppose::experiments
