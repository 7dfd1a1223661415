#include "base/plots.h"

#include <cmath>
#include <limits>

#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace base {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(NiceTicks, CoverTheRangeFromOutside) {
  EXPECT_EQ(NiceTicks(0, 1500, 6), (std::vector<double>{0, 500, 1000, 1500}));
  EXPECT_THAT(NiceTicks(0.02, 0.49, 6),
              ElementsAre(DoubleEq(0), DoubleEq(0.1), DoubleEq(0.2), DoubleEq(0.3), DoubleEq(0.4), DoubleEq(0.5)));
  EXPECT_THAT(NiceTicks(-0.013, 0.021, 4), ElementsAre(DoubleEq(-0.02), DoubleEq(0), DoubleEq(0.02), DoubleEq(0.04)));
  // one value: air to either side
  EXPECT_EQ(NiceTicks(4, 4, 5).front(), 2);
  EXPECT_EQ(NiceTicks(4, 4, 5).back(), 6);
  EXPECT_EQ(NiceTicks(0, 0, 3), (std::vector<double>{-1, 0, 1}));
  EXPECT_THROW(NiceTicks(2, 1, 5), CheckError);
  EXPECT_THROW(NiceTicks(0, kNaN, 5), CheckError);
}

TEST(LogTicks, AreOneTwoAndFiveTimesPowersOfTen) {
  EXPECT_THAT(LogTicks(8, 60), ElementsAre(DoubleEq(10), DoubleEq(20), DoubleEq(50)));
  EXPECT_THAT(LogTicks(0.5, 900), ElementsAre(DoubleEq(1), DoubleEq(10), DoubleEq(100)));
  EXPECT_THROW(LogTicks(0, 1), CheckError);
}

std::string Draw(const LinePlot& plot) {
  std::string text;
  HtmlWriter html(&text);
  WriteLinePlot(plot, &html);
  html.Finish();
  return text;
}

TEST(LinePlot, DrawsLineBandAndMarksWhereTheyBelong) {
  LinePlot plot;
  plot.title = "AP";
  plot.markers = true;
  plot.series.push_back({"group", 2, {0, 100}, {0, 1}, {0, 0.5}, {0, 1}});
  const std::string svg = Draw(plot);
  // the frame is 46 ... 466 wide and 260 ... 26 high
  EXPECT_THAT(svg, HasSubstr("d=\"M46 260L466 26\"")) << svg;
  EXPECT_THAT(svg, HasSubstr("d=\"M46 260L466 26L466 143L46 260z\"")) << "the band, there and back";
  EXPECT_THAT(svg, HasSubstr("<title>group: 1 at 100</title>"));
  EXPECT_THAT(svg, HasSubstr("plot-line plot-2"));
}

TEST(LinePlot, CoversWhatItIsToldToBesidesItsSeries) {
  LinePlot plot;
  plot.x_low = -100;
  plot.y_low = -1;
  plot.y_high = 3;
  plot.series.push_back({"group", 2, {0, 100}, {1, 1}, {}, {}});
  EXPECT_THAT(Draw(plot), HasSubstr("d=\"M256 143L466 143\"")) << "in the middle of both ways";
}

TEST(LinePlot, TicksHaveTheDigitsTheyNeedAndThousandsApart) {
  LinePlot plot;
  plot.series.push_back({"group", 2, {0, 150000}, {-1500, 0.5}, {}, {}});
  for (const char* tick : {">0<", ">50,000<", ">150,000<", ">-1,500<", ">-500<"}) {
    EXPECT_THAT(Draw(plot), HasSubstr(tick));
  }
  plot.series[0].y = {0, 0.05};
  EXPECT_THAT(Draw(plot), HasSubstr(">0.05<"));
  EXPECT_THAT(Draw(plot), HasSubstr(">0.00<")) << "as many as its neighbours";
}

TEST(LinePlot, OnALogarithmicAxisEqualFactorsAreEqualWays) {
  LinePlot plot;
  plot.log_y = true;
  plot.series.push_back({"loss", 0, {0, 1, 2}, {100, 10, 1}, {}, {}});
  // the middle of 260 and 26
  EXPECT_THAT(Draw(plot), HasSubstr("L256 143L"));
}

TEST(LinePlot, LeavesOutWhatIsNoNumber) {
  LinePlot plot;
  plot.series.push_back({"loss", 0, {0, 1, 2}, {0, kNaN, 1}, {}, {}});
  EXPECT_THAT(Draw(plot), HasSubstr("d=\"M46 260L466 26\""));
  plot.series[0].y = {kNaN, kNaN, kNaN};
  EXPECT_THAT(Draw(plot), HasSubstr("nothing to draw"));
}

TEST(LinePlot, NamesCannotBecomeMarkup) {
  LinePlot plot;
  plot.title = plot.x_label = plot.y_label = plot.band = "<i>";
  plot.markers = true;
  plot.series.push_back({"<i>", 1, {0, 1}, {0, 1}, {}, {}});
  EXPECT_THAT(Draw(plot), Not(HasSubstr("<i>")));
}

TEST(LinePlot, RefusesListsOfDifferentLengths) {
  LinePlot plot;
  plot.series.push_back({"loss", 0, {0, 1, 2}, {0, 1}, {}, {}});
  EXPECT_THROW(Draw(plot), CheckError);
}

TEST(IntervalPlot, DrawsIntervalsOnOneScaleWithZeroInIt) {
  IntervalPlot plot;
  plot.title = "difference";
  plot.rows.push_back({"group", "+0.2", 1, 0.2, Interval{0.2, 0.1, 0.4}, {{"seed 0", 0.2, Interval{0.2, 0.15, 0.3}}}});
  plot.rows.push_back({"within", "", 2, 0.1, std::nullopt, {}});
  std::string text;
  HtmlWriter html(&text);
  WriteIntervalPlot(plot, &html);
  html.Finish();
  // 0 ... 0.4 on 14 ... 466: the bar ends at the right edge, and begins a quarter of the way
  EXPECT_THAT(text, HasSubstr("class=\"plot-bar\" x1=\"127\" y1=\"29\" x2=\"466\""));
  EXPECT_THAT(text, HasSubstr("class=\"plot-axis\" x1=\"14\" y1=\"0\" x2=\"14\"")) << "zero";
  EXPECT_THAT(text, HasSubstr("<title>seed 0</title>"));
  EXPECT_THAT(text, HasSubstr("cx=\"240\"")) << "0.2: the middle";
  // on a scale that another plot shares
  text.clear();
  plot.x_low = -0.4;
  WriteIntervalPlot(plot, &html);
  EXPECT_THAT(text, HasSubstr("class=\"plot-bar\" x1=\"296.5\" y1=\"29\" x2=\"466\""));
  EXPECT_THAT(text, HasSubstr("class=\"plot-axis\" x1=\"240\"")) << "zero";
}

}  // namespace
}  // namespace base
