#include "base/plots.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/check.h"

namespace base {

// Found by search: six hues whose smallest difference to each other and to the text (CIELAB) is as large as it gets, as
// seen normally and without red, green or blue cones (Machado, Oliveira & Fernandes 2009): 28 in both themes, where two
// orange tones of a usual palette have 4. Contrast to the page is at least 3 (light) and 4.5 (dark).
const char kPlotStyle[] = R"css(
:root {
  --plot-1: #0758d5; --plot-2: #6d1b06; --plot-3: #03a774; --plot-4: #d259b8; --plot-5: #9c9331; --plot-6: #5d197e;
  --plot-grid: #e3e6ea; --plot-axis: #8a929c; --plot-text: #4a525c; --plot-name: #1c2128;
}
@media (prefers-color-scheme: dark) {
  :root {
    --plot-1: #8fb8fc; --plot-2: #a97d57; --plot-3: #4ef99b; --plot-4: #f44e9c; --plot-5: #eacf4a; --plot-6: #ab58fe;
    --plot-grid: #2b313a; --plot-axis: #6c7683; --plot-text: #aab3be; --plot-name: #e4e8ed;
  }
}
.plot { margin: 0; min-width: 0; max-width: 40rem; }
.plot figcaption { font-weight: 600; margin-bottom: .25rem; }
.plot svg { display: block; width: 100%; height: auto; overflow: visible; }
.plot text { font-size: 15px; fill: var(--plot-text); }
.plot .name { fill: var(--plot-name); font-weight: 600; }
.plot-grid { stroke: var(--plot-grid); stroke-width: 1; }
.plot-axis { stroke: var(--plot-axis); stroke-width: 1; }
.plot-line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.plot-band { fill: currentColor; stroke: none; opacity: .15; }
.plot-mark { fill: currentColor; stroke: none; }
.plot-bar { stroke: currentColor; stroke-width: 4; stroke-linecap: round; opacity: .55; }
.plot-thin { stroke: currentColor; stroke-width: 1; opacity: .75; }
.plot-0 { color: inherit; }
.plot-1 { color: var(--plot-1); } .plot-2 { color: var(--plot-2); } .plot-3 { color: var(--plot-3); }
.plot-4 { color: var(--plot-4); } .plot-5 { color: var(--plot-5); } .plot-6 { color: var(--plot-6); }
.plot-legend { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; margin: .35rem 0 0; padding: 0; list-style: none;
  font-size: .85rem; }
.plot-legend li { display: flex; align-items: center; gap: .4rem; min-width: 0; overflow-wrap: anywhere; }
.plot-legend .plot-key { width: 34px; height: 14px; flex: none; }
@media (min-width: 40rem) { .plot text { font-size: 12px; } }
)css";

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One a style: solid, then patterns that differ in rhythm.
constexpr const char* kDashes[kPlotStyles] = {"none", "none", "7 3", "2 3", "9 3 2 3", "4 2", "12 4"};

// The drawing's own units: a viewBox of this width is scaled to the page.
constexpr double kWidth = 480;

std::string Text(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), format, value);
  return buffer;
}

// Coordinates: a tenth of a unit is less than a pixel.
std::string Coordinate(double value) {
  std::string text = Text("%.1f", value);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string Point(double x, double y) { return Coordinate(x) + " " + Coordinate(y); }

// A number at an axis whose ticks are `step` apart: 1,500 and 0.25, with the digits that tell ticks apart.
std::string TickText(double value, double step) {
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%.*f", decimals, value == 0 ? 0.0 : value);
  std::string text = buffer;
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t i = point; i > 3 + (text[0] == '-' ? 1u : 0u); i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string StyleClass(const char* what, int style) {
  GROUPPOSE_CHECK(style >= 0 && style < kPlotStyles, "style ", style);
  return std::string(what) + " plot-" + std::to_string(style);
}

// The marker of a style around (x, y), about 7 units wide.
std::string MarkerPath(int style, double x, double y) {
  constexpr double r = 3.4;
  const auto at = [&](double dx, double dy) { return Point(x + dx, y + dy); };
  switch (style) {
    case 1:  // disc
      return "M" + at(-r, 0) + "a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0z";
    case 2:  // square
      return "M" + at(-3, -3) + "h6v6h-6z";
    case 3:  // triangle
      return "M" + at(0, -4) + "L" + at(3.8, 3) + "L" + at(-3.8, 3) + "z";
    case 4:  // diamond
      return "M" + at(0, -4.4) + "L" + at(4, 0) + "L" + at(0, 4.4) + "L" + at(-4, 0) + "z";
    case 5:  // triangle upside down
      return "M" + at(0, 4) + "L" + at(3.8, -3) + "L" + at(-3.8, -3) + "z";
    case 6:  // plus
      return "M" + at(-1.3, -4) + "h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7v-2.6h2.7z";
    default:  // ring
      return "M" + at(-r, 0) + "a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0zM" + at(-1.6, 0) +
             "a1.6 1.6 0 1 1 3.2 0a1.6 1.6 0 1 1 -3.2 0z";
  }
}

struct Range {
  double low = kInfinity, high = -kInfinity;
  void Include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// A value's place between two ends of the drawing.
struct Axis {
  double low = 0, high = 1, begin = 0, end = 1;
  bool log = false;
  std::vector<double> ticks;

  double operator()(double value) const {
    const double share = log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return begin + share * (end - begin);
  }
  std::string TextOf(double tick) const {
    if (log) return Text("%.6g", tick);
    return TickText(tick, ticks.size() > 1 ? ticks[1] - ticks[0] : 1);
  }
};

Axis LinearAxis(Range range, double begin, double end, int count) {
  if (range.empty()) range = {0, 1};
  Axis axis;
  axis.ticks = NiceTicks(range.low, range.high, count);
  axis.low = axis.ticks.front();
  axis.high = axis.ticks.back();
  axis.begin = begin;
  axis.end = end;
  return axis;
}

Axis LogAxis(Range range, double begin, double end) {
  if (range.empty()) range = {1, 10};
  Axis axis;
  axis.log = true;
  // a fortieth of the way of air to either side
  const double air = range.high > range.low ? std::pow(range.high / range.low, 0.025) : 1.1;
  axis.low = range.low / air;
  axis.high = range.high * air;
  axis.ticks = LogTicks(axis.low, axis.high);
  axis.begin = begin;
  axis.end = end;
  return axis;
}

void Line(HtmlWriter* html, const char* css_class, double x1, double y1, double x2, double y2) {
  html->Empty("line", {{"class", css_class},
                       {"x1", Coordinate(x1)},
                       {"y1", Coordinate(y1)},
                       {"x2", Coordinate(x2)},
                       {"y2", Coordinate(y2)}});
}

void Label(HtmlWriter* html, double x, double y, const char* anchor, const std::string& text) {
  html->Element("text", {{"x", Coordinate(x)}, {"y", Coordinate(y)}, {"text-anchor", anchor}}, text);
}

void BeginFigure(HtmlWriter* html, const std::string& title, double height) {
  html->Begin("figure", {{"class", "plot"}}).Element("figcaption", {}, title);
  html->Begin(
      "svg",
      {{"viewBox", "0 0 " + Coordinate(kWidth) + " " + Coordinate(height)}, {"role", "img"}, {"aria-label", title}});
  html->NewLine();
}

// The x axis under a drawing that ends at `bottom`.
void DrawXAxis(HtmlWriter* html, const Axis& x, double top, double bottom, const std::string& label) {
  for (const double tick : x.ticks) {
    Line(html, "plot-grid", x(tick), top, x(tick), bottom);
    Label(html, x(tick), bottom + 16, "middle", x.TextOf(tick));
  }
  Line(html, "plot-axis", x.begin, bottom, x.end, bottom);
  Label(html, (x.begin + x.end) / 2, bottom + 33, "middle", label);
  html->NewLine();
}

void DrawYAxis(HtmlWriter* html, const Axis& y, double left, double right, const std::string& label) {
  for (const double tick : y.ticks) {
    Line(html, "plot-grid", left, y(tick), right, y(tick));
    Label(html, left - 6, y(tick) + 4, "end", y.TextOf(tick));
  }
  Label(html, 0, 12, "start", label);
  html->NewLine();
}

bool Drawable(const LinePlot& plot, double value) { return std::isfinite(value) && (!plot.log_y || value > 0); }

// The area between low and high.
std::string BandPath(const LinePlot& plot, const PlotSeries& series, const Axis& x, const Axis& y) {
  std::string there, back;
  for (size_t i = 0; i < series.low.size(); ++i) {
    if (!Drawable(plot, series.low[i]) || !Drawable(plot, series.high[i])) continue;
    there += (there.empty() ? "M" : "L") + Point(x(series.x[i]), y(series.high[i]));
    back = "L" + Point(x(series.x[i]), y(series.low[i])) + back;
  }
  return there.empty() ? "" : there + back + "z";
}

void DrawSeries(const LinePlot& plot, const PlotSeries& series, const Axis& x, const Axis& y, HtmlWriter* html) {
  std::string line;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (Drawable(plot, series.y[i])) line += (line.empty() ? "M" : "L") + Point(x(series.x[i]), y(series.y[i]));
  }
  html->Empty(
      "path",
      {{"class", StyleClass("plot-line", series.style)}, {"stroke-dasharray", kDashes[series.style]}, {"d", line}});
  if (plot.markers) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (!Drawable(plot, series.y[i])) continue;
      html->Begin("path", {{"class", StyleClass("plot-mark", series.style)},
                           {"fill-rule", "evenodd"},
                           {"d", MarkerPath(series.style, x(series.x[i]), y(series.y[i]))}});
      html->Element("title", {}, series.name + ": " + Text("%.4g", series.y[i]) + " at " + Text("%.6g", series.x[i]));
      html->End();
    }
  }
  html->NewLine();
}

// A small drawing of how something is drawn, then its name.
void LegendItem(HtmlWriter* html, const std::string& style_class, const std::string& name,
                const std::vector<std::pair<std::string, std::string>>& paths) {
  html->Begin("li", {{"class", style_class}});
  html->Begin("svg", {{"class", "plot-key"}, {"viewBox", "0 0 34 14"}, {"aria-hidden", "true"}});
  for (const auto& [css_class, path] : paths) {
    html->Empty("path", {{"class", css_class}, {"fill-rule", "evenodd"}, {"d", path}});
  }
  html->End().Element("span", {{"class", "plot-0"}}, name).End();
}

void LineLegend(const LinePlot& plot, HtmlWriter* html) {
  html->Begin("ul", {{"class", "plot-legend"}});
  for (const PlotSeries& series : plot.series) {
    html->Begin("li").Begin(
        "svg", {{"class", StyleClass("plot-key", series.style)}, {"viewBox", "0 0 34 14"}, {"aria-hidden", "true"}});
    html->Empty("path", {{"class", "plot-line"}, {"stroke-dasharray", kDashes[series.style]}, {"d", "M0 7H34"}});
    if (plot.markers) {
      html->Empty("path", {{"class", "plot-mark"}, {"fill-rule", "evenodd"}, {"d", MarkerPath(series.style, 17, 7)}});
    }
    html->End().Element("span", {}, series.name).End();
  }
  if (!plot.band.empty()) LegendItem(html, "", plot.band, {{"plot-band", "M0 2H34V12H0z"}});
  html->End();
}

Range YRange(const LinePlot& plot) {
  Range range;
  for (const PlotSeries& series : plot.series) {
    for (const std::vector<double>* values : {&series.y, &series.low, &series.high}) {
      for (const double value : *values) {
        if (Drawable(plot, value)) range.Include(value);
      }
    }
  }
  if (plot.y_low.has_value()) range.Include(*plot.y_low);
  if (plot.y_high.has_value()) range.Include(*plot.y_high);
  return range;
}

}  // namespace

std::vector<double> NiceTicks(double low, double high, int count) {
  GROUPPOSE_CHECK(std::isfinite(low) && std::isfinite(high) && low <= high && count >= 2, low, " to ", high, ", ",
                  count);
  if (low == high) {
    const double air = low == 0 ? 1 : std::abs(low) / 2;
    low -= air;
    high += air;
  }
  const double raw = (high - low) / (count - 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * 10;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (power * factor >= raw * (1 - 1e-9)) step = power * factor;
  }
  std::vector<double> ticks;
  // whole multiples of the step: adding it up would not end at round numbers
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::vector<double> LogTicks(double low, double high) {
  GROUPPOSE_CHECK(low > 0 && std::isfinite(high) && low < high, low, " to ", high);
  std::vector<double> ticks;
  // more than two decades: the powers of ten say enough
  const bool all = high / low <= 100;
  for (int power = static_cast<int>(std::floor(std::log10(low))); std::pow(10, power) <= high; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      if ((all || factor == 1) && tick >= low && tick <= high) ticks.push_back(tick);
    }
  }
  return ticks;
}

void WriteLinePlot(const LinePlot& plot, HtmlWriter* html) {
  constexpr double kHeight = 300, kLeft = 46, kTop = 26, kBottom = kHeight - 40;
  Range x_range;
  for (const PlotSeries& series : plot.series) {
    GROUPPOSE_CHECK(series.x.size() == series.y.size() && series.low.size() == series.high.size() &&
                        (series.low.empty() || series.low.size() == series.x.size()),
                    "series ", series.name, " has lists of different lengths");
    for (const double value : series.x) x_range.Include(value);
  }
  if (plot.x_low.has_value()) x_range.Include(*plot.x_low);
  const Range y_range = YRange(plot);
  BeginFigure(html, plot.title, kHeight);
  if (y_range.empty()) {
    Label(html, kWidth / 2, kHeight / 2, "middle", "nothing to draw");
    html->End().End();
    return;
  }
  const Axis x = LinearAxis(x_range, kLeft, kWidth - 14, 6);
  const Axis y = plot.log_y ? LogAxis(y_range, kBottom, kTop) : LinearAxis(y_range, kBottom, kTop, 6);
  DrawYAxis(html, y, kLeft, kWidth - 14, plot.y_label);
  DrawXAxis(html, x, kTop, kBottom, plot.x_label);
  for (const PlotSeries& series : plot.series) {
    const std::string band = BandPath(plot, series, x, y);
    if (!band.empty()) html->Empty("path", {{"class", StyleClass("plot-band", series.style)}, {"d", band}});
  }
  for (const PlotSeries& series : plot.series) DrawSeries(plot, series, x, y, html);
  html->End();
  LineLegend(plot, html);
  html->End().NewLine();
}

namespace {

// How much of the drawing's height a row of an interval plot takes: its name, its interval, its parts.
constexpr double kNameHeight = 17, kIntervalHeight = 16, kPartHeight = 9, kRowGap = 12;

double HeightOf(const IntervalRow& row) {
  return kNameHeight + kIntervalHeight + kPartHeight * static_cast<double>(row.parts.size()) + kRowGap;
}

void DrawIntervalRow(const IntervalRow& row, const Axis& x, double top, HtmlWriter* html) {
  html->Begin("g", {{"class", StyleClass("", row.style).substr(1)}});
  html->Element("text", {{"class", "name"}, {"x", "0"}, {"y", Coordinate(top + 12)}}, row.name);
  html->Element("text", {{"x", Coordinate(kWidth)}, {"y", Coordinate(top + 12)}, {"text-anchor", "end"}}, row.text);
  double y = top + kNameHeight + kIntervalHeight / 2;
  if (std::isfinite(row.estimate)) {
    if (row.interval.has_value()) Line(html, "plot-bar", x(row.interval->low), y, x(row.interval->high), y);
    html->Empty("path", {{"class", "plot-mark"}, {"d", MarkerPath(4, x(row.estimate), y)}});
  }
  y += kIntervalHeight / 2;
  for (const IntervalRow::Part& part : row.parts) {
    y += kPartHeight / 2;
    html->Begin("g").Element("title", {}, part.name);
    if (part.interval.has_value()) Line(html, "plot-thin", x(part.interval->low), y, x(part.interval->high), y);
    html->Empty("circle",
                {{"class", "plot-mark"}, {"cx", Coordinate(x(part.estimate))}, {"cy", Coordinate(y)}, {"r", "2.2"}});
    html->End();
    y += kPartHeight / 2;
  }
  html->End().NewLine();
}

}  // namespace

void WriteIntervalPlot(const IntervalPlot& plot, HtmlWriter* html) {
  constexpr double kSide = 14;
  Range range;
  range.Include(0);
  range.Include(plot.x_low);
  range.Include(plot.x_high);
  double bottom = 4;
  for (const IntervalRow& row : plot.rows) {
    range.Include(row.estimate);
    if (row.interval.has_value()) range.Include(row.interval->low);
    if (row.interval.has_value()) range.Include(row.interval->high);
    for (const IntervalRow::Part& part : row.parts) {
      range.Include(part.estimate);
      if (part.interval.has_value()) range.Include(part.interval->low);
      if (part.interval.has_value()) range.Include(part.interval->high);
    }
    bottom += HeightOf(row);
  }
  BeginFigure(html, plot.title, bottom + 40);
  const Axis x = LinearAxis(range, kSide, kWidth - kSide, 6);
  DrawXAxis(html, x, 0, bottom, plot.x_label);
  Line(html, "plot-axis", x(0), 0, x(0), bottom);
  double top = 4;
  for (const IntervalRow& row : plot.rows) {
    DrawIntervalRow(row, x, top, html);
    top += HeightOf(row);
  }
  html->End();
  html->Begin("ul", {{"class", "plot-legend"}});
  if (!plot.interval.empty()) {
    LegendItem(html, "", plot.interval, {{"plot-bar", "M4 7H30"}, {"plot-mark", MarkerPath(4, 17, 7)}});
  }
  if (!plot.part.empty()) {
    LegendItem(html, "", plot.part, {{"plot-mark", "M14.8 7a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0z"}});
  }
  if (!plot.part_interval.empty()) LegendItem(html, "", plot.part_interval, {{"plot-thin", "M4 7H30"}});
  html->End().End().NewLine();
}

}  // namespace base
