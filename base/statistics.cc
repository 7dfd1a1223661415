#include "base/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/random.h"

namespace base {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// Kahan's summation as Neumaier improved it (1974): the error does not grow with the number of values.
double Sum(const std::vector<double>& values) {
  double sum = 0, lost = 0;
  for (double value : values) {
    const double next = sum + value;
    lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
    sum = next;
  }
  // the correction of an infinite sum is NaN
  return std::isfinite(sum) ? sum + lost : sum;
}

std::vector<double> PairDifferences(const std::vector<double>& left, const std::vector<double>& right) {
  GROUPPOSE_CHECK(left.size() == right.size(), "pairs belong together by index: ", left.size(), " and ", right.size());
  std::vector<double> differences(left.size());
  for (size_t i = 0; i < left.size(); ++i) differences[i] = left[i] - right[i];
  return differences;
}

double StandardErrorOfMean(const std::vector<double>& values) {
  return SampleStandardDeviation(values) / std::sqrt(static_cast<double>(values.size()));
}

// The continued fraction of DLMF 8.17.22 by Lentz's method as modified by Thompson and Barnett (1986). Converges fast
// for x < (a + 1) / (a + b + 2).
double IncompleteBetaFraction(double a, double b, double x) {
  // stands for zero in a denominator
  constexpr double kTiny = 1e-300;
  // order sqrt(max(a, b)) steps are needed: enough for a and b up to 1e8
  constexpr int kMaxSteps = 20000;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
  for (int m = 1; m <= kMaxSteps; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) <= kEpsilon) break;
  }
  return fraction;
}

// I_x(a, b) where x and y = 1 - x are both known to their last digit.
double IncompleteBeta(double a, double b, double x, double y) {
  if (x == 0 || y == 0) return x;
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log(y);
  // on the other side of the mean the fraction of the mirrored function converges
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * IncompleteBetaFraction(a, b, x) / a;
  return 1 - std::exp(log_front) * IncompleteBetaFraction(b, a, y) / b;
}

// P(T > t) for t >= 0, without the cancellation of 1 - P(T <= t).
double StudentTTail(double t, double degrees) {
  const double square = t * t;
  if (std::isinf(square)) return 0;
  return 0.5 * IncompleteBeta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square));
}

void CheckConfidence(double confidence) {
  GROUPPOSE_CHECK(confidence > 0 && confidence < 1, "a confidence lies in (0, 1), got ", confidence);
}

// How many of the ways to take `n` of n + m ranks have each sum of ranks, above the smallest: the counts of the exact U
// distribution, by the recurrence of Mann and Whitney (1947). Doubles hold them exactly below 2^53 and closely above.
std::vector<double> RankSumCounts(int n, int m) {
  std::vector<double> counts(static_cast<size_t>(n) * m + 1, 0);
  counts[0] = 1;
  // the Gaussian binomial coefficient as a product of (1 - q^(m + i)) / (1 - q^i)
  for (int i = 1; i <= n; ++i) {
    for (size_t u = counts.size(); u-- > static_cast<size_t>(m) + i;) counts[u] -= counts[u - m - i];
    for (size_t u = i; u < counts.size(); ++u) counts[u] += counts[u - i];
  }
  return counts;
}

bool AnyNaN(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

}  // namespace

double Mean(const std::vector<double>& values) {
  GROUPPOSE_CHECK(!values.empty(), "the mean of nothing");
  return Sum(values) / static_cast<double>(values.size());
}

double SampleStandardDeviation(const std::vector<double>& values) {
  GROUPPOSE_CHECK(values.size() >= 2, "a standard deviation needs two values, got ", values.size());
  const double mean = Mean(values);
  std::vector<double> squares(values.size());
  for (size_t i = 0; i < values.size(); ++i) squares[i] = (values[i] - mean) * (values[i] - mean);
  return std::sqrt(Sum(squares) / static_cast<double>(values.size() - 1));
}

double Median(const std::vector<double>& values) { return Quantile(values, 0.5); }

double Quantile(std::vector<double> values, double q) {
  GROUPPOSE_CHECK(!values.empty(), "a quantile of nothing");
  GROUPPOSE_CHECK(q >= 0 && q <= 1, "a quantile lies in [0, 1], got ", q);
  if (AnyNaN(values)) return kNaN;
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const double weight = position - static_cast<double>(below);
  if (weight == 0) return values[below];
  return values[below] + weight * (values[below + 1] - values[below]);
}

double RegularizedIncompleteBeta(double a, double b, double x) {
  GROUPPOSE_CHECK(a > 0 && b > 0, "a ", a, ", b ", b);
  if (std::isnan(x)) return kNaN;
  GROUPPOSE_CHECK(x >= 0 && x <= 1, "x ", x);
  return IncompleteBeta(a, b, x, 1 - x);
}

double StudentTProbability(double t, double degrees) {
  if (std::isnan(t)) return kNaN;
  const double tail = StudentTTail(std::abs(t), degrees);
  return t > 0 ? 1 - tail : tail;
}

double StudentTQuantile(double probability, double degrees) {
  GROUPPOSE_CHECK(probability > 0 && probability < 1, "a probability lies in (0, 1), got ", probability);
  const double tail = std::min(probability, 1 - probability);
  // bracket the positive quantile, then halve until two neighbouring doubles are left
  double low = 0, high = 1;
  while (StudentTTail(high, degrees) > tail && std::isfinite(high)) {
    low = high;
    high *= 2;
  }
  while (true) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (StudentTTail(middle, degrees) > tail ? low : high) = middle;
  }
  return probability < 0.5 ? -low : low;
}

Interval PairedTInterval(const std::vector<double>& left, const std::vector<double>& right, double confidence) {
  CheckConfidence(confidence);
  const std::vector<double> differences = PairDifferences(left, right);
  const double mean = Mean(differences);
  const double degrees = static_cast<double>(differences.size()) - 1;
  const double error = StandardErrorOfMean(differences);
  const double half = StudentTQuantile(0.5 + confidence / 2, degrees) * error;
  return {mean, mean - half, mean + half};
}

double PairedTTestPValue(const std::vector<double>& left, const std::vector<double>& right) {
  const std::vector<double> differences = PairDifferences(left, right);
  const double t = Mean(differences) / StandardErrorOfMean(differences);
  if (std::isnan(t)) return kNaN;
  return 2 * StudentTTail(std::abs(t), static_cast<double>(differences.size()) - 1);
}

std::vector<int> BootstrapCounts(int count, uint64_t seed, uint64_t resample) {
  GROUPPOSE_CHECK(count > 0, "a resample of ", count, " things");
  RandomStream stream("bootstrap counts", {seed, resample});
  std::vector<int> counts(count);
  for (int i = 0; i < count; ++i) ++counts[stream.NextBelow(count)];
  return counts;
}

Interval PercentileInterval(double estimate, const std::vector<double>& resampled, double confidence) {
  CheckConfidence(confidence);
  return {estimate, Quantile(resampled, 0.5 - confidence / 2), Quantile(resampled, 0.5 + confidence / 2)};
}

double MannWhitneyPValue(const std::vector<double>& left, const std::vector<double>& right) {
  // beyond it the normal approximation has as many digits as anybody reads
  constexpr size_t kMostForExact = 50;
  if (left.empty() || right.empty() || AnyNaN(left) || AnyNaN(right)) return kNaN;
  std::vector<double> all = left;
  all.insert(all.end(), right.begin(), right.end());
  std::sort(all.begin(), all.end());
  // ranks from 1; equal values share the mean of theirs
  const auto rank = [&](double value) {
    const auto [first, last] = std::equal_range(all.begin(), all.end(), value);
    return static_cast<double>((first - all.begin()) + (last - all.begin()) + 1) / 2;
  };
  double ranks = 0, ties = 0;
  for (double value : left) ranks += rank(value);
  for (auto at = all.begin(); at != all.end();) {
    const auto next = std::upper_bound(at, all.end(), *at);
    const double equal = static_cast<double>(next - at);
    ties += equal * equal * equal - equal;
    at = next;
  }
  const double n = static_cast<double>(left.size()), m = static_cast<double>(right.size()), count = n + m;
  const double u = ranks - n * (n + 1) / 2, larger = std::max(u, n * m - u);
  if (ties == 0 && left.size() <= kMostForExact && right.size() <= kMostForExact) {
    const std::vector<double> counts = RankSumCounts(static_cast<int>(left.size()), static_cast<int>(right.size()));
    double tail = 0, total = 0;
    for (size_t i = counts.size(); i-- > 0;) {
      total += counts[i];
      if (static_cast<double>(i) >= larger) tail += counts[i];
    }
    return std::min(1.0, 2 * tail / total);
  }
  const double variance = n * m / 12 * (count + 1 - ties / (count * (count - 1)));
  if (variance <= 0) return 1;
  const double z = (larger - n * m / 2 - 0.5) / std::sqrt(variance);
  return std::min(1.0, std::erfc(z / std::sqrt(2.0)));
}

Interval BootstrapMedianInterval(const std::vector<double>& values, double confidence, int resamples, uint64_t seed) {
  CheckConfidence(confidence);
  GROUPPOSE_CHECK(resamples > 0, "resamples ", resamples);
  std::vector<double> medians(resamples), drawn(values.size());
  for (int i = 0; i < resamples; ++i) {
    RandomStream stream("bootstrap median", {seed, static_cast<uint64_t>(i)});
    for (double& value : drawn) value = values[stream.NextBelow(values.size())];
    medians[i] = Median(drawn);
  }
  return PercentileInterval(Median(values), medians, confidence);
}

std::vector<double> HolmAdjusted(const std::vector<double>& p_values) {
  std::vector<size_t> order;
  for (size_t i = 0; i < p_values.size(); ++i) {
    if (!std::isnan(p_values[i])) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted = p_values;
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    // one more is settled at each step; a later p-value is never adjusted below an earlier one
    largest = std::max(largest, p_values[order[rank]] * static_cast<double>(order.size() - rank));
    adjusted[order[rank]] = std::min(largest, 1.0);
  }
  return adjusted;
}

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kNotAvailable:
      return "n/a";
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kInconclusive:
      return "inconclusive";
  }
  return "n/a";
}

PairedComparison ComparePairs(const std::vector<double>& left, const std::vector<double>& right, double confidence) {
  PairedComparison comparison;
  comparison.differences = PairDifferences(left, right);
  comparison.mean = left.empty() ? kNaN : Mean(comparison.differences);
  comparison.deviation = kNaN;
  comparison.p_value = kNaN;
  if (comparison.pairs() < 2) return comparison;
  comparison.deviation = SampleStandardDeviation(comparison.differences);
  comparison.interval = PairedTInterval(left, right, confidence);
  comparison.p_value = PairedTTestPValue(left, right);
  if (comparison.pairs() < kFewestPairsForVerdict || std::isnan(comparison.mean)) return comparison;
  comparison.verdict = comparison.interval->low > 0    ? Verdict::kBetter
                       : comparison.interval->high < 0 ? Verdict::kWorse
                                                       : Verdict::kInconclusive;
  return comparison;
}

std::optional<int> PairsNeeded(double mean, double deviation, double confidence, int most) {
  CheckConfidence(confidence);
  for (int pairs = 2; pairs <= most; ++pairs) {
    const double half = StudentTQuantile(0.5 + confidence / 2, pairs - 1) * deviation / std::sqrt(pairs);
    if (half < std::abs(mean)) return pairs;
  }
  return std::nullopt;
}

}  // namespace base
