// Plots as inline SVG: lines with bands, and intervals around zero. They take the page's colours, light and dark.
//
//   base::LinePlot plot;
//   plot.title = "AP on the test images";
//   plot.x_label = "training steps";
//   plot.series.push_back({"group", 1, steps, mean, lowest, highest});
//   base::WriteLinePlot(plot, &html);      // <figure> with the drawing and its legend
//
// A page that shows them has kPlotStyle in its style sheet. Colours are told apart by people who see no difference
// between red and green, and every colour comes with a dash pattern and a marker of its own.
#ifndef BASE_PLOTS_H_
#define BASE_PLOTS_H_

#include <optional>
#include <string>
#include <vector>

#include "base/html.h"
#include "base/statistics.h"

namespace base {

// Styles that can be told apart in one plot: 0 is the text's own colour (what others are compared with), then colours.
inline constexpr int kPlotStyles = 7;

struct PlotSeries {
  std::string name;
  int style = 0;  // 0 ... kPlotStyles - 1
  std::vector<double> x, y;
  std::vector<double> low, high;  // of the band; as long as y, or empty
};

struct LinePlot {
  std::string title;
  std::string x_label, y_label;  // with units
  std::string band;              // what the band is, for the legend; "" without one
  std::vector<PlotSeries> series;
  bool markers = false;  // a mark at every point
  bool log_y = false;    // all y > 0
  // Shared by plots that are read beside each other; where absent, what the series need.
  std::optional<double> y_low, y_high;
  std::optional<double> x_low;  // covered besides what the series need
};

// Values that are not finite are left out. Nothing to draw: a frame that says so.
void WriteLinePlot(const LinePlot& plot, HtmlWriter* html);

struct IntervalRow {
  std::string name;
  std::string text;  // at the right end of the name's line
  int style = 0;
  double estimate = 0;
  std::optional<Interval> interval;
  // Drawn thin, below: what the estimate is the mean of, each with an interval of its own.
  struct Part {
    std::string name;
    double estimate = 0;
    std::optional<Interval> interval;
  };
  std::vector<Part> parts;
};

struct IntervalPlot {
  std::string title, x_label;
  std::string interval, part, part_interval;  // what they are, for the legend; "" for what is not there
  double x_low = 0, x_high = 0;               // covered besides zero and what the rows need
  std::vector<IntervalRow> rows;
};

void WriteIntervalPlot(const IntervalPlot& plot, HtmlWriter* html);

// Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high] from outside, about `count` of them.
std::vector<double> NiceTicks(double low, double high, int count);

// 1, 2 and 5 times powers of ten within [low, high] > 0; fewer where those are many.
std::vector<double> LogTicks(double low, double high);

extern const char kPlotStyle[];

}  // namespace base

#endif  // BASE_PLOTS_H_
