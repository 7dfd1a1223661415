#include "eval/error_costs.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/status.h"
#include "eval/corrections.h"
#include "eval/lane_curves.h"
#include "eval/matching.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

constexpr int kAllAreas = 0;

const std::pair<ErrorKind, KeypointKind> kLocalisationKinds[] = {{ErrorKind::kMiss, KeypointKind::kMiss},
                                                                 {ErrorKind::kSwap, KeypointKind::kSwap},
                                                                 {ErrorKind::kInversion, KeypointKind::kInversion},
                                                                 {ErrorKind::kJitter, KeypointKind::kJitter}};

// Detections that find nobody at a threshold count for nothing there.
std::vector<Ranking> WithoutWrong(std::vector<Ranking> rankings) {
  for (Ranking& ranking : rankings) {
    for (RankedDetection& detection : ranking.detections) detection.wrong[kAllAreas] = 0;
  }
  return rankings;
}

// Persons who are not found at one threshold count for nothing; the other thresholds of the result mean nothing.
std::vector<Ranking> WithoutMissed(std::vector<Ranking> rankings, int threshold) {
  for (Ranking& ranking : rankings) {
    std::vector<int64_t>& num_positives = ranking.num_positives[kAllAreas];
    std::fill(num_positives.begin(), num_positives.end(), 0);
    for (const RankedDetection& detection : ranking.detections) {
      num_positives[detection.image] += (detection.found[kAllAreas] >> threshold) & 1;
    }
  }
  return rankings;
}

ApByThreshold ApWithoutMissed(const std::vector<Ranking>& rankings, const Quirks& quirks) {
  ApByThreshold result = ApOfRankings(rankings, kAllAreas, quirks);
  for (int t = 0; t < kNumThresholds; ++t) {
    const ApByThreshold at = ApOfRankings(WithoutMissed(rankings, t), kAllAreas, quirks);
    // where nobody is found, nobody is left to be missed
    result.at[t] = at.at[t] < 0 ? 0 : at.at[t];
    std::copy_n(at.precision.begin() + t * kNumRecalls, kNumRecalls, result.precision.begin() + t * kNumRecalls);
  }
  result.ap = std::accumulate(result.at.begin(), result.at.end(), 0.0) / kNumThresholds;
  return result;
}

// Nothing is wrong any more.
ApByThreshold PerfectAp() {
  return {1, std::vector<double>(kNumThresholds, 1), std::vector<double>(kNumThresholds * kNumRecalls, 1)};
}

// Evaluates what corrections have made of the detections.
class CostMeter {
 public:
  CostMeter(const Dataset& dataset, const DetectionTable& detections, EvaluatorOptions options,
            const Diagnosis& diagnosis)
      : dataset_(dataset), detections_(detections), options_(std::move(options)), diagnosis_(diagnosis) {
    options_.details = false;
    options_.ranking = true;
  }

  DetectionTable Corrected(const std::vector<KeypointKind>& kinds) const {
    return CorrectKeypoints(detections_, dataset_, options_.dataset, diagnosis_, kinds);
  }
  DetectionTable Rescored(DetectionTable detections) const {
    return WithOptimalScores(std::move(detections), dataset_, options_.dataset);
  }
  absl::StatusOr<std::vector<Ranking>> Rank(const DetectionTable& detections) const {
    ASSIGN_OR_RETURN(Metrics metrics, EvaluateTable(dataset_, detections, options_));
    return std::move(metrics.rankings);
  }
  ApByThreshold Ap(const std::vector<Ranking>& rankings) const {
    return ApOfRankings(rankings, kAllAreas, options_.quirks);
  }
  ApByThreshold ApWithoutMissed(const std::vector<Ranking>& rankings) const {
    return eval::ApWithoutMissed(rankings, options_.quirks);
  }

 private:
  const Dataset& dataset_;
  const DetectionTable& detections_;
  EvaluatorOptions options_;
  const Diagnosis& diagnosis_;
};

absl::Status MeasureAlone(const CostMeter& meter, const DetectionTable& detections,
                          const std::vector<Ranking>& rankings, ErrorCosts* costs) {
  for (const auto& [error, keypoint] : kLocalisationKinds) {
    ASSIGN_OR_RETURN(const std::vector<Ranking> corrected, meter.Rank(meter.Corrected({keypoint})));
    costs->costs[static_cast<int>(error)].alone = meter.Ap(corrected);
  }
  ASSIGN_OR_RETURN(const std::vector<Ranking> rescored, meter.Rank(meter.Rescored(detections)));
  costs->costs[static_cast<int>(ErrorKind::kScoring)].alone = meter.Ap(rescored);
  costs->costs[static_cast<int>(ErrorKind::kBackground)].alone = meter.Ap(WithoutWrong(rankings));
  costs->costs[static_cast<int>(ErrorKind::kMissed)].alone = meter.ApWithoutMissed(rankings);
  return absl::OkStatus();
}

absl::Status MeasureInTurn(const CostMeter& meter, ErrorCosts* costs) {
  std::vector<KeypointKind> kinds;
  for (const auto& [error, keypoint] : kLocalisationKinds) {
    kinds.push_back(keypoint);
    ASSIGN_OR_RETURN(const std::vector<Ranking> corrected, meter.Rank(meter.Corrected(kinds)));
    costs->costs[static_cast<int>(error)].in_turn = meter.Ap(corrected);
  }
  ASSIGN_OR_RETURN(const std::vector<Ranking> rescored, meter.Rank(meter.Rescored(meter.Corrected(kinds))));
  costs->costs[static_cast<int>(ErrorKind::kScoring)].in_turn = meter.Ap(rescored);
  costs->costs[static_cast<int>(ErrorKind::kBackground)].in_turn = meter.Ap(WithoutWrong(rescored));
  costs->costs[static_cast<int>(ErrorKind::kMissed)].in_turn = PerfectAp();
  return absl::OkStatus();
}

}  // namespace

const char* ErrorKindName(ErrorKind kind) {
  constexpr const char* kNames[kNumErrorKinds] = {"miss",    "swap",       "inversion", "jitter",
                                                  "scoring", "background", "missed"};
  return kNames[static_cast<int>(kind)];
}

const ErrorCost& ErrorCosts::largest() const {
  return *std::max_element(costs.begin(), costs.end(),
                           [](const ErrorCost& a, const ErrorCost& b) { return a.gain_in_turn < b.gain_in_turn; });
}

ApByThreshold ApOfRankings(const std::vector<Ranking>& rankings, int area, const Quirks& quirks) {
  ApByThreshold result;
  std::vector<LaneCurves> categories;
  for (const Ranking& ranking : rankings) {
    const size_t num_images = ranking.num_positives[area].size();
    // every image once, in the first lane
    std::vector<uint16_t> counts(num_images * kLanes);
    for (size_t i = 0; i < num_images; ++i) counts[i * kLanes] = 1;
    categories.push_back(RankedCategory(ranking, area, std::vector<bool>(num_images, true), quirks).Count(counts));
  }
  std::vector<double> all;
  for (int t = 0; t < kNumThresholds; ++t) {
    std::vector<double> at_threshold;
    for (int r = 0; r < kNumRecalls; ++r) {
      std::vector<double> at_recall;
      for (const LaneCurves& curves : categories) at_recall.push_back(curves.precision[t * kNumRecalls + r]);
      result.precision.push_back(MeanOfExisting(at_recall));
      at_threshold.insert(at_threshold.end(), at_recall.begin(), at_recall.end());
    }
    result.at.push_back(MeanOfExisting(at_threshold));
    all.insert(all.end(), at_threshold.begin(), at_threshold.end());
  }
  result.ap = MeanOfExisting(all);
  return result;
}

absl::StatusOr<ErrorCosts> MeasureErrorCosts(const Dataset& dataset, const DetectionTable& detections,
                                             const EvaluatorOptions& options, const Metrics& metrics,
                                             const Diagnosis& diagnosis) {
  ErrorCosts costs;
  costs.baseline = ApOfRankings(metrics.rankings, kAllAreas, options.quirks);
  for (int kind = 0; kind < kNumErrorKinds; ++kind) {
    costs.costs.emplace_back();
    costs.costs.back().kind = static_cast<ErrorKind>(kind);
    costs.costs.back().gain_in_turn_at.resize(kNumThresholds);
    costs.costs.back().alone = costs.costs.back().in_turn = costs.baseline;
  }
  if (costs.baseline.ap < 0) return costs;
  const CostMeter meter(dataset, detections, options, diagnosis);
  RETURN_IF_ERROR(MeasureAlone(meter, detections, metrics.rankings, &costs));
  RETURN_IF_ERROR(MeasureInTurn(meter, &costs));
  const ApByThreshold* before = &costs.baseline;
  for (ErrorCost& cost : costs.costs) {
    cost.gain_alone = cost.alone.ap - costs.baseline.ap;
    cost.gain_in_turn = cost.in_turn.ap - before->ap;
    for (int t = 0; t < kNumThresholds; ++t) cost.gain_in_turn_at[t] = cost.in_turn.at[t] - before->at[t];
    before = &cost.in_turn;
  }
  return costs;
}

}  // namespace eval
