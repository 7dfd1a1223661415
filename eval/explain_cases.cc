#include "eval/explain_cases.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "eval/case_drawing.h"
#include "eval/image_header.h"
#include "eval/oks.h"

namespace eval {
namespace {

// A candidate and how much it teaches.
struct Ranked {
  double weight;
  ErrorCase error;
};

KeypointKind KeypointKindOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kMiss:
      return KeypointKind::kMiss;
    case ErrorKind::kSwap:
      return KeypointKind::kSwap;
    case ErrorKind::kInversion:
      return KeypointKind::kInversion;
    case ErrorKind::kJitter:
      return KeypointKind::kJitter;
    default:
      return KeypointKind::kUnlabelled;
  }
}

// What keypoints of one kind cost a person: in keypoints, so that those of whom much is labelled teach most.
double SimilarityLostTo(const DiagnosedPerson& person, KeypointKind kind) {
  double lost = 0;
  for (const DiagnosedKeypoint& keypoint : person.keypoints) {
    if (keypoint.kind == kind) lost += 1 - keypoint.similarity;
  }
  return lost;
}

std::vector<Ranked> Candidates(ErrorKind kind, const Explanation& explanation, const Dataset& dataset,
                               const DetectionTable& detections) {
  const Diagnosis& diagnosis = explanation.diagnosis;
  std::vector<Ranked> ranked;
  if (kind == ErrorKind::kBackground) {
    for (const UnmatchedDetection& unmatched : diagnosis.unmatched) {
      const DetectionRow& detection = detections.rows[unmatched.detection];
      if (unmatched.kind != UnmatchedKind::kBackground || std::isnan(detection.score)) continue;
      ranked.push_back({detection.score, {kind, detection.image_id, kNone, unmatched.detection, kNone}});
    }
  } else if (kind == ErrorKind::kMissed) {
    for (const int missed : diagnosis.missed) {
      const Annotation& person = dataset.annotations[missed];
      ranked.push_back({AreaOf(person, explanation.dataset.area_rule), {kind, person.image_id, missed, kNone, kNone}});
    }
  } else if (KeypointKindOf(kind) != KeypointKind::kUnlabelled) {
    for (size_t i = 0; i < diagnosis.persons.size(); ++i) {
      const DiagnosedPerson& person = diagnosis.persons[i];
      const double lost = SimilarityLostTo(person, KeypointKindOf(kind));
      if (!(lost > 0)) continue;
      ranked.push_back({lost,
                        {kind, dataset.annotations[person.annotation].image_id, person.annotation, person.detection,
                         static_cast<int>(i)}});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) { return a.weight > b.weight; });
  return ranked;
}

std::string WrongKeypoints(const DiagnosedPerson& person, const KeypointDataset& description) {
  std::string text;
  for (size_t k = 0; k < person.keypoints.size(); ++k) {
    const KeypointKind kind = person.keypoints[k].kind;
    if (kind == KeypointKind::kGood || kind == KeypointKind::kUnlabelled) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", description.names[k], " ", KeypointKindName(kind));
  }
  return text;
}

std::string CaptionOf(const ErrorCase& error, const std::string& file_name, const Explanation& explanation,
                      const Dataset& dataset, const DetectionTable& detections) {
  std::string caption = file_name;
  if (error.annotation != kNone) absl::StrAppend(&caption, " · person ", dataset.annotations[error.annotation].id);
  if (error.detection != kNone) {
    absl::StrAppendFormat(&caption, " · detection %d · score %.3g", error.detection,
                          detections.rows[error.detection].score);
  }
  if (error.person == kNone) return caption;
  const DiagnosedPerson& person = explanation.diagnosis.persons[error.person];
  absl::StrAppendFormat(&caption, " · OKS %.2f · ", person.oks);
  return caption + WrongKeypoints(person, explanation.dataset);
}

// What a drawing shows of a row: the pose.
Detection DetectionOf(const DetectionTable& detections, int row, int num_keypoints) {
  Detection detection;
  for (int k = 0; k < num_keypoints; ++k) {
    const double* place = detections.Keypoint(row, k);
    detection.keypoints.insert(detection.keypoints.end(), {place[0], place[1], 0});
  }
  return detection;
}

// Image files, each read once.
class Photos {
 public:
  Photos(const Dataset& dataset, std::string folder) : folder_(std::move(folder)) {
    for (const Image& image : dataset.images) names_[image.id] = image.file_name;
  }

  const std::string& NameOf(int64_t image_id) { return names_[image_id]; }

  // Null where it cannot be read.
  const Photo* Find(int64_t image_id) {
    const auto [entry, is_new] = photos_.emplace(image_id, std::nullopt);
    if (is_new) {
      const std::string path = base::JoinPath(folder_, names_[image_id]);
      auto bytes = base::ReadFile(path);
      const auto header = bytes.ok() ? ReadImageHeader(*bytes) : std::nullopt;
      if (header.has_value()) {
        entry->second = Photo{*header, *std::move(bytes)};
      } else {
        unreadable_.push_back(path);
      }
    }
    return entry->second.has_value() ? &*entry->second : nullptr;
  }

  const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  const std::string folder_;
  std::map<int64_t, std::string> names_;
  std::map<int64_t, std::optional<Photo>> photos_;
  std::vector<std::string> unreadable_;
};

}  // namespace

std::vector<ErrorCase> ChooseCases(const Explanation& explanation, const Dataset& dataset,
                                   const DetectionTable& detections, int per_kind,
                                   const std::function<bool(int64_t image_id)>& has_photo) {
  std::vector<ErrorCase> cases;
  for (const ErrorCost& cost : explanation.costs.costs) {
    std::set<int64_t> images;
    for (const Ranked& ranked : Candidates(cost.kind, explanation, dataset, detections)) {
      if (static_cast<int>(images.size()) == per_kind) break;
      if (!has_photo(ranked.error.image_id)) continue;
      if (images.insert(ranked.error.image_id).second) cases.push_back(ranked.error);
    }
  }
  return cases;
}

absl::StatusOr<std::function<bool(int64_t image_id)>> PhotosIn(const std::string& folder, const Dataset& dataset) {
  std::set<int64_t> ids;
  for (const Image& image : dataset.images) {
    if (!image.file_name.empty() && base::FileExists(base::JoinPath(folder, image.file_name))) ids.insert(image.id);
  }
  if (ids.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, ": has none of the ", dataset.images.size(), " images of the annotations",
                     dataset.images.empty() ? "" : absl::StrCat("; the first is '", dataset.images[0].file_name, "'")));
  }
  return std::function<bool(int64_t)>([ids](int64_t image_id) { return ids.count(image_id) > 0; });
}

Drawings DrawCases(const std::vector<ErrorCase>& cases, const Explanation& explanation, const Dataset& dataset,
                   const DetectionTable& detections, const std::string& folder) {
  Photos photos(dataset, folder);
  Drawings drawings;
  for (const ErrorCase& error : cases) {
    const Photo* photo = photos.Find(error.image_id);
    if (photo == nullptr) continue;
    CaseDrawing drawing;
    drawing.photo = photo;
    drawing.description = &explanation.dataset;
    if (error.annotation != kNone) drawing.annotated = &dataset.annotations[error.annotation];
    Detection detected;
    if (error.detection != kNone) {
      detected = DetectionOf(detections, error.detection, explanation.dataset.num_keypoints());
      drawing.detected = &detected;
    }
    if (error.person != kNone) drawing.diagnosed = &explanation.diagnosis.persons[error.person];
    for (const Annotation& other : dataset.annotations) {
      if (other.image_id == error.image_id && &other != drawing.annotated) drawing.others.push_back(&other);
    }
    DrawnCase drawn;
    drawn.title = ErrorKindName(error.kind);
    drawn.name = absl::StrFormat("%02d_%s", drawings.cases.size() + 1, drawn.title);
    drawn.caption = CaptionOf(error, photos.NameOf(error.image_id), explanation, dataset, detections);
    drawn.svg = DrawCase(drawing, absl::StrCat(drawn.title, ": ", drawn.caption));
    drawings.cases.push_back(std::move(drawn));
  }
  drawings.unreadable = photos.unreadable();
  return drawings;
}

}  // namespace eval
