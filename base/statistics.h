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

// The same interval by resampling pairs with replacement (percentile bootstrap, Efron 1979): for many pairs (images)
// whose differences are far from normal. The same bytes for the same seed.
Interval PairedBootstrapInterval(const std::vector<double>& left, const std::vector<double>& right, double confidence,
                                 int resamples, uint64_t seed);

}  // namespace base

#endif  // BASE_STATISTICS_H_
