// Expected values: tables of Student's t, mpmath with 40 digits, and where a test says so SciPy 1.17.1 and statsmodels
// 0.15.0.
#include "base/statistics.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace base {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(Mean, IsExactWhereTheSumIs) {
  EXPECT_EQ(Mean({3}), 3);
  EXPECT_EQ(Mean({1, 2, 3, 6}), 3);
  // plain summation loses the ones
  EXPECT_EQ(Mean({1, 1e100, 1, -1e100}), 0.5);
  EXPECT_TRUE(std::isnan(Mean({1, kNaN})));
  EXPECT_EQ(Mean({1, std::numeric_limits<double>::infinity()}), std::numeric_limits<double>::infinity());
  EXPECT_THROW(Mean({}), CheckError);
}

TEST(SampleStandardDeviation, DividesByOneLess) {
  EXPECT_DOUBLE_EQ(SampleStandardDeviation({2, 4, 4, 4, 5, 5, 7, 9}), std::sqrt(32.0 / 7));
  EXPECT_EQ(SampleStandardDeviation({5, 5}), 0);
  // far from zero: E[x^2] - E[x]^2 would give 0 or worse
  EXPECT_DOUBLE_EQ(SampleStandardDeviation({1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}), std::sqrt(30.0));
  EXPECT_TRUE(std::isnan(SampleStandardDeviation({1, kNaN, 2})));
  EXPECT_THROW(SampleStandardDeviation({1}), CheckError);
}

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  EXPECT_EQ(Median({3, 1, 2}), 2);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(Median({7}), 7);
  const std::vector<double> values = {40, 10, 30, 20};
  EXPECT_EQ(Quantile(values, 0), 10);
  EXPECT_EQ(Quantile(values, 1), 40);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.25), 17.5);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.9), 37);
  EXPECT_TRUE(std::isnan(Quantile({1, kNaN, 2}, 0)));
  EXPECT_THROW(Quantile({}, 0.5), CheckError);
  EXPECT_THROW(Quantile({1}, 1.5), CheckError);
  EXPECT_THROW(Quantile({1}, kNaN), CheckError);
}

TEST(RegularizedIncompleteBeta, EqualsReference) {
  struct Case {
    double a, b, x, expected;
  };
  for (const Case& c : {Case{0.5, 0.5, 0.3, 0.36901011956554538}, Case{2, 3, 0.4, 0.5248},
                        Case{10, 0.5, 0.9, 0.15164090963470997}, Case{5, 10, 0.01, 1.8568942838635406e-7},
                        Case{100, 120, 0.45, 0.44780123014770762}, Case{0.1, 20, 0.001, 0.70799700842341538},
                        Case{5000, 5000, 0.5, 0.5}, Case{1, 1, 0.37, 0.37}, Case{3, 4, 0, 0}, Case{3, 4, 1, 1}}) {
    // lgamma of a large argument costs digits
    EXPECT_NEAR(RegularizedIncompleteBeta(c.a, c.b, c.x) / std::max(c.expected, 1e-300), c.expected > 0 ? 1 : 0, 1e-11)
        << c.a << " " << c.b << " " << c.x;
    EXPECT_NEAR(RegularizedIncompleteBeta(c.a, c.b, c.x) + RegularizedIncompleteBeta(c.b, c.a, 1 - c.x), 1, 1e-11);
  }
  EXPECT_TRUE(std::isnan(RegularizedIncompleteBeta(1, 1, kNaN)));
  EXPECT_THROW(RegularizedIncompleteBeta(0, 1, 0.5), CheckError);
  EXPECT_THROW(RegularizedIncompleteBeta(1, 1, 1.5), CheckError);
}

TEST(StudentT, ProbabilitiesEqualReference) {
  EXPECT_EQ(StudentTProbability(0, 3), 0.5);
  EXPECT_NEAR(StudentTProbability(2, 2), 1 - 0.091751709536136984, 1e-14);
  EXPECT_NEAR(StudentTProbability(-2, 2), 0.091751709536136984, 1e-14);
  EXPECT_NEAR(StudentTProbability(-10, 4), 0.00028100181135799558, 1e-16);
  EXPECT_NEAR(StudentTProbability(-50, 3), 8.8085760206359871e-6, 1e-18);
  EXPECT_NEAR(StudentTProbability(-0.001, 7), 0.49961500862249942, 1e-14);
  EXPECT_TRUE(std::isnan(StudentTProbability(kNaN, 7)));
}

TEST(StudentT, QuantilesEqualTables) {
  struct Row {
    double degrees;
    double t[5];
  };
  constexpr double kProbabilities[] = {0.75, 0.95, 0.975, 0.995, 0.9995};
  for (const Row& row : {
           Row{1, {1.0, 6.3137515146750431, 12.706204736174705, 63.656741162871581, 636.61924876871962}},
           Row{2,
               {0.81649658092772603, 2.9199855803537257, 4.3026527297494639, 9.9248432009182931, 31.599054576443621}},
           Row{2.5,
               {0.7850136829923011, 2.5582186141359366, 3.5746548420036832, 7.1637281389487855, 18.277893528130648}},
           Row{5,
               {0.72668684380042265, 2.0150483733330242, 2.5705818356363155, 4.0321429835552281, 6.8688266258811102}},
           Row{10,
               {0.69981206131243163, 1.8124611228116764, 2.2281388519862747, 3.1692726726169512, 4.5868938587026359}},
           Row{120,
               {0.67653972491252022, 1.6576508993552356, 1.9799304050824408, 2.617421145106866, 3.3734537685625004}},
       }) {
    for (int i = 0; i < 5; ++i) {
      // the tail is known to one part in 1e13, and 1 - 0.9995 loses three more digits
      EXPECT_NEAR(StudentTQuantile(kProbabilities[i], row.degrees) / row.t[i], 1, 1e-11) << row.degrees;
      EXPECT_NEAR(StudentTQuantile(1 - kProbabilities[i], row.degrees) / -row.t[i], 1, 1e-11) << row.degrees;
    }
  }
  EXPECT_NEAR(StudentTQuantile(0.5, 4), 0, 1e-12);
  EXPECT_THROW(StudentTQuantile(1, 4), CheckError);
  EXPECT_THROW(StudentTQuantile(0, 4), CheckError);
}

// "Student" 1908: hours of sleep gained by ten patients under two drugs.
const std::vector<double> kFirstDrug = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
const std::vector<double> kSecondDrug = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

TEST(PairedT, EqualsStudentsOwnExample) {
  const Interval interval = PairedTInterval(kFirstDrug, kSecondDrug, 0.95);
  EXPECT_NEAR(interval.estimate, -1.58, 1e-14);
  EXPECT_NEAR(interval.low, -2.4598857632769828, 1e-12);
  EXPECT_NEAR(interval.high, -0.7001142367230172, 1e-12);
  EXPECT_NEAR(PairedTTestPValue(kFirstDrug, kSecondDrug), 0.0028328901973842727, 1e-13);
  EXPECT_NEAR(PairedTTestPValue(kSecondDrug, kFirstDrug), 0.0028328901973842727, 1e-13);
}

TEST(PairedT, OfEqualDifferences) {
  const Interval interval = PairedTInterval({2, 3, 4}, {1, 2, 3}, 0.95);
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 1);
  EXPECT_EQ(PairedTTestPValue({2, 3}, {1, 2}), 0);
  EXPECT_TRUE(std::isnan(PairedTTestPValue({1, 2}, {1, 2})));
  EXPECT_TRUE(std::isnan(PairedTInterval({1, kNaN, 2}, {1, 2, 2}, 0.95).low));
}

TEST(PairedT, RefusesWhatHasNoInterval) {
  EXPECT_THROW(PairedTInterval({1}, {2}, 0.95), CheckError);
  EXPECT_THROW(PairedTInterval({1, 2}, {2}, 0.95), CheckError);
  EXPECT_THROW(PairedTInterval({1, 2}, {2, 3}, 95), CheckError);
}

// The percentile bootstrap of the mean difference of pairs.
Interval BootstrapOfMean(const std::vector<double>& differences, double confidence, int resamples, uint64_t seed) {
  const int pairs = static_cast<int>(differences.size());
  std::vector<double> means;
  for (int resample = 0; resample < resamples; ++resample) {
    const std::vector<int> counts = BootstrapCounts(pairs, seed, resample);
    double sum = 0;
    for (int i = 0; i < pairs; ++i) sum += counts[i] * differences[i];
    means.push_back(sum / pairs);
  }
  return PercentileInterval(Mean(differences), means, confidence);
}

TEST(Bootstrap, OfAMeanIsNearTheTIntervalAndRepeats) {
  // differences of 200 pairs: 0.1 + something symmetric
  std::vector<double> left, right, differences;
  for (int i = 0; i < 200; ++i) {
    left.push_back(i * 0.01 + 0.1 + ((i * 37) % 199 - 99) * 0.01);
    right.push_back(i * 0.01);
    differences.push_back(left.back() - right.back());
  }
  const Interval t = PairedTInterval(left, right, 0.9);
  const Interval bootstrap = BootstrapOfMean(differences, 0.9, 4000, 7);
  EXPECT_EQ(bootstrap.estimate, t.estimate);
  // the standard error of a 5 % quantile of 4000 resamples is about 2 % of the half width
  const double half = t.high - t.estimate;
  EXPECT_NEAR(bootstrap.low, t.low, 0.1 * half);
  EXPECT_NEAR(bootstrap.high, t.high, 0.1 * half);
  const Interval again = BootstrapOfMean(differences, 0.9, 4000, 7);
  EXPECT_EQ(bootstrap.low, again.low);
  EXPECT_EQ(bootstrap.high, again.high);
  EXPECT_NE(bootstrap.low, BootstrapOfMean(differences, 0.9, 4000, 8).low);
  EXPECT_THROW(BootstrapCounts(0, 7, 0), CheckError);
}

TEST(BootstrapCounts, AddUpAndSpreadAsDrawsWithReplacementDo) {
  constexpr int kCount = 50, kResamples = 2000;
  int64_t zeros = 0;
  std::vector<int64_t> totals(kCount);
  for (int resample = 0; resample < kResamples; ++resample) {
    const std::vector<int> counts = BootstrapCounts(kCount, 7, resample);
    int sum = 0;
    for (int i = 0; i < kCount; ++i) {
      sum += counts[i];
      zeros += counts[i] == 0;
      totals[i] += counts[i];
    }
    ASSERT_EQ(sum, kCount);
  }
  // left out with probability (1 - 1/50)^50 = 0.36417; five standard errors of 100,000 nearly independent draws
  EXPECT_NEAR(static_cast<double>(zeros) / (kCount * kResamples), 0.36417, 5 * std::sqrt(0.36417 * 0.63583 / 1e5));
  // each thing is drawn Poisson-like 2000 times: five standard deviations
  for (int64_t total : totals) EXPECT_NEAR(total, kResamples, 5 * std::sqrt(kResamples));
}

TEST(BootstrapCounts, AreAFunctionOfSeedAndResample) {
  EXPECT_EQ(BootstrapCounts(20, 3, 5), BootstrapCounts(20, 3, 5));
  EXPECT_NE(BootstrapCounts(20, 3, 5), BootstrapCounts(20, 3, 6));
  EXPECT_NE(BootstrapCounts(20, 3, 5), BootstrapCounts(20, 4, 5));
  // written down: another generator would change published intervals
  EXPECT_EQ(BootstrapCounts(8, 0, 0), (std::vector<int>{1, 0, 2, 0, 0, 1, 1, 3}));
  EXPECT_THROW(BootstrapCounts(0, 0, 0), CheckError);
}

TEST(PercentileInterval, TakesTheQuantilesAndKeepsTheEstimate) {
  std::vector<double> resampled;
  for (int i = 0; i <= 100; ++i) resampled.push_back((i * 37) % 101);
  const Interval interval = PercentileInterval(12, resampled, 0.9);
  EXPECT_EQ(interval.estimate, 12);
  EXPECT_NEAR(interval.low, 5, 1e-12);
  EXPECT_NEAR(interval.high, 95, 1e-12);
  EXPECT_THROW(PercentileInterval(0, {}, 0.9), CheckError);
}

// statsmodels.stats.multitest.multipletests(p, method='holm')
TEST(MannWhitney, EqualsScipy) {
  // scipy 1.17.1: mannwhitneyu, method='exact' without ties and up to 50 values, else 'asymptotic'
  EXPECT_NEAR(MannWhitneyPValue({1.1, 2.3, 0.4, 5.6, 3.3}, {2.2, 4.4, 6.1, 7.9, 8.8, 3.1}), 0.12554112554112554, 1e-14);
  EXPECT_NEAR(MannWhitneyPValue({1, 2, 2, 3, 4}, {2, 3, 5, 6, 7, 7}), 0.06414661873440437, 1e-14);
  std::vector<double> left, right;
  for (int i = 0; i < 40; ++i) left.push_back((i * 37 % 101) / 7.0);
  for (int i = 0; i < 50; ++i) right.push_back((i * 53 % 103) / 7.0 + 1.05);
  EXPECT_NEAR(MannWhitneyPValue(left, right), 0.5965337662530308, 1e-12);
  EXPECT_DOUBLE_EQ(MannWhitneyPValue(left, right), MannWhitneyPValue(right, left));
  left.clear(), right.clear();
  for (int i = 0; i < 60; ++i) left.push_back(std::sin(i * 1.7)), right.push_back(std::sin(i * 2.3) + 0.2);
  EXPECT_NEAR(MannWhitneyPValue(left, right), 0.07140275370125385, 1e-12);
}

TEST(MannWhitney, OfNothingAndOfEqualValues) {
  EXPECT_TRUE(std::isnan(MannWhitneyPValue({}, {1})));
  EXPECT_TRUE(std::isnan(MannWhitneyPValue({kNaN}, {1})));
  EXPECT_EQ(MannWhitneyPValue({2, 2, 2}, {2, 2}), 1);
  // the two most different orders of 2 x 20!^2 / 40!
  std::vector<double> low, high;
  for (int i = 0; i < 20; ++i) low.push_back(i), high.push_back(i + 100);
  EXPECT_NEAR(MannWhitneyPValue(low, high), 2 / 137846528820.0, 1e-20);
}

TEST(BootstrapMedian, CoversTheMedianAndRepeats) {
  RandomStream random("values", {1});
  std::vector<double> values;
  for (int i = 0; i < 101; ++i) values.push_back(random.NextNormal());
  const Interval interval = BootstrapMedianInterval(values, 0.95, 2000, 3);
  EXPECT_EQ(interval.estimate, Median(values));
  EXPECT_LT(interval.low, interval.estimate);
  EXPECT_GT(interval.high, interval.estimate);
  // the median of n normal values has a deviation of 1.2533 / sqrt(n)
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * 1.2533 / std::sqrt(101.0), 0.15);
  EXPECT_EQ(BootstrapMedianInterval(values, 0.95, 2000, 3).low, interval.low);
  EXPECT_NE(BootstrapMedianInterval(values, 0.95, 20, 4).low, BootstrapMedianInterval(values, 0.95, 20, 5).low);
  EXPECT_EQ(BootstrapMedianInterval({2.5}, 0.95, 10, 0).high, 2.5);
}

TEST(HolmAdjusted, EqualsStatsmodels) {
  const std::vector<double> adjusted = HolmAdjusted({0.01, 0.04, 0.03, 0.005, 0.2, 0.03});
  const std::vector<double> expected = {0.05, 0.12, 0.12, 0.03, 0.2, 0.12};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15) << i;
  EXPECT_EQ(HolmAdjusted({0.6, 0.7}), (std::vector<double>{1, 1}));
  EXPECT_EQ(HolmAdjusted({}), std::vector<double>());
}

TEST(HolmAdjusted, PassesOverWhatIsNoComparison) {
  const std::vector<double> adjusted = HolmAdjusted({kNaN, 0.02, 0.01});
  EXPECT_TRUE(std::isnan(adjusted[0]));
  EXPECT_DOUBLE_EQ(adjusted[1], 0.02);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.02);
}

// scipy.stats.ttest_rel and its confidence_interval(0.95), on AP of three seeds
TEST(ComparePairs, EqualsScipy) {
  const std::vector<double> group = {0.443, 0.460, 0.491}, full = {0.209, 0.250, 0.203};
  const PairedComparison comparison = ComparePairs(group, full, 0.95);
  EXPECT_NEAR(comparison.mean, 0.244, 1e-15);
  EXPECT_NEAR(comparison.deviation, 0.03994996871087633, 1e-15);
  ASSERT_TRUE(comparison.interval.has_value());
  EXPECT_NEAR(comparison.interval->low, 0.1447587761420664, 1e-13);
  EXPECT_NEAR(comparison.interval->high, 0.3432412238579336, 1e-13);
  EXPECT_NEAR(comparison.p_value, 0.008817754283087223, 1e-14);
  EXPECT_EQ(comparison.verdict, Verdict::kBetter);
  EXPECT_EQ(ComparePairs(full, group, 0.95).verdict, Verdict::kWorse);
  // the same data is not enough for a confidence of 99.9 %
  EXPECT_EQ(ComparePairs(group, full, 0.999).verdict, Verdict::kInconclusive);
}

TEST(ComparePairs, HasNoVerdictBelowThreePairs) {
  const PairedComparison two = ComparePairs({0.9, 0.901}, {0.1, 0.1}, 0.95);
  EXPECT_EQ(two.verdict, Verdict::kNotAvailable);
  EXPECT_GT(two.interval->low, 0) << "although the interval is above zero";
  const PairedComparison one = ComparePairs({0.9}, {0.1}, 0.95);
  EXPECT_EQ(one.verdict, Verdict::kNotAvailable);
  EXPECT_FALSE(one.interval.has_value());
  EXPECT_DOUBLE_EQ(one.mean, 0.8);
  EXPECT_TRUE(std::isnan(one.p_value));
  EXPECT_TRUE(std::isnan(ComparePairs({}, {}, 0.95).mean));
}

TEST(ComparePairs, OfEqualValuesIsInconclusive) {
  const PairedComparison comparison = ComparePairs({1, 2, 3}, {1, 2, 3}, 0.95);
  EXPECT_EQ(comparison.verdict, Verdict::kInconclusive);
  EXPECT_TRUE(std::isnan(comparison.p_value));
  EXPECT_EQ(ComparePairs({1, kNaN, 3}, {1, 2, 3}, 0.95).verdict, Verdict::kNotAvailable);
}

TEST(Verdict, HasNames) {
  EXPECT_STREQ(VerdictName(Verdict::kNotAvailable), "n/a");
  EXPECT_STREQ(VerdictName(Verdict::kBetter), "better");
  EXPECT_STREQ(VerdictName(Verdict::kWorse), "worse");
  EXPECT_STREQ(VerdictName(Verdict::kInconclusive), "inconclusive");
}

// the smallest n with scipy.stats.t.ppf(0.975, n - 1) * deviation / sqrt(n) < |mean|
TEST(PairsNeeded, EqualsScipy) {
  EXPECT_EQ(PairsNeeded(0.244, 0.04, 0.95, 100), 3);
  EXPECT_EQ(PairsNeeded(0.02, 0.02, 0.95, 100), 7);
  EXPECT_EQ(PairsNeeded(-0.02, 0.02, 0.95, 100), 7);
  EXPECT_EQ(PairsNeeded(0.01, 0.03, 0.95, 100), 38);
  EXPECT_EQ(PairsNeeded(0.01, 0.03, 0.95, 37), std::nullopt);
  EXPECT_EQ(PairsNeeded(0, 0.03, 0.95, 100), std::nullopt);
  EXPECT_EQ(PairsNeeded(0.01, 0, 0.95, 100), 2);
}

}  // namespace
}  // namespace base
