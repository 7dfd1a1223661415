#include "grouppose/data/check_dataset.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "eval/annotations.h"
#include "grouppose/data/check_annotations.h"
#include "grouppose/data/image_files.h"

namespace grouppose {
namespace {

// A photo of a split, and what looking at it found.
struct Photo {
  std::string split, path;
  const eval::Image* image = nullptr;
  std::string missing, broken, other_size;  // "" where it is not so
  std::string sha256;                       // of a photo that was decoded
};

void Decode(Photo* photo) {
  const absl::StatusOr<Image> decoded = ReadImage(photo->path);
  if (!decoded.ok()) {
    photo->broken = std::string(decoded.status().message());
    return;
  }
  const eval::Image& image = *photo->image;
  if (decoded->width != image.width || decoded->height != image.height) {
    photo->other_size = absl::StrCat(photo->path, " is ", decoded->width, " x ", decoded->height, ", annotated ",
                                     image.width, " x ", image.height);
  }
  const absl::StatusOr<std::string> sha256 = base::Sha256OfFile(photo->path);
  if (sha256.ok()) photo->sha256 = *sha256;
}

void Look(PhotoCheck check, Photo* photo) {
  if (photo->image->file_name.empty()) return;  // the annotations were blamed for it
  if (!base::FileExists(photo->path)) {
    photo->missing = photo->path;
  } else if (check == PhotoCheck::kDecode) {
    Decode(photo);
  }
}

// Every photo by itself; what is found does not depend on who looks first.
void LookAtAll(const CheckOptions& options, std::vector<Photo>* photos) {
  if (options.photos == PhotoCheck::kNone) return;
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  int64_t done = 0;
  const auto work = [&] {
    for (size_t i = next++; i < photos->size(); i = next++) {
      Look(options.photos, &(*photos)[i]);
      const std::lock_guard<std::mutex> lock(mutex);
      ++done;
      if (options.on_progress) options.on_progress(done, static_cast<int64_t>(photos->size()));
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < options.threads; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

// The same photo in two splits: what was learnt by heart is evaluated. Photos that were decoded are compared by their
// bytes, others by their paths.
void FindShared(const std::vector<Photo>& photos, Findings* findings) {
  std::map<std::string, const Photo*> first;
  for (const Photo& photo : photos) {
    if (photo.image->file_name.empty()) continue;
    const auto [entry, is_new] = first.emplace(photo.sha256.empty() ? photo.path : photo.sha256, &photo);
    if (is_new) continue;
    const Photo& other = *entry->second;
    if (other.split != photo.split) {
      findings->Add(Severity::kWarning, "", absl::StrCat("photos of ", other.split, " are also in ", photo.split),
                    other.path == photo.path ? photo.path : absl::StrCat(other.path, " = ", photo.path));
    } else if (other.path == photo.path) {
      findings->Add(Severity::kWarning, photo.split, "images have the photo of another image", photo.path);
    } else {
      findings->Add(Severity::kNote, photo.split, "photos are the same bytes as another one",
                    absl::StrCat(other.path, " = ", photo.path));
    }
  }
}

void FindInPhotos(const std::vector<Photo>& photos, Findings* findings) {
  for (const Photo& photo : photos) {
    if (!photo.missing.empty()) findings->Add(Severity::kBroken, photo.split, "photos are missing", photo.missing);
    if (!photo.broken.empty()) findings->Add(Severity::kBroken, photo.split, "photos do not decode", photo.broken);
    if (!photo.other_size.empty()) {
      findings->Add(Severity::kBroken, photo.split, "photos have another size than is annotated", photo.other_size);
    }
  }
  FindShared(photos, findings);
}

// The annotations of a split; nothing, and a finding, where they cannot be read.
std::optional<eval::Dataset> ReadSplit(const CheckOptions& options, const eval::DatasetSplit& split,
                                       Findings* findings) {
  const std::string path = base::JoinPath(options.root, split.annotations);
  if (!base::FileExists(path)) {
    // the only file that CrowdPose does not come with
    const bool joined = absl::EndsWith(path, "crowdpose_trainval.json");
    findings->Add(Severity::kBroken, split.name, "annotation file is missing",
                  absl::StrCat(path, joined ? " (`grouppose dataset concat` joins crowdpose_train.json and "
                                              "crowdpose_val.json into it)"
                                            : ""));
    return std::nullopt;
  }
  // any number of keypoints, so that all that have another than K are found
  absl::StatusOr<eval::Dataset> dataset = eval::ReadDataset(path);
  if (!dataset.ok()) {
    findings->Add(Severity::kBroken, split.name, "annotation file cannot be read",
                  std::string(dataset.status().message()));
    return std::nullopt;
  }
  return *std::move(dataset);
}

absl::StatusOr<std::vector<eval::DatasetSplit>> SplitsOf(const CheckOptions& options) {
  std::vector<eval::DatasetSplit> splits;
  std::vector<std::string> names;
  for (const eval::DatasetSplit& split : options.description.splits) {
    if (options.split.empty() || split.name == options.split) splits.push_back(split);
    names.push_back(split.name);
  }
  if (!splits.empty()) return splits;
  return absl::InvalidArgumentError(absl::StrCat("split is \"", options.split, "\", expected ",
                                                 absl::StrJoin(names, " or "), " of ", options.description.name));
}

// "12 and 3 more"
std::string ExamplesText(const Finding& finding) {
  std::string text = absl::StrJoin(finding.examples, "; ");
  const int64_t more = finding.count - static_cast<int64_t>(finding.examples.size());
  if (more > 0) absl::StrAppend(&text, "; and ", more, " more");
  return text;
}

std::string Padded(const std::string& text, size_t width, bool to_the_right) {
  const std::string space(width > text.size() ? width - text.size() : 0, ' ');
  return to_the_right ? space + text : text + space;
}

std::string SplitTable(const std::vector<SplitCounts>& splits) {
  std::vector<std::vector<std::string>> rows = {{"split", "images", "annotations", "persons", "crowds", "keypoints"}};
  for (const SplitCounts& split : splits) {
    rows.push_back({split.name, absl::StrCat(split.images), absl::StrCat(split.annotations),
                    absl::StrCat(split.persons), absl::StrCat(split.crowds), absl::StrCat(split.keypoints)});
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      size_t width = 0;
      for (const auto& other : rows) width = std::max(width, other[column].size());
      absl::StrAppend(&text, column == 0 ? "" : "  ", Padded(row[column], width, /*to_the_right=*/column > 0));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string FindingLines(const CheckReport& report, Severity severity, const std::string& title) {
  size_t split_width = 0, count_width = 0;
  for (const Finding& finding : report.findings) {
    split_width = std::max(split_width, finding.split.size());
    count_width = std::max(count_width, absl::StrCat(finding.count).size());
  }
  std::string text;
  for (const Finding& finding : report.findings) {
    if (finding.severity != severity) continue;
    if (text.empty()) text = absl::StrCat("\n", title, "\n");
    absl::StrAppend(&text, "  ", Padded(finding.split, split_width, false), "  ",
                    Padded(absl::StrCat(finding.count), count_width, true), "  ", finding.what, ": ",
                    ExamplesText(finding), "\n");
  }
  return text;
}

}  // namespace

bool CheckReport::usable() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.severity == Severity::kBroken; });
}

absl::StatusOr<CheckReport> CheckDataset(const CheckOptions& options) {
  if (!base::IsDirectory(options.root)) {
    return absl::NotFoundError(absl::StrCat(options.root, ": there is no such folder"));
  }
  ASSIGN_OR_RETURN(const std::vector<eval::DatasetSplit> splits, SplitsOf(options));
  CheckReport report;
  report.root = options.root;
  report.dataset = options.description.name;
  report.num_keypoints = options.description.num_keypoints();
  Findings findings;
  std::vector<eval::Dataset> datasets;
  datasets.reserve(splits.size());  // photos point into them
  std::vector<Photo> photos;
  for (const eval::DatasetSplit& split : splits) {
    std::optional<eval::Dataset> dataset = ReadSplit(options, split, &findings);
    if (!dataset.has_value()) continue;
    datasets.push_back(*std::move(dataset));
    report.splits.push_back(CheckAnnotations(options.description, split.name, datasets.back(), &findings));
    const std::string folder = base::JoinPath(options.root, split.images);
    for (const eval::Image& image : datasets.back().images) {
      Photo photo;
      photo.split = split.name;
      photo.path = base::JoinPath(folder, image.file_name);
      photo.image = &image;
      photos.push_back(std::move(photo));
    }
  }
  LookAtAll(options, &photos);
  FindInPhotos(photos, &findings);
  report.findings = findings.Sorted();
  return report;
}

std::string FormatReport(const CheckReport& report) {
  int64_t broken = 0, warnings = 0;
  for (const Finding& finding : report.findings) {
    broken += finding.severity == Severity::kBroken;
    warnings += finding.severity == Severity::kWarning;
  }
  const std::string kinds = broken == 1 ? "kind of fault" : "kinds of faults";
  const std::string of_warnings = absl::StrCat(warnings, warnings == 1 ? " warning" : " warnings");
  return absl::StrCat(report.root, ": ", report.dataset, ", ", report.num_keypoints, " keypoints\n\n",
                      SplitTable(report.splits), FindingLines(report, Severity::kBroken, "broken"),
                      FindingLines(report, Severity::kWarning, "warnings"),
                      FindingLines(report, Severity::kNote, "notes"), "\n",
                      broken == 0 ? "usable" : absl::StrCat("broken: ", broken, " ", kinds), ", ", of_warnings, "\n");
}

}  // namespace grouppose
