#include "eval/metrics_format.h"

#include <gtest/gtest.h>

#include <limits>

namespace eval {
namespace {

Metrics SmallMetrics() {
  Metrics metrics;
  metrics.names = {"AP", "AR75", "AP_hard", "zero3"};
  metrics.stats = {0.30000000000000004, -1, 0.25, 0};
  metrics.num_thresholds = 2;
  metrics.num_recalls = 2;
  metrics.category_ids = {1, 7};
  metrics.area_labels = {"all"};
  metrics.precision = {1, 0.5, 0.25, 0, 1, 1, 0.5, 0.5};
  metrics.recall = {0.1, 0.2, 0.3, -1};
  metrics.num_images = 3;
  metrics.num_annotations = 4;
  metrics.num_detections = 5;
  metrics.num_positives = 2;
  return metrics;
}

TEST(FormatMetricsTable, OneLineANumber) {
  EXPECT_EQ(FormatMetricsTable(SmallMetrics()),
            "AP           0.3000  average precision, mean over OKS 0.50 to 0.95, all persons\n"
            "AR75        -1.0000  average recall at OKS 0.75, all persons\n"
            "AP_hard      0.2500  average precision, images of a high crowd index\n"
            "zero3        0.0000  always 0 in the official tool\n"
            "3 images, 4 annotations (2 count), 5 detections\n");
}

TEST(FormatMetricsJson, NestsByThresholdCategoryAndArea) {
  EXPECT_EQ(FormatMetricsJson(SmallMetrics(), false),
            R"({"names":["AP","AR75","AP_hard","zero3"],
"stats":[0.30000000000000004,-1,0.25,0],
"area_labels":["all"],
"counts":{"images":3,"gt":4,"dt":5,"npig_all":2},
"recall_TA":[[[0.1],[0.2]],[[0.3],[-1]]],
"precision_mean_TA":[[[0.625],[0.25]],[[0.75],[0.75]]]}
)");
}

TEST(FormatMetricsJson, DetailsOfAnImage) {
  Metrics metrics = SmallMetrics();
  metrics.num_thresholds = 6;
  metrics.precision.assign(6 * 2 * 2, 0.5);
  metrics.recall.assign(6 * 2, 0.5);
  ImageDetails image;
  image.image_id = 9;
  image.category_id = 1;
  image.detection_ids = {2, 1};
  image.scores = {0.5, std::numeric_limits<double>::quiet_NaN()};
  image.annotation_ids = {8, 7, 6};
  image.annotation_ignored = {false, false, true};
  image.matches_50 = {8, 0};
  image.matches_75 = {0, 0};
  image.detection_ignored_50 = {false, true};
  image.oks = {1, 0.5, 0, 0.25, 0, 0};
  metrics.per_image.push_back(image);
  const std::string json = FormatMetricsJson(metrics, true);
  EXPECT_EQ(json.substr(json.find("\"precision_all_k0\"")),
            R"("precision_all_k0":[[0.5,0.5],[0.5,0.5]],
"per_image_all":[
{"image_id":9,"category_id":1,"dtIds":[2,1],"dtScores":[0.5,NaN],"gtIds_sorted":[8,7,6],"gtIgnore":[0,0,1],)"
            R"("dtMatches_T0":[8,0],"dtMatches_T5":[0,0],"dtIgnore_T0":[0,1],)"
            R"("oks_dt_by_gt_file_order":[[1,0.5,0],[0.25,0,0]]}]}
)");
}

TEST(FormatMetricsJson, WithoutCategoriesThereIsNoCurve) {
  Metrics metrics;
  EXPECT_EQ(FormatMetricsJson(metrics, true),
            R"({"names":[],
"stats":[],
"area_labels":[],
"counts":{"images":0,"gt":0,"dt":0,"npig_all":0},
"recall_TA":[],
"precision_mean_TA":[],
"precision_all_k0":null,
"per_image_all":[]}
)");
}

}  // namespace
}  // namespace eval
