#include "tools/profile/verdict.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace profile {
namespace {

base::Interval Exponential(const base::Interval& interval) {
  return {std::exp(interval.estimate), std::exp(interval.low), std::exp(interval.high)};
}

// How far from one the farther end lies.
double FartherEnd(const base::Interval& ratio) { return std::max(ratio.high - 1, 1 - ratio.low); }

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
  std::vector<double> effects(rounds), against_both(rounds), noises(rounds);
  for (size_t i = 0; i < rounds; ++i) {
    const double base = std::log(times.base[i]), head = std::log(times.head[i]), twin = std::log(times.twin[i]);
    effects[i] = head - base;
    noises[i] = twin - base;
    against_both[i] = head - (base + twin) / 2;
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
  estimate.ratio = interval(against_both);
  estimate.noise = interval(noises);
  estimate.p_value = base::MannWhitneyPValue(effects, noises);
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
