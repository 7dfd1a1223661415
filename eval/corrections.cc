#include "eval/corrections.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "eval/oks.h"

namespace eval {
namespace {

// Variance of the Gaussian penalty of soft non-maximum suppression (Bodla et al., section 3).
constexpr double kSuppressionVariance = 0.5;

// Corrected keypoints are this much nearer than their similarity asks for: a person whose keypoints all have the
// similarity of a threshold reaches that threshold, whatever the last bit of the exponential says.
constexpr double kInside = 1 - 1e-9;

// The distance, pixels, at which keypoint k of a person of `area` has a similarity.
double DistanceOf(double similarity, int k, double area, const KeypointDataset& description) {
  const double width = 2 * description.sigmas[k];
  return kInside * std::sqrt(-2 * std::log(similarity) * width * width * area);
}

double SimilarityAfter(const DiagnosedKeypoint& keypoint) {
  switch (keypoint.kind) {
    case KeypointKind::kJitter:
      return kGoodSimilarity;
    case KeypointKind::kMiss:
      return kNearSimilarity;
    default:
      return keypoint.nearest;
  }
}

// OKS of two detections: all keypoints count, at the mean of both sizes. 0 where a coordinate is not a number.
double OksBetween(const double* a, const double* b, int stride, double area, const KeypointDataset& description) {
  double sum = 0;
  for (int k = 0; k < description.num_keypoints(); ++k) {
    const int x = stride * k, y = x + 1;
    const double dx = a[x] - b[x], dy = a[y] - b[y], width = 2 * description.sigmas[k];
    sum += std::exp(-((dx * dx + dy * dy) / (width * width) / (area + std::numeric_limits<double>::epsilon()) / 2));
  }
  return std::isnan(sum) ? 0 : sum / description.num_keypoints();
}

// Lowers the scores of what resembles a detection of a higher score; `detections` are of one image and category.
void SuppressSoftly(const std::vector<DetectionRow*>& detections, int stride, const KeypointDataset& description) {
  std::vector<double> areas;
  for (const DetectionRow* detection : detections) {
    areas.push_back(AreaOfExtents(*detection, stride, description.num_keypoints()));
  }
  std::vector<size_t> left(detections.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  while (left.size() > 1) {
    const auto best = std::max_element(left.begin(), left.end(),
                                       [&](size_t a, size_t b) { return detections[a]->score < detections[b]->score; });
    const size_t chosen = *best;
    left.erase(best);
    for (const size_t i : left) {
      // what has no score cannot lose any
      if (detections[i]->score == 0) continue;
      const double oks = OksBetween(detections[i]->keypoints, detections[chosen]->keypoints, stride,
                                    0.5 * (areas[i] + areas[chosen]), description);
      detections[i]->score *= std::exp(-oks * oks / kSuppressionVariance);
    }
  }
}

}  // namespace

DetectionTable CorrectKeypoints(DetectionTable detections, const Dataset& dataset, const KeypointDataset& description,
                                const Diagnosis& diagnosis, const std::vector<KeypointKind>& kinds) {
  const int stride = detections.stride, num_keypoints = description.num_keypoints();
  const size_t pose_size = static_cast<size_t>(stride) * num_keypoints;
  // the poses that change are copied: others may look at them too
  const std::shared_ptr<double[]> poses(new double[diagnosis.persons.size() * pose_size]());
  detections.storage.push_back(poses);
  double* pose = poses.get();
  for (const DiagnosedPerson& person : diagnosis.persons) {
    const Annotation& annotation = dataset.annotations[person.annotation];
    const double area = AreaOf(annotation, description.area_rule) + std::numeric_limits<double>::epsilon();
    for (int k = 0; k < num_keypoints; ++k) {
      const DiagnosedKeypoint& keypoint = person.keypoints[k];
      double* place = pose + stride * k;
      std::copy_n(detections.Keypoint(person.detection, k), 2, place);
      if (std::count(kinds.begin(), kinds.end(), keypoint.kind) == 0) continue;
      place[0] = annotation.keypoints[3 * k] + DistanceOf(SimilarityAfter(keypoint), k, area, description);
      place[1] = annotation.keypoints[3 * k + 1];
    }
    detections.rows[person.detection].keypoints = pose;
    pose += pose_size;
  }
  return detections;
}

DetectionTable WithOptimalScores(DetectionTable detections, const Dataset& dataset,
                                 const KeypointDataset& description) {
  const Oks oks(description);
  using ImageAndCategory = std::pair<int64_t, int64_t>;
  std::map<ImageAndCategory, std::vector<const Annotation*>> persons;
  for (const Annotation& annotation : dataset.annotations) {
    if (annotation.iscrowd || annotation.num_keypoints == 0) continue;
    persons[{annotation.image_id, annotation.category_id}].push_back(&annotation);
  }
  std::map<ImageAndCategory, std::vector<DetectionRow*>> scenes;
  for (DetectionRow& detection : detections.rows) {
    const ImageAndCategory scene = {detection.image_id, detection.category_id};
    scenes[scene].push_back(&detection);
    detection.score = 0;
    for (const Annotation* person : persons[scene]) {
      const double similarity =
          oks(detection.keypoints, {person->keypoints.data(), person->bbox, AreaOf(*person, description.area_rule)},
              detections.stride);
      detection.score = std::max(detection.score, similarity);
    }
  }
  for (const auto& [scene, of_scene] : scenes) SuppressSoftly(of_scene, detections.stride, description);
  return detections;
}

}  // namespace eval
