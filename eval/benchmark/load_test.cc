#include "eval/benchmark/load.h"

#include <gtest/gtest.h>

#include "eval/annotations.h"
#include "eval/detection_table_reader.h"
#include "eval/evaluator.h"

namespace eval {
namespace {

LoadOptions Small() {
  LoadOptions options;
  options.num_images = 40;
  options.num_persons = 55;
  options.num_unlabelled = 33;
  options.num_detections = 1003;
  return options;
}

TEST(MakeLoad, HasWhatWasAskedForAndADetectorsNumbers) {
  const Load load = MakeLoad(Small());
  const auto dataset = ParseDataset(load.annotations, "gt.json", {17});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  TableReadOptions options;
  options.num_keypoints = 17;
  const auto table = ParseDetectionTable(load.detections, "dt.json", options);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->stride, 2);  // nothing in it needs the careful reader
  const auto metrics = EvaluateTable(*dataset, *table);
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(metrics->num_images, 40);
  EXPECT_EQ(metrics->num_annotations, 88);
  EXPECT_EQ(metrics->num_positives, 55);
  EXPECT_EQ(metrics->num_detections, 1003);
  // neither blind nor perfect
  EXPECT_GT(metrics->Stat("AP"), 0.2);
  EXPECT_LT(metrics->Stat("AP"), 0.9);
}

TEST(MakeLoad, TheSeedDecides) {
  LoadOptions options = Small();
  const Load load = MakeLoad(options);
  EXPECT_EQ(MakeLoad(options).detections, load.detections);
  EXPECT_EQ(MakeLoad(options).annotations, load.annotations);
  options.seed = 2;
  EXPECT_NE(MakeLoad(options).detections, load.detections);
}

}  // namespace
}  // namespace eval
