// The little statistics that a comparison of runs needs.
//
//   const Interval difference = PairedTInterval(group_ap, full_ap, 0.95);   // the same seeds in the same order
//   // difference.estimate, difference.low, difference.high
//
// Values that are not numbers are handed on: a NaN among the values makes the result NaN. Asking for the median of
// nothing, the deviation of one value or a confidence outside (0, 1) is a broken invariant (CheckError).
#ifndef BASE_STATISTICS_H_
#define BASE_STATISTICS_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace base {

double Mean(const std::vector<double>& values);

// With n - 1 in the denominator; at least two values.
double SampleStandardDeviation(const std::vector<double>& values);

// The middle value, or the mean of the two in the middle.
double Median(const std::vector<double>& values);

// The value below which a share of 0 <= q <= 1 of the values lies, by linear interpolation between order statistics
// (Hyndman & Fan 1996, type 7: the default of NumPy and R).
double Quantile(std::vector<double> values, double q);

// I_x(a, b), the regularised incomplete beta function, for a, b > 0 and 0 <= x <= 1 (DLMF 8.17).
double RegularizedIncompleteBeta(double a, double b, double x);

// Student's t distribution with `degrees` > 0 degrees of freedom: P(T <= t), and the t that makes it `probability`.
double StudentTProbability(double t, double degrees);
double StudentTQuantile(double probability, double degrees);

struct Interval {
  double estimate = 0;
  double low = 0;
  double high = 0;
};

// Mean of left - right and its confidence interval by Student's t; values belong together by their index, at least two
// pairs.
Interval PairedTInterval(const std::vector<double>& left, const std::vector<double>& right, double confidence);

// The two-sided p-value of the same: how often a mean difference at least as large is seen where there is none.
// NaN where all differences are zero.
double PairedTTestPValue(const std::vector<double>& left, const std::vector<double>& right);

// How often each of `count` things is drawn when `count` of them are drawn with replacement: one resample of a
// bootstrap (Efron 1979), whatever its statistic: a mean, a ratio, an AP. A pure function of (seed, resample), so that
// two models are compared on the same resampled images.
std::vector<int> BootstrapCounts(int count, uint64_t seed, uint64_t resample);

// The percentile bootstrap's interval: `estimate` is the statistic of what was measured, `resampled` that of each
// resample.
Interval PercentileInterval(double estimate, const std::vector<double>& resampled, double confidence);

// Holm's step-down adjustment (1979) of the p-values of several comparisons: who calls those below 0.05 real is wrong
// about any of them in at most 5 % of all studies. A NaN is no comparison: it stays NaN and counts for nothing.
std::vector<double> HolmAdjusted(const std::vector<double>& p_values);

// The two-sided p-value of the Mann-Whitney U test (1947): how often two samples of one distribution are told apart at
// least so clearly by the ranks of their values. Exact where both have at most 50 values and no two values are equal,
// else the normal approximation with the corrections for ties and continuity (as scipy.stats.mannwhitneyu). NaN where
// either is empty, and 1 where all values are equal.
double MannWhitneyPValue(const std::vector<double>& left, const std::vector<double>& right);

// The median of `values` and its interval by resampling them with replacement. The same bytes for the same seed.
Interval BootstrapMedianInterval(const std::vector<double>& values, double confidence, int resamples, uint64_t seed);

// What may be said of a difference where more is better.
enum class Verdict { kNotAvailable, kBetter, kWorse, kInconclusive };

// "n/a", "better", "worse", "inconclusive".
const char* VerdictName(Verdict verdict);

// Below this many pairs there is no verdict: two pairs estimate a deviation from one number, and the interval (12.7
// standard errors to either side) says nothing of use.
inline constexpr int kFewestPairsForVerdict = 3;

// Values measured in pairs, and the mean of their differences.
struct PairedComparison {
  std::vector<double> differences;           // left - right, in the order given
  double mean = 0;                           // NaN without a pair
  double deviation = 0;                      // of the differences, n - 1 in the denominator; NaN below two pairs
  std::optional<Interval> interval;          // Student's t; from two pairs on
  double p_value = 0;                        // two-sided t-test; NaN below two pairs or where all differences are 0
  Verdict verdict = Verdict::kNotAvailable;  // better where the interval lies above 0, worse where below

  int pairs() const { return static_cast<int>(differences.size()); }
};
PairedComparison ComparePairs(const std::vector<double>& left, const std::vector<double>& right, double confidence);

// The fewest pairs whose t-interval would leave out zero if mean and deviation of the differences stayed what they are:
// for planning, not for judging. Nothing where more than `most` would be needed.
std::optional<int> PairsNeeded(double mean, double deviation, double confidence, int most);

}  // namespace base

#endif  // BASE_STATISTICS_H_
