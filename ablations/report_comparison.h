// What the numbers of a study allow to say: every variant against the baseline.
//
// Training noise is judged over seeds: differences at equal seeds, their mean and a 95 % interval by Student's t. The
// verdict comes from there alone. Evaluation noise is another question, would other test images have given another
// difference between these two trained models, and is answered for every seed by a paired bootstrap over the test
// images: both models on the same resampled images.
#ifndef ABLATIONS_REPORT_COMPARISON_H_
#define ABLATIONS_REPORT_COMPARISON_H_

#include <optional>
#include <string>
#include <vector>

#include "ablations/report_study.h"
#include "absl/status/statusor.h"
#include "base/statistics.h"

namespace grouppose {

// Of every interval in the report.
inline constexpr double kConfidence = 0.95;

// Resamples of the bootstrap. At 2,000 an end of a 95 % interval (50 resamples lie beyond it) is known to about a tenth
// of the interval's half width; a cell with 300 images takes a fifth of a second.
inline constexpr int kResamples = 2000;

struct SeedDifference {
  int64_t seed = 0;
  double difference = 0;  // AP of the variant less that of the baseline
  // Over test images; nothing where the two cells left no results on the same images.
  std::optional<base::Interval> evaluation_noise;
};

// A variant against another, usually the baseline.
struct Comparison {
  const Row* row = nullptr;
  const Row* other = nullptr;
  std::vector<SeedDifference> seeds;
  base::PairedComparison paired;
  double holm_p_value = 0;  // adjusted for all comparisons with the baseline; NaN where there is no p-value
};

struct Comparisons {
  std::vector<Comparison> to_baseline;  // in the order of the study, without the baseline
  // The same comparisons where instance tokens have content: the content control of a variant against that of the
  // baseline (ContentControlOf). Empty where the study has no such variants.
  struct Control {
    const Row* row = nullptr;  // whose control it is
    Comparison with_content;
  };
  std::vector<Control> controls;
  int resamples = 0;  // 0 where no cell left results

  // Null for the baseline.
  const Comparison* Find(const Row& row) const;
  // Null where the study has none.
  const Comparison* FindControl(const Row& row) const;
};

// InvalidArgument where the AP of a results.json is not the one of its metrics.textproto.
absl::StatusOr<Comparisons> CompareWithBaseline(const Study& study, int resamples = kResamples);

// What a difference loses when instance tokens get content: the two differences at equal seeds, compared as pairs.
base::PairedComparison LostWithContent(const Comparison& without, const Comparison& with_content);

// Over the seeds that both have, without bootstrap.
base::PairedComparison Compare(const Row& row, const Row& other);

// "+0.244 [+0.145, +0.343]", "+0.244 (1 seed)" where there is no interval, "-" without a seed in common.
std::string DifferenceText(const base::PairedComparison& paired);
// "0.009"; "<0.001" below that, for no p-value is 0; "" for NaN.
std::string PValueText(double p_value);
// "[+0.145, +0.343]"
std::string IntervalText(const base::Interval& interval);

}  // namespace grouppose

#endif  // ABLATIONS_REPORT_COMPARISON_H_
