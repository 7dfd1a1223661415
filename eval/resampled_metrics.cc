#include "eval/resampled_metrics.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "base/check.h"
#include "base/statistics.h"
#include "eval/matching.h"
#include "eval/oks.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

constexpr int kAnyThreshold = -1;
constexpr int kThreshold50 = 0, kThreshold75 = 5;

// The curves of one slice and lane, a category each, averaged as the evaluator does: in its order of additions.
class SliceMeans {
 public:
  SliceMeans(const std::vector<LaneCurves>& categories, int lane) : categories_(categories), lane_(lane) {}

  double Precision(int threshold) const {
    std::vector<double> values;
    for (int t = 0; t < kNumThresholds; ++t) {
      if (threshold != kAnyThreshold && t != threshold) continue;
      for (int r = 0; r < kNumRecalls; ++r) {
        for (const LaneCurves& curves : categories_) values.push_back(Curve(curves)[t * kNumRecalls + r]);
      }
    }
    return MeanOfExisting(values);
  }

  double Recall(int threshold) const {
    std::vector<double> values;
    for (int t = 0; t < kNumThresholds; ++t) {
      if (threshold != kAnyThreshold && t != threshold) continue;
      for (const LaneCurves& curves : categories_) values.push_back(curves.recall[lane_ * kNumThresholds + t]);
    }
    return MeanOfExisting(values);
  }

  // The AP of images of one difficulty. Officially absent categories count as -1, and four decimals are kept
  // (crowdposetools).
  double PrecisionOfDifficulty(const Quirks& quirks) const {
    std::vector<double> values;
    for (const LaneCurves& curves : categories_) {
      values.insert(values.end(), Curve(curves), Curve(curves) + kNumThresholds * kNumRecalls);
    }
    if (values.empty()) return -1;
    if (!quirks.difficulties_are_rounded) return MeanOfExisting(values);
    const double mean = NumpySum(values.data(), values.size()) / static_cast<double>(values.size());
    return std::nearbyint(mean * 1e4) / 1e4;
  }

 private:
  const double* Curve(const LaneCurves& curves) const {
    return curves.precision.data() + static_cast<size_t>(lane_) * kNumThresholds * kNumRecalls;
  }

  const std::vector<LaneCurves>& categories_;
  const int lane_;
};

std::vector<double> Summary(SummaryRule rule, const Quirks& quirks, const std::vector<std::vector<LaneCurves>>& slices,
                            int lane) {
  const auto slice = [&](int i) { return SliceMeans(slices[i], lane); };
  const SliceMeans all = slice(0);
  const double ap[] = {all.Precision(kAnyThreshold), all.Precision(kThreshold50), all.Precision(kThreshold75)};
  const double ar[] = {all.Recall(kAnyThreshold), all.Recall(kThreshold50), all.Recall(kThreshold75)};
  if (rule == SummaryRule::kByArea) {
    const SliceMeans medium = slice(1), large = slice(2);
    return {ap[0], ap[1], ap[2], medium.Precision(kAnyThreshold), large.Precision(kAnyThreshold),
            ar[0], ar[1], ar[2], medium.Recall(kAnyThreshold),    large.Recall(kAnyThreshold)};
  }
  return {ap[0],
          ap[1],
          ap[2],
          0,
          0,
          ar[0],
          ar[1],
          ar[2],
          slice(1).PrecisionOfDifficulty(quirks),
          slice(2).PrecisionOfDifficulty(quirks),
          slice(3).PrecisionOfDifficulty(quirks)};
}

// Which images are easy, medium and hard; positions among the image ids, ascending.
std::vector<std::vector<bool>> ImagesByDifficulty(const Dataset& dataset, const KeypointDataset& description) {
  std::vector<int64_t> ids;
  for (const Image& image : dataset.images) ids.push_back(image.id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<std::vector<bool>> difficulties(3, std::vector<bool>(ids.size()));
  for (const Image& image : dataset.images) {
    const auto [medium, hard] = description.crowd_index_borders;
    const int difficulty = *image.crowd_index < medium ? 0 : *image.crowd_index < hard ? 1 : 2;
    difficulties[difficulty][std::lower_bound(ids.begin(), ids.end(), image.id) - ids.begin()] = true;
  }
  return difficulties;
}

}  // namespace

ResampledMetrics::ResampledMetrics(const Dataset& dataset, const KeypointDataset& description, const Metrics& metrics,
                                   const Quirks& quirks)
    : num_images_(static_cast<int>(metrics.num_images)),
      num_metrics_(static_cast<int>(metrics.names.size())),
      summary_rule_(description.summary_rule),
      quirks_(quirks) {
  GROUPPOSE_CHECK(metrics.rankings.size() == metrics.category_ids.size(),
                  "expected metrics with rankings: EvaluatorOptions::ranking");
  const auto add_slice = [&](int area, const std::vector<bool>& takes_part) {
    Slice slice;
    for (const Ranking& ranking : metrics.rankings) slice.emplace_back(ranking, area, takes_part, quirks);
    slices_.push_back(std::move(slice));
  };
  const std::vector<bool> every_image(num_images_, true);
  add_slice(0, every_image);
  if (summary_rule_ == SummaryRule::kByArea) {
    for (int area = 1; area < kNumAreas; ++area) add_slice(area, every_image);
    return;
  }
  for (const std::vector<bool>& images : ImagesByDifficulty(dataset, description)) add_slice(0, images);
}

void ResampledMetrics::CountLanes(const std::vector<uint16_t>& counts, int num_lanes,
                                  std::vector<double>* stats) const {
  std::vector<std::vector<LaneCurves>> slices;
  for (const Slice& slice : slices_) {
    std::vector<LaneCurves> categories;
    for (const RankedCategory& category : slice) categories.push_back(category.Count(counts));
    slices.push_back(std::move(categories));
  }
  for (int lane = 0; lane < num_lanes; ++lane) stats[lane] = Summary(summary_rule_, quirks_, slices, lane);
}

std::vector<double> ResampledMetrics::operator()(const std::vector<int>& counts) const {
  GROUPPOSE_CHECK(counts.size() == static_cast<size_t>(num_images_), "expected a count for each of ", num_images_,
                  " images, got ", counts.size());
  std::vector<uint16_t> lanes(static_cast<size_t>(num_images_) * kLanes);
  for (int i = 0; i < num_images_; ++i) {
    GROUPPOSE_CHECK(counts[i] >= 0 && counts[i] <= UINT16_MAX, "image ", i, " counts ", counts[i], " times");
    lanes[static_cast<size_t>(i) * kLanes] = static_cast<uint16_t>(counts[i]);
  }
  std::vector<double> stats;
  CountLanes(lanes, 1, &stats);
  return stats;
}

std::vector<std::vector<double>> ResampledMetrics::Bootstrap(int resamples, uint64_t seed, int threads) const {
  GROUPPOSE_CHECK(num_images_ > 0 && resamples > 0, resamples, " resamples of ", num_images_, " images");
  std::vector<std::vector<double>> stats(resamples);
  std::atomic<int> next{0};
  // every block of lanes has its own place in the result: who computes it does not matter
  const auto work = [&] {
    std::vector<uint16_t> counts(static_cast<size_t>(num_images_) * kLanes);
    for (int first = next.fetch_add(kLanes); first < resamples; first = next.fetch_add(kLanes)) {
      const int lanes = std::min(kLanes, resamples - first);
      for (int lane = 0; lane < lanes; ++lane) {
        const std::vector<int> drawn =
            base::BootstrapCounts(num_images_, seed, static_cast<uint64_t>(first) + static_cast<uint64_t>(lane));
        for (int i = 0; i < num_images_; ++i) counts[static_cast<size_t>(i) * kLanes + lane] = drawn[i];
      }
      CountLanes(counts, lanes, stats.data() + first);
    }
  };
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return stats;
}

}  // namespace eval
