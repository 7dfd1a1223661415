#include "ablations/report_study.h"

#include "ablations/report_fixture.h"

namespace grouppose {
namespace {

using StudyTest = ReportFixture;

TEST_F(StudyTest, CpuSecondsOfARowAreOfOneTraining) {
  AddCell("two", 0, 0.4);
  AddCell("two", 1, 0.4, [](CellFiles* files) { files->times.set_cpu_seconds(10); });
  EXPECT_EQ(MustRead("two").baseline().CpuSeconds(), 8.5);
}

TEST_F(StudyTest, ACurveIsOfTheImagesOfTheResult) {
  AddCell("two", 0, 0.4, [](CellFiles* files) { files->metrics.mutable_evaluations(0)->set_split("tuning"); });
  AddCell("two", 1, 0.4);
  const Study study = MustRead("two");
  EXPECT_EQ(study.cells[0]->ApCurve().size(), 1u);
  ASSERT_EQ(study.cells[1]->ApCurve().size(), 2u);
  EXPECT_EQ(study.cells[1]->ApCurve()[0].step, 10);
}

TEST(BandOf, IsOfTheStepsThatAllCurvesHave) {
  const CurveBand band = BandOf({{{0, 1}, {10, 2}, {20, 3}}, {{0, 3}, {20, 6}}});
  EXPECT_EQ(band.steps, (std::vector<double>{0, 20}));
  EXPECT_EQ(band.mean, (std::vector<double>{2, 4.5}));
  EXPECT_EQ(band.low, (std::vector<double>{1, 3}));
  EXPECT_EQ(band.high, (std::vector<double>{3, 6}));
  EXPECT_TRUE(BandOf({}).steps.empty());
}

}  // namespace
}  // namespace grouppose
