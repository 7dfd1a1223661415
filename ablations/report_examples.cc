#include "ablations/report_examples.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/dataset_description.h"
#include "eval/evaluator.h"

namespace grouppose {
namespace {

// Images shown: enough to see a habit of a model, few enough for one page with twenty variants.
constexpr size_t kImages = 4;

// Colours of persons; further ones begin again.
constexpr int kPersonColours = 6;

bool IsPerson(const eval::Annotation& annotation) { return !annotation.iscrowd && annotation.num_keypoints > 0; }

// The cell that is shown of every variant with results on the baseline's images.
std::vector<const Cell*> CellsToShow(const Study& study) {
  const auto& images = study.baseline().first().ground_truth;
  const auto comparable = [&](const Cell& cell) { return cell.has_results() && cell.ground_truth == images; };
  std::vector<std::set<int64_t>> seeds_of_row;
  std::vector<const Row*> rows;
  for (const Row& row : study.rows) {
    std::set<int64_t> seeds;
    for (const Cell* cell : row.cells) {
      if (comparable(*cell)) seeds.insert(cell->seed);
    }
    if (seeds.empty()) continue;
    seeds_of_row.push_back(seeds);
    rows.push_back(&row);
  }
  std::vector<const Cell*> cells;
  if (rows.empty()) return cells;
  // the lowest seed that all have, else each variant's lowest
  std::optional<int64_t> common;
  for (const int64_t seed : seeds_of_row.front()) {
    const bool everywhere = std::all_of(seeds_of_row.begin(), seeds_of_row.end(),
                                        [&](const std::set<int64_t>& seeds) { return seeds.count(seed) > 0; });
    if (everywhere && !common.has_value()) common = seed;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t seed = common.value_or(*seeds_of_row[i].begin());
    for (const Cell* cell : rows[i]->cells) {
      if (cell->seed == seed && comparable(*cell)) cells.push_back(cell);
    }
  }
  return cells;
}

// A file name is of the data: one that leads out of the folder is none of ours.
bool LeadsOutside(const std::string& file_name) {
  return file_name.empty() || file_name[0] == '/' || absl::StrContains(file_name, "..");
}

absl::StatusOr<std::vector<Example>> ChooseImages(const eval::Dataset& dataset, const std::string& folder) {
  std::set<int64_t> with_person;
  for (const eval::Annotation& annotation : dataset.annotations) {
    if (IsPerson(annotation)) with_person.insert(annotation.image_id);
  }
  std::vector<eval::Image> images = dataset.images;
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  std::vector<Example> examples;
  for (const eval::Image& image : images) {
    if (examples.size() == kImages) break;
    if (with_person.count(image.id) == 0 || image.width <= 0 || image.height <= 0) continue;
    Example example;
    example.image = image;
    if (!folder.empty()) {
      const std::string path = base::JoinPath(folder, image.file_name);
      if (LeadsOutside(image.file_name) || !base::FileExists(path)) continue;
      ASSIGN_OR_RETURN(example.png, base::ReadFile(path));
      if (!absl::StartsWith(example.png, "\x89PNG")) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": expected a PNG file"));
      }
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

// What concerns one image.
eval::Dataset OnlyImage(const eval::Dataset& dataset, const eval::Image& image) {
  eval::Dataset one;
  one.categories = dataset.categories;
  one.images = {image};
  for (const eval::Annotation& annotation : dataset.annotations) {
    if (annotation.image_id == image.id) one.annotations.push_back(annotation);
  }
  return one;
}

ExampleColumn GroundTruthColumn(const eval::Dataset& one) {
  ExampleColumn column;
  column.title = "ground truth";
  int person = 0;
  for (const eval::Annotation& annotation : one.annotations) {
    if (IsPerson(annotation)) column.poses.push_back({annotation.keypoints, person++});
  }
  column.caption = absl::StrCat(person, person == 1 ? " person" : " persons");
  return column;
}

// The best poses of a cell on an image, each with the person that the evaluator matches it with at OKS 0.5.
absl::StatusOr<ExampleColumn> PredictionColumn(const Cell& cell, const std::vector<eval::Detection>& of_all_images,
                                               const eval::Dataset& one, const eval::KeypointDataset& description) {
  std::vector<eval::Detection> detections;
  for (const eval::Detection& detection : of_all_images) {
    if (detection.image_id == one.images[0].id) detections.push_back(detection);
  }
  eval::EvaluatorOptions options;
  options.dataset = description;
  options.details = true;
  ASSIGN_OR_RETURN(const eval::Metrics metrics, eval::Evaluate(one, detections, options));
  std::vector<int64_t> persons;
  for (const eval::Annotation& annotation : one.annotations) {
    if (IsPerson(annotation)) persons.push_back(annotation.id);
  }
  ExampleColumn column;
  column.title = cell.variant;
  int found = 0;
  if (!metrics.per_image.empty()) {
    const eval::ImageDetails& details = metrics.per_image.front();
    for (size_t i = 0; i < std::min(persons.size(), details.detection_ids.size()); ++i) {
      DrawnPose pose;
      pose.keypoints = detections[details.detection_ids[i] - 1].keypoints;
      for (size_t k = 2; k < pose.keypoints.size(); k += 3) pose.keypoints[k] = 2;  // a model places every keypoint
      const auto match = std::find(persons.begin(), persons.end(), details.matches_50[i]);
      if (match != persons.end()) pose.person = static_cast<int>(match - persons.begin());
      found += pose.person >= 0;
      column.poses.push_back(std::move(pose));
    }
  }
  column.caption = absl::StrFormat("%d of %d found", found, persons.size());
  return column;
}

// ---- drawing

std::string Point(const std::vector<double>& keypoints, int k) {
  return absl::StrFormat("%.1f %.1f", keypoints[3 * k], keypoints[3 * k + 1]);
}

bool Drawn(const std::vector<double>& keypoints, int k) {
  // a value far outside would only make the file longer
  return keypoints[3 * k + 2] > 0 && std::abs(keypoints[3 * k]) < 1e5 && std::abs(keypoints[3 * k + 1]) < 1e5;
}

void WritePose(const DrawnPose& pose, const std::vector<std::pair<int, int>>& skeleton, base::HtmlWriter* html) {
  std::string limbs, joints;
  for (const auto& [a, b] : skeleton) {
    if (Drawn(pose.keypoints, a) && Drawn(pose.keypoints, b)) {
      absl::StrAppend(&limbs, "M", Point(pose.keypoints, a), "L", Point(pose.keypoints, b));
    }
  }
  for (int k = 0; k < static_cast<int>(pose.keypoints.size() / 3); ++k) {
    if (Drawn(pose.keypoints, k)) absl::StrAppend(&joints, "M", Point(pose.keypoints, k), "h0");
  }
  const std::string colour = pose.person < 0 ? "person-none" : absl::StrCat("person-", pose.person % kPersonColours);
  html->Begin("g", {{"class", colour}});
  html->Empty("path", {{"class", "casing"}, {"d", limbs}});
  html->Empty("path", {{"class", "limb"}, {"d", limbs}});
  html->Empty("path", {{"class", "joint"}, {"d", joints}});
  html->End();
}

// A name that may be broken after an underscore.
void WriteBreakable(const std::string& name, base::HtmlWriter* html) {
  for (const char c : name) {
    html->Text(std::string(1, c));
    if (c == '_') html->Empty("wbr");
  }
}

void WriteColumn(const Example& example, const ExampleColumn& column, const std::string& picture,
                 const std::vector<std::pair<int, int>>& skeleton, base::HtmlWriter* html) {
  const std::string width = absl::StrCat(example.image.width), height = absl::StrCat(example.image.height);
  html->Begin("figure", {{"class", "example"}});
  html->Begin("svg", {{"viewBox", absl::StrCat("0 0 ", width, " ", height)},
                      {"role", "img"},
                      {"aria-label", absl::StrCat(column.title, " on image ", example.image.id)}});
  if (example.png.empty()) {
    html->Empty("rect", {{"class", "no-picture"}, {"width", width}, {"height", height}});
  } else {
    html->Empty("use", {{"href", absl::StrCat("#", picture)}});
  }
  for (const DrawnPose& pose : column.poses) WritePose(pose, skeleton, html);
  html->End();
  html->Begin("figcaption").Begin("b");
  WriteBreakable(column.title, html);
  html->End().Text(" ").Element("span", {}, column.caption).End();
  html->End().NewLine();
}

}  // namespace

absl::StatusOr<Examples> ChooseExamples(const Study& study, const std::string& images_folder) {
  Examples examples;
  const std::vector<const Cell*> cells = CellsToShow(study);
  if (cells.empty()) return examples;
  const eval::Dataset& dataset = *cells.front()->ground_truth;
  ASSIGN_OR_RETURN(const eval::KeypointDataset description, eval::KeypointDatasetOf(cells.front()->experiment.data()));
  examples.skeleton = description.skeleton;
  ASSIGN_OR_RETURN(examples.images, ChooseImages(dataset, images_folder));
  for (Example& example : examples.images) {
    example.columns.push_back(GroundTruthColumn(OnlyImage(dataset, example.image)));
  }
  for (const Cell* cell : cells) {
    ASSIGN_OR_RETURN(const std::vector<eval::Detection> detections, cell->ReadDetections());
    for (Example& example : examples.images) {
      const eval::Dataset one = OnlyImage(dataset, example.image);
      ASSIGN_OR_RETURN(ExampleColumn column, PredictionColumn(*cell, detections, one, description));
      absl::StrAppend(&column.caption, ", seed ", cell->seed);
      example.columns.push_back(std::move(column));
    }
  }
  return examples;
}

void WriteExamples(const Examples& examples, base::HtmlWriter* html) {
  // every picture once; the drawings refer to it
  html->Begin("svg", {{"class", "pictures"}, {"aria-hidden", "true"}}).Begin("defs").NewLine();
  for (size_t i = 0; i < examples.images.size(); ++i) {
    const Example& example = examples.images[i];
    if (example.png.empty()) continue;
    html->Empty("image", {{"id", absl::StrCat("picture-", i)},
                          {"width", absl::StrCat(example.image.width)},
                          {"height", absl::StrCat(example.image.height)},
                          {"href", base::DataUri("image/png", example.png)}});
    html->NewLine();
  }
  html->End().End().NewLine();
  for (size_t i = 0; i < examples.images.size(); ++i) {
    const Example& example = examples.images[i];
    html->Element("h3", {}, absl::StrCat("Image ", example.image.id));
    html->Begin("div", {{"class", "strip"}, {"style", absl::StrCat("--count: ", example.columns.size())}}).NewLine();
    for (const ExampleColumn& column : example.columns) {
      WriteColumn(example, column, absl::StrCat("picture-", i), examples.skeleton, html);
    }
    html->End().NewLine();
  }
}

}  // namespace grouppose
