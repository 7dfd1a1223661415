#include "eval/lane_curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "eval/matching.h"
#include "eval/precision_recall.h"

namespace eval {
namespace {

constexpr uint16_t kEveryThreshold = (1 << kNumThresholds) - 1;

bool SameScore(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// The fewest persons whose recall among `num_positives` reaches a value of the grid; by the division that the evaluator
// makes, since rounding decides at the grid's own values.
int FewestForRecall(double recall, int64_t num_positives) {
  int count = static_cast<int>(std::ceil(recall * static_cast<double>(num_positives)));
  const auto reaches = [&](int n) { return static_cast<double>(n) / static_cast<double>(num_positives) >= recall; };
  while (count > 0 && reaches(count - 1)) --count;
  while (!reaches(count)) ++count;
  return count;
}

}  // namespace

RankedCategory::RankedCategory(const Ranking& ranking, int area, const std::vector<bool>& takes_part,
                               const Quirks& quirks)
    : quirks_(quirks), num_positives_(ranking.num_positives[area]) {
  for (size_t i = 0; i < num_positives_.size(); ++i) {
    if (!takes_part[i]) num_positives_[i] = 0;
  }
  const std::vector<RankedDetection>& detections = ranking.detections;
  const int count = static_cast<int>(detections.size());
  for (int begin = 0, end = 0; begin < count; begin = end) {
    while (end < count && detections[end].image == detections[begin].image &&
           SameScore(detections[end].score, detections[begin].score)) {
      ++end;
    }
    if (takes_part[detections[begin].image]) AddRun(ranking, area, begin, end);
  }
  CloseSegment(static_cast<int>(steps_.size()));
  MarkCorners();
}

void RankedCategory::AddRun(const Ranking& ranking, int area, int begin, int end) {
  const auto plain = [&](int i) { return ranking.detections[i].wrong[area] == kEveryThreshold; };
  const int image = ranking.detections[begin].image;
  bool all_plain = true;
  for (int i = begin; i < end; ++i) all_plain = all_plain && plain(i);
  if (all_plain) {
    plain_images_.insert(plain_images_.end(), end - begin, image);
    return;
  }
  const int steps_begin = static_cast<int>(steps_.size());
  for (int i = begin; i < end; ++i) {
    const RankedDetection& detection = ranking.detections[i];
    const uint16_t found = detection.found[area], wrong = detection.wrong[area];
    if ((found | wrong) != 0) steps_.push_back({image, found, wrong, found});
  }
  if (static_cast<int>(steps_.size()) > steps_begin) CloseSegment(steps_begin);
}

void RankedCategory::CloseSegment(int steps_begin) {
  const int plain_begin = segments_.empty() ? 0 : segments_.back().plain_end;
  segments_.push_back(
      {plain_begin, static_cast<int>(plain_images_.size()), steps_begin, static_cast<int>(steps_.size())});
}

void RankedCategory::MarkCorners() {
  // from the end: bit t stands for "the next detection that counts at t is a found person"
  uint16_t next_found = 0;
  for (size_t s = segments_.size(); s-- > 0;) {
    const Segment& segment = segments_[s];
    const bool repeats = segment.steps_end - segment.steps_begin > 1;
    for (int i = segment.steps_end; i-- > segment.steps_begin;) {
      Step& step = steps_[i];
      // a run of several comes whole again with each copy: what follows its steps depends on how often
      if (!repeats) step.corners = static_cast<uint16_t>(step.found & ~next_found);
      next_found = static_cast<uint16_t>((next_found & ~step.wrong) | step.found);
    }
    if (segment.plain_end > segment.plain_begin) next_found = 0;
  }
}

// The state of a count: [lanes] of everything.
class RankedCategory::Counter {
 public:
  Counter(const std::array<int64_t, kLanes>& num_positives, const Quirks& quirks) : epsilon_(PrecisionEpsilon(quirks)) {
    const std::array<double, kNumRecalls>& recalls = RecallGridOf(quirks);
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int r = 0; r <= kNumRecalls; ++r) {
        const bool reachable = r < kNumRecalls && num_positives[lane] > 0;
        fewest_[r][lane] =
            reachable ? FewestForRecall(recalls[r], num_positives[lane]) : std::numeric_limits<int32_t>::max();
      }
    }
    best_in_.resize(kNumThresholds * kLanes * kNumRecalls);
    for (int t = 0; t < kNumThresholds; ++t) {
      for (int lane = 0; lane < kLanes; ++lane) due_[t][lane] = fewest_[1][lane];
    }
  }

  void AddPlain(const uint16_t* counts) {
    for (int lane = 0; lane < kLanes; ++lane) plain_[lane] += counts[lane];
  }

  void AddStep(const Step& step, const int32_t* times) {
    for (unsigned bits = step.wrong; bits != 0; bits &= bits - 1) Add(times, wrong_[__builtin_ctz(bits)]);
    for (unsigned bits = step.found; bits != 0; bits &= bits - 1) Add(times, found_[__builtin_ctz(bits)]);
    for (unsigned bits = step.corners; bits != 0; bits &= bits - 1) AddCorner(__builtin_ctz(bits));
  }

  // The interpolated curve [recalls] and the highest recall of one lane.
  double Finish(int threshold, int lane, int64_t num_positives, double* precision) {
    Store(threshold, lane);
    double best = 0;
    for (int r = kNumRecalls; r-- > 0;) {
      best = std::max(best, BestIn(threshold, lane)[r]);
      precision[r] = best;
    }
    return static_cast<double>(found_[threshold][lane]) / static_cast<double>(num_positives);
  }

 private:
  static void Add(const int32_t* times, int32_t* total) {
    for (int lane = 0; lane < kLanes; ++lane) total[lane] += times[lane];
  }

  // Precision after a found person. A lane that does not count it meets the recall before once more, at a precision
  // that is no higher, or 0 / 0, which is above nothing: this changes no maximum.
  void AddCorner(int t) {
    alignas(32) double precision[kLanes];
    int past = 0;
    for (int lane = 0; lane < kLanes; ++lane) past |= found_[t][lane] >= due_[t][lane];
    if (past != 0) PassRecalls(t);
    for (int lane = 0; lane < kLanes; ++lane) {
      const double true_positives = found_[t][lane], false_positives = plain_[lane] + wrong_[t][lane];
      precision[lane] = true_positives / (false_positives + true_positives + epsilon_);
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      best_[t][lane] = best_[t][lane] < precision[lane] ? precision[lane] : best_[t][lane];
    }
  }

  // Lanes that have reached the next recall of the grid go on to it, or to a later one.
  void PassRecalls(int t) {
    for (int lane = 0; lane < kLanes; ++lane) {
      if (found_[t][lane] < due_[t][lane]) continue;
      Store(t, lane);
      int& recall = recall_[t][lane];
      while (found_[t][lane] >= fewest_[recall + 1][lane]) ++recall;
      due_[t][lane] = fewest_[recall + 1][lane];
      best_[t][lane] = 0;
    }
  }

  void Store(int t, int lane) { BestIn(t, lane)[recall_[t][lane]] = best_[t][lane]; }
  double* BestIn(int t, int lane) { return best_in_.data() + (t * kLanes + lane) * kNumRecalls; }

  const double epsilon_;
  alignas(32) int32_t plain_[kLanes] = {};  // detections that are wrong at every threshold
  alignas(32) int32_t found_[kNumThresholds][kLanes] = {};
  alignas(32) int32_t wrong_[kNumThresholds][kLanes] = {};
  alignas(32) int32_t due_[kNumThresholds][kLanes] = {};  // persons to be found for the next recall
  alignas(32) double best_[kNumThresholds][kLanes] = {};  // highest precision since the recall that is reached
  int recall_[kNumThresholds][kLanes] = {};               // position on the grid of the recall that is reached
  int32_t fewest_[kNumRecalls + 1][kLanes];               // persons to be found for each recall
  std::vector<double> best_in_;  // [thresholds, lanes, recalls]: highest from there to the next
};

LaneCurves RankedCategory::Count(const std::vector<uint16_t>& counts) const {
  GROUPPOSE_CHECK(counts.size() == num_positives_.size() * kLanes, "expected ", kLanes, " counts for each of ",
                  num_positives_.size(), " images, got ", counts.size());
  std::array<int64_t, kLanes> num_positives = {};
  for (size_t i = 0; i < num_positives_.size(); ++i) {
    for (int lane = 0; lane < kLanes; ++lane) num_positives[lane] += counts[i * kLanes + lane] * num_positives_[i];
  }
  Counter counter(num_positives, quirks_);
  for (const Segment& segment : segments_) {
    for (int i = segment.plain_begin; i < segment.plain_end; ++i) {
      counter.AddPlain(counts.data() + static_cast<size_t>(plain_images_[i]) * kLanes);
    }
    if (segment.steps_begin == segment.steps_end) continue;
    const uint16_t* image_counts = counts.data() + static_cast<size_t>(steps_[segment.steps_begin].image) * kLanes;
    alignas(32) int32_t times[kLanes];
    if (segment.steps_end - segment.steps_begin == 1) {
      for (int lane = 0; lane < kLanes; ++lane) times[lane] = image_counts[lane];
      counter.AddStep(steps_[segment.steps_begin], times);
      continue;
    }
    // at least once: the corners of a run speak for the persons found before it too
    const int most = std::max<int>(1, *std::max_element(image_counts, image_counts + kLanes));
    for (int copy = 0; copy < most; ++copy) {
      for (int lane = 0; lane < kLanes; ++lane) times[lane] = image_counts[lane] > copy;
      for (int i = segment.steps_begin; i < segment.steps_end; ++i) counter.AddStep(steps_[i], times);
    }
  }

  LaneCurves curves;
  curves.precision.assign(kLanes * kNumThresholds * kNumRecalls, -1);
  curves.recall.assign(kLanes * kNumThresholds, -1);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (num_positives[lane] == 0) continue;
    for (int t = 0; t < kNumThresholds; ++t) {
      const int row = lane * kNumThresholds + t;
      curves.recall[row] = counter.Finish(t, lane, num_positives[lane],
                                          curves.precision.data() + static_cast<size_t>(row) * kNumRecalls);
    }
  }
  return curves;
}

}  // namespace eval
