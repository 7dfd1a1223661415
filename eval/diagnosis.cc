#include "eval/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "eval/oks.h"

namespace eval {
namespace {

// The detections and annotations of one category in one image.
struct Scene {
  std::vector<int> detections;               // positions, best score first
  std::vector<int> annotations;              // positions, in file order
  std::vector<bool> ignored;                 // an annotation each
  const std::vector<double>* oks = nullptr;  // [detections, annotations]

  int num_detections() const { return static_cast<int>(detections.size()); }
  int num_annotations() const { return static_cast<int>(annotations.size()); }
  double Oks(int detection, int annotation) const { return (*oks)[detection * annotations.size() + annotation]; }
};

Scene SceneOf(const ImageDetails& details) {
  Scene scene;
  scene.oks = &details.oks;
  for (const int64_t id : details.detection_ids) scene.detections.push_back(static_cast<int>(id) - 1);
  std::vector<std::pair<int, bool>> in_file_order;
  for (size_t j = 0; j < details.annotation_positions.size(); ++j) {
    in_file_order.emplace_back(details.annotation_positions[j], details.annotation_ignored[j]);
  }
  std::sort(in_file_order.begin(), in_file_order.end());
  for (const auto& [position, ignored] : in_file_order) {
    GROUPPOSE_CHECK(scene.annotations.empty() || scene.annotations.back() != position, "annotation ", position,
                    " is in an image twice: annotations replace each other");
    scene.annotations.push_back(position);
    scene.ignored.push_back(ignored);
  }
  return scene;
}

// For each detection the annotation of the scene that it belongs to, or -1: the official tool's matching, at
// kLocalisationOks.
std::vector<int> MatchScene(const Scene& scene, const Dataset& dataset, const Quirks& quirks) {
  std::vector<int> matches(scene.num_detections(), -1);
  std::vector<bool> taken(scene.num_annotations());
  for (int i = 0; i < scene.num_detections(); ++i) {
    double best = kLocalisationOks;
    // those that are ignored only where nobody else fits
    for (const bool ignored : {false, true}) {
      for (int j = 0; j < scene.num_annotations() && !(ignored && matches[i] >= 0 && !scene.ignored[matches[i]]); ++j) {
        const bool crowd = dataset.annotations[scene.annotations[j]].iscrowd;
        const double oks = scene.Oks(i, j);
        // a NaN is not below: it matches, as in the official tool
        if (scene.ignored[j] != ignored || (taken[j] && !crowd) || oks < best) continue;
        if (std::isnan(oks) && !quirks.nan_similarity_matches) continue;
        best = oks;
        matches[i] = j;
      }
    }
    if (matches[i] >= 0) taken[matches[i]] = true;
  }
  return matches;
}

// One evaluation's worth of diagnosis, scene by scene.
class Diagnoser {
 public:
  Diagnoser(const Dataset& dataset, const DetectionTable& detections, const EvaluatorOptions& options)
      : dataset_(dataset),
        detections_(detections),
        description_(options.dataset),
        quirks_(options.quirks),
        oks_(options.dataset),
        mirror_(MirrorImages(options.dataset)) {}

  void Add(const Scene& scene, bool mirrored) {
    std::vector<int> matches = MatchScene(scene, dataset_, quirks_);
    AddPersons(scene, matches, /*mirrored=*/false);
    if (mirrored) {
      const std::vector<int> exchanged = MatchMirrored(scene, matches);
      AddPersons(scene, exchanged, /*mirrored=*/true);
      for (size_t i = 0; i < matches.size(); ++i) {
        if (exchanged[i] >= 0) matches[i] = exchanged[i];
      }
    }
    AddUnmatched(scene, matches);
    AddMissed(scene, matches);
  }

  Diagnosis Finish() { return std::move(diagnosis_); }

 private:
  // Of persons that `matches` leaves over, and detections that have no other person who counts, those that agree once
  // left and right are exchanged.
  std::vector<int> MatchMirrored(const Scene& scene, const std::vector<int>& matches) const;
  void AddPersons(const Scene& scene, const std::vector<int>& matches, bool mirrored);
  void AddUnmatched(const Scene& scene, const std::vector<int>& matches);
  void AddMissed(const Scene& scene, const std::vector<int>& matches);

  // OKS with left and right exchanged.
  double ExchangedOks(int detection, int annotation) const;
  DiagnosedKeypoint DiagnoseKeypoint(const Scene& scene, int own, int k, const double* detected) const;
  // exp(-e) of keypoint k at the place of keypoint `other` of an annotation; 0 where that is unlabelled or nowhere.
  double Similarity(int k, const double* detected, int annotation, int other) const;

  const Dataset& dataset_;
  const DetectionTable& detections_;
  const KeypointDataset& description_;
  const Quirks& quirks_;
  const Oks oks_;
  const std::vector<int> mirror_;
  Diagnosis diagnosis_;
};

double Diagnoser::ExchangedOks(int detection, int annotation) const {
  // x, y of each keypoint
  std::vector<double> exchanged(2 * mirror_.size());
  for (size_t k = 0; k < mirror_.size(); ++k) {
    std::copy_n(detections_.Keypoint(detection, mirror_[k]), 2, exchanged.data() + 2 * k);
  }
  const Annotation& person = dataset_.annotations[annotation];
  return oks_(exchanged.data(), {person.keypoints.data(), person.bbox, AreaOf(person, description_.area_rule)}, 2);
}

std::vector<int> Diagnoser::MatchMirrored(const Scene& scene, const std::vector<int>& matches) const {
  std::vector<bool> taken = scene.ignored;
  for (const int match : matches) {
    if (match >= 0) taken[match] = true;
  }
  std::vector<int> exchanged_matches(matches.size(), -1);
  for (int i = 0; i < scene.num_detections(); ++i) {
    // one of a crowd, or of somebody without keypoints, may be any person's
    if (matches[i] >= 0 && !scene.ignored[matches[i]]) continue;
    double best = kMirroredOks;
    for (int j = 0; j < scene.num_annotations(); ++j) {
      if (taken[j]) continue;
      const double oks = ExchangedOks(scene.detections[i], scene.annotations[j]);
      if (!(oks >= best)) continue;
      best = oks;
      exchanged_matches[i] = j;
    }
    if (exchanged_matches[i] >= 0) taken[exchanged_matches[i]] = true;
  }
  return exchanged_matches;
}

void Diagnoser::AddPersons(const Scene& scene, const std::vector<int>& matches, bool mirrored) {
  for (int i = 0; i < scene.num_detections(); ++i) {
    if (matches[i] < 0 || scene.ignored[matches[i]]) continue;
    DiagnosedPerson person;
    person.annotation = scene.annotations[matches[i]];
    person.detection = scene.detections[i];
    person.oks = scene.Oks(i, matches[i]);
    person.exchanged_oks = ExchangedOks(person.detection, person.annotation);
    person.mirrored = mirrored;
    const std::vector<double>& places = dataset_.annotations[person.annotation].keypoints;
    for (int k = 0; k < description_.num_keypoints(); ++k) {
      const double* detected = detections_.Keypoint(person.detection, k);
      person.keypoints.push_back(places[3 * k + 2] > 0 ? DiagnoseKeypoint(scene, person.annotation, k, detected)
                                                       : DiagnosedKeypoint());
    }
    diagnosis_.persons.push_back(std::move(person));
  }
}

void Diagnoser::AddUnmatched(const Scene& scene, const std::vector<int>& matches) {
  diagnosis_.num_detections += scene.num_detections();
  for (int i = 0; i < scene.num_detections(); ++i) {
    if (matches[i] >= 0) {
      diagnosis_.num_on_ignored += scene.ignored[matches[i]];
      continue;
    }
    double highest = 0;
    for (int j = 0; j < scene.num_annotations(); ++j) highest = std::max(highest, scene.Oks(i, j));
    const UnmatchedKind kind = highest < kLocalisationOks ? UnmatchedKind::kBackground : UnmatchedKind::kSecond;
    diagnosis_.unmatched.push_back({scene.detections[i], kind, highest});
  }
}

void Diagnoser::AddMissed(const Scene& scene, const std::vector<int>& matches) {
  for (int j = 0; j < scene.num_annotations(); ++j) {
    if (scene.ignored[j]) continue;
    ++diagnosis_.num_persons;
    if (std::count(matches.begin(), matches.end(), j) == 0) diagnosis_.missed.push_back(scene.annotations[j]);
  }
}

double Diagnoser::Similarity(int k, const double* detected, int annotation, int other) const {
  const Annotation& person = dataset_.annotations[annotation];
  const double* place = person.keypoints.data() + 3 * other;
  if (!(place[2] > 0)) return 0;
  const double dx = detected[0] - place[0], dy = detected[1] - place[1];
  const double width = 2 * description_.sigmas[k];
  const double area = AreaOf(person, description_.area_rule) + std::numeric_limits<double>::epsilon();
  const double similarity = std::exp(-((dx * dx + dy * dy) / (width * width) / area / 2));
  return std::isnan(similarity) ? 0 : similarity;
}

DiagnosedKeypoint Diagnoser::DiagnoseKeypoint(const Scene& scene, int own, int k, const double* detected) const {
  DiagnosedKeypoint keypoint;
  keypoint.similarity = keypoint.nearest = Similarity(k, detected, own, k);
  KeypointKind taken_for = KeypointKind::kGood;
  // of equals the first
  const auto consider = [&](int annotation, int other, KeypointKind kind) {
    const double similarity = Similarity(k, detected, annotation, other);
    if (!(similarity > keypoint.nearest)) return;
    keypoint.nearest = similarity;
    taken_for = kind;
  };
  const auto consider_others = [&](int other) {
    for (const int annotation : scene.annotations) {
      if (annotation != own) consider(annotation, other, KeypointKind::kSwap);
    }
  };
  consider_others(k);
  if (mirror_[k] != k) {
    consider(own, mirror_[k], KeypointKind::kInversion);
    consider_others(mirror_[k]);
  }
  if (keypoint.nearest < kNearSimilarity) {
    keypoint.kind = KeypointKind::kMiss;
  } else if (taken_for == KeypointKind::kGood && keypoint.nearest < kGoodSimilarity) {
    keypoint.kind = KeypointKind::kJitter;
  } else {
    keypoint.kind = taken_for;
  }
  return keypoint;
}

}  // namespace

const char* KeypointKindName(KeypointKind kind) {
  constexpr const char* kNames[kNumKeypointKinds] = {"unlabelled", "good", "jitter", "inversion", "swap", "miss"};
  return kNames[static_cast<int>(kind)];
}

int DiagnosedPerson::Count(KeypointKind kind) const {
  return static_cast<int>(std::count_if(keypoints.begin(), keypoints.end(),
                                        [kind](const auto& keypoint) { return keypoint.kind == kind; }));
}

int DiagnosedPerson::num_labelled() const {
  return static_cast<int>(keypoints.size()) - Count(KeypointKind::kUnlabelled);
}

int Diagnosis::num_labelled() const {
  int count = 0;
  for (const DiagnosedPerson& person : persons) count += person.num_labelled();
  return count;
}

int Diagnosis::Count(KeypointKind kind) const {
  int count = 0;
  for (const DiagnosedPerson& person : persons) count += person.Count(kind);
  return count;
}

int Diagnosis::CountPersons(KeypointKind kind) const {
  return static_cast<int>(
      std::count_if(persons.begin(), persons.end(), [kind](const auto& person) { return person.Count(kind) > 0; }));
}

int Diagnosis::CountMirrored() const {
  return static_cast<int>(
      std::count_if(persons.begin(), persons.end(), [](const auto& person) { return person.mirrored; }));
}

int Diagnosis::CountBetterExchanged() const {
  return static_cast<int>(
      std::count_if(persons.begin(), persons.end(), [](const auto& person) { return person.fits_better_exchanged(); }));
}

int Diagnosis::CountUnmatched(UnmatchedKind kind) const {
  return static_cast<int>(std::count_if(unmatched.begin(), unmatched.end(),
                                        [kind](const auto& detection) { return detection.kind == kind; }));
}

Diagnosis Diagnose(const Dataset& dataset, const DetectionTable& detections, const EvaluatorOptions& options,
                   const Metrics& metrics, bool mirrored) {
  Diagnoser diagnoser(dataset, detections, options);
  for (const ImageDetails& details : metrics.per_image) diagnoser.Add(SceneOf(details), mirrored);
  return diagnoser.Finish();
}

std::vector<int> MirrorImages(const KeypointDataset& description) {
  std::vector<int> mirror(description.num_keypoints());
  for (int k = 0; k < description.num_keypoints(); ++k) mirror[k] = k;
  for (const auto& [left, right] : description.flip_pairs) {
    mirror[left] = right;
    mirror[right] = left;
  }
  return mirror;
}

}  // namespace eval
