#include "tools/profile/verdict.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace profile {
namespace {

base::Interval Exponential(const base::Interval& interval) {
  return {std::exp(interval.estimate), std::exp(interval.low), std::exp(interval.high)};
}

// How far from one the farther end lies.
double FartherEnd(const base::Interval& ratio) { return std::max(ratio.high - 1, 1 - ratio.low); }

// Rounds on either side whose times say how busy the machine was.
constexpr size_t kNeighbours = 2;

// The median of log times of all arms in the rounds around this one; 0 where it is the only one.
double LogOfNeighbours(const std::vector<std::array<double, 3>>& logs, size_t round) {
  std::vector<double> around;
  const size_t begin = round < kNeighbours ? 0 : round - kNeighbours;
  for (size_t i = begin; i < std::min(logs.size(), round + kNeighbours + 1); ++i) {
    if (i != round) around.insert(around.end(), logs[i].begin(), logs[i].end());
  }
  return around.empty() ? 0 : base::Median(around);
}

Verdict VerdictOf(const Estimate& estimate, const VerdictOptions& options) {
  const bool significant = estimate.p_adjusted < options.alpha;
  if (significant && estimate.ratio.low > 1 + estimate.floor) return Verdict::kSlower;
  if (significant && estimate.ratio.high < 1 - estimate.floor) return Verdict::kFaster;
  return FartherEnd(estimate.ratio) <= options.min_effect ? Verdict::kNoChange : Verdict::kInconclusive;
}

}  // namespace

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
    case Verdict::kNoChange:
      return "no change";
    case Verdict::kInconclusive:
      return "inconclusive";
    case Verdict::kIdentical:
      return "identical";
    case Verdict::kOnlyInBase:
      return "only in base";
    case Verdict::kOnlyInHead:
      return "only in head";
    case Verdict::kOutputsDiffer:
      return "outputs differ";
    case Verdict::kFailed:
      return "failed";
  }
  return "?";
}

Estimate EstimateRatio(const Times& times, const VerdictOptions& options) {
  const size_t rounds = times.base.size();
  GROUPPOSE_CHECK(rounds > 0 && times.head.size() == rounds && times.twin.size() == rounds, rounds, " rounds of base, ",
                  times.head.size(), " of head, ", times.twin.size(), " of twin");
  std::vector<std::array<double, 3>> logs(rounds);
  for (size_t i = 0; i < rounds; ++i) {
    logs[i] = {std::log(times.base[i]), std::log(times.head[i]), std::log(times.twin[i])};
  }
  std::vector<double> effects, noises, heads, bases;
  for (size_t i = 0; i < rounds; ++i) {
    const auto [base, head, twin] = logs[i];
    effects.push_back(head - (base + twin) / 2);
    noises.push_back(twin - base);
    const double level = LogOfNeighbours(logs, i);
    heads.push_back(head - level);
    bases.insert(bases.end(), {base - level, twin - level});
  }
  Estimate estimate;
  estimate.rounds = static_cast<int>(rounds);
  std::vector<double> base = times.base;
  base.insert(base.end(), times.twin.begin(), times.twin.end());
  estimate.base_median = base::Median(base);
  estimate.head_median = base::Median(times.head);
  const auto interval = [&](const std::vector<double>& logs) {
    return Exponential(base::BootstrapMedianInterval(logs, options.confidence, options.resamples, options.seed));
  };
  estimate.ratio = interval(effects);
  estimate.noise = interval(noises);
  estimate.p_value = base::MannWhitneyPValue(heads, bases);
  estimate.floor = std::max(options.min_effect, FartherEnd(estimate.noise));
  return estimate;
}

void Judge(const VerdictOptions& options, std::vector<Estimate*> estimates) {
  std::vector<double> p_values;
  for (const Estimate* estimate : estimates) p_values.push_back(estimate->p_value);
  const std::vector<double> adjusted = base::HolmAdjusted(p_values);
  for (size_t i = 0; i < estimates.size(); ++i) {
    estimates[i]->p_adjusted = adjusted[i];
    estimates[i]->verdict = VerdictOf(*estimates[i], options);
  }
}

}  // namespace profile
