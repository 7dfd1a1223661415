#include "ablations/report_figures.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/plots.h"

namespace grouppose {
namespace {

using base::LinePlot;
using base::PlotSeries;

constexpr int kColours = base::kPlotStyles - 1;

// Factor between the highest and the lowest loss from which a logarithmic axis shows the end of training better.
constexpr double kLogFrom = 8;

using CurveOf = std::vector<CurvePoint> (*)(const Cell&);

std::vector<CurvePoint> ApCurveOf(const Cell& cell) { return cell.ApCurve(); }
std::vector<CurvePoint> LossCurveOf(const Cell& cell) { return cell.losses; }

PlotSeries SeriesOf(const Study& study, const Row& row, CurveOf curve_of) {
  std::vector<std::vector<CurvePoint>> curves;
  for (const Cell* cell : row.cells) curves.push_back(curve_of(*cell));
  CurveBand band = BandOf(curves);
  PlotSeries series;
  series.name = row.variant;
  series.style = PlotStyleOf(study, row);
  series.x = std::move(band.steps);
  series.y = std::move(band.mean);
  // one seed has no band
  if (row.cells.size() > 1) {
    series.low = std::move(band.low);
    series.high = std::move(band.high);
  }
  return series;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
};

Range RangeOf(const std::vector<PlotSeries>& series) {
  Range range;
  for (const PlotSeries& line : series) {
    for (const std::vector<double>* values : {&line.y, &line.low, &line.high}) {
      for (const double value : *values) {
        range.low = std::min(range.low, value);
        range.high = std::max(range.high, value);
      }
    }
  }
  return range;
}

// As many plots as it takes to give every variant a colour of its own, each with the baseline.
void WritePanels(const Study& study, const LinePlot& plot, CurveOf curve_of, bool may_be_log, base::HtmlWriter* html) {
  PlotSeries baseline;
  std::vector<PlotSeries> others, all;
  bool band = false;
  for (const Row& row : study.rows) {
    PlotSeries series = SeriesOf(study, row, curve_of);
    band |= !series.low.empty();
    all.push_back(series);
    if (study.IsBaseline(row)) {
      baseline = std::move(series);
    } else {
      others.push_back(std::move(series));
    }
  }
  const Range range = RangeOf(all);
  const size_t panels = std::max<size_t>(1, (others.size() + kColours - 1) / kColours);
  for (size_t panel = 0; panel < panels; ++panel) {
    LinePlot part = plot;
    if (panels > 1) absl::StrAppend(&part.title, " (", panel + 1, " of ", panels, ")");
    part.x_low = 0;  // where training starts
    if (band) part.band = "lowest to highest seed";
    if (range.low <= range.high) {
      part.y_low = range.low;
      part.y_high = range.high;
    }
    part.log_y = may_be_log && range.low > 0 && range.high > kLogFrom * range.low;
    if (part.log_y) absl::StrAppend(&part.y_label, ", logarithmic");
    part.series.push_back(baseline);
    for (size_t i = panel * kColours; i < std::min(others.size(), (panel + 1) * kColours); ++i) {
      part.series.push_back(others[i]);
    }
    base::WriteLinePlot(part, html);
  }
}

}  // namespace

int PlotStyleOf(const Study& study, const Row& row) {
  int others = 0;
  for (const Row& candidate : study.rows) {
    if (study.IsBaseline(candidate)) continue;
    if (candidate.variant == row.variant) return 1 + others % kColours;
    ++others;
  }
  return 0;
}

void WriteTrainingPlots(const Study& study, base::HtmlWriter* html) {
  LinePlot ap;
  ap.title = absl::StrCat("AP on the ", study.baseline().first().result().split(), " images");
  ap.x_label = "training steps";
  ap.y_label = "AP, 0 to 1";
  ap.markers = true;
  LinePlot loss;
  loss.title = "Training loss";
  loss.x_label = "training steps";
  loss.y_label = "weighted sum of all losses";
  html->Begin("div", {{"class", "figures"}});
  WritePanels(study, ap, ApCurveOf, /*may_be_log=*/false, html);
  const bool logged =
      std::any_of(study.rows.begin(), study.rows.end(), [](const Row& row) { return !row.first().losses.empty(); });
  if (logged) WritePanels(study, loss, LossCurveOf, /*may_be_log=*/true, html);
  html->End().NewLine();
}

base::Interval ScaleOf(const std::vector<const Comparison*>& comparisons) {
  base::Interval scale;
  const auto include = [&](double value) {
    // a difference that does not exist is NaN
    if (value < scale.low) scale.low = value;
    if (value > scale.high) scale.high = value;
  };
  for (const Comparison* comparison : comparisons) {
    include(comparison->paired.mean);
    if (comparison->paired.interval.has_value()) include(comparison->paired.interval->low);
    if (comparison->paired.interval.has_value()) include(comparison->paired.interval->high);
    for (const SeedDifference& seed : comparison->seeds) {
      include(seed.difference);
      if (seed.evaluation_noise.has_value()) include(seed.evaluation_noise->low);
      if (seed.evaluation_noise.has_value()) include(seed.evaluation_noise->high);
    }
  }
  return scale;
}

void WriteDifferencePlot(const Study& study, const std::string& title,
                         const std::vector<const Comparison*>& comparisons, const base::Interval& scale,
                         base::HtmlWriter* html) {
  base::IntervalPlot plot;
  plot.title = title;
  plot.x_label = "difference in AP";
  plot.part = "one seed";
  plot.x_low = scale.low;
  plot.x_high = scale.high;
  for (const Comparison* comparison : comparisons) {
    base::IntervalRow row;
    row.name = comparison->row->variant;
    row.style = PlotStyleOf(study, *comparison->row);
    row.estimate = comparison->paired.mean;
    row.interval = comparison->paired.interval;
    row.text = comparison->paired.pairs() == 0 ? "no seed in common"
                                               : absl::StrFormat("%+.3f %s", comparison->paired.mean,
                                                                 base::VerdictName(comparison->paired.verdict));
    if (row.interval.has_value()) plot.interval = "mean and 95 % t-interval over seeds";
    for (const SeedDifference& seed : comparison->seeds) {
      row.parts.push_back({absl::StrFormat("%s, seed %d: %+.3f", row.name, seed.seed, seed.difference), seed.difference,
                           seed.evaluation_noise});
      if (seed.evaluation_noise.has_value()) {
        plot.part_interval = "evaluation noise only: 95 % bootstrap interval over test images";
      }
    }
    plot.rows.push_back(std::move(row));
  }
  base::WriteIntervalPlot(plot, html);
}

}  // namespace grouppose
