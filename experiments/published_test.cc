#include "experiments/published.h"

#include <filesystem>
#include <set>
#include <string>

#include "experiments/experiment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

TEST(Published, EveryRowIsWholeAndThereOnce) {
  std::set<std::string> names;
  for (const PublishedResult& row : Published().rows()) {
    EXPECT_TRUE(names.insert(PublishedName(row)).second) << PublishedName(row) << " is there twice";
    EXPECT_TRUE(row.has_loss() && row.has_source() && row.images() > 0) << PublishedName(row);
    // what is harder has less
    EXPECT_GT(row.ap50(), row.ap75());
    EXPECT_GT(row.ap75(), row.ap());
    const bool crowd = row.data() == "CrowdPose test";
    EXPECT_EQ(crowd, row.has_ap_easy() && row.has_ap_medium() && row.has_ap_hard());
    EXPECT_EQ(!crowd, row.has_ap_medium_persons() && row.has_ap_large_persons());
    if (crowd) {
      EXPECT_GT(row.ap_easy(), row.ap_medium());
      EXPECT_GT(row.ap_medium(), row.ap_hard());
    } else {
      EXPECT_GT(row.ap_large_persons(), row.ap_medium_persons());
    }
  }
  // the three tables of the official README
  EXPECT_EQ(names.size(), 9 + 8 + 4);
}

TEST(Published, TheTablesOfThePaper) {
  EXPECT_EQ(FindPublished("GroupPose/ResNet-50/COCO val2017")->ap(), 72.0);
  EXPECT_EQ(FindPublished("GroupPose/Swin-L/COCO val2017")->ap_large_persons(), 83.0);
  EXPECT_EQ(FindPublished("GroupPose/Swin-T/COCO test-dev2017")->ap75(), 79.9);
  EXPECT_EQ(FindPublished("GroupPose/Swin-L/CrowdPose test")->ap_hard(), 66.4);
  EXPECT_EQ(FindPublished("ED-Pose/Swin-L/COCO test-dev2017")->ap50(), 92.3);
  EXPECT_EQ(FindPublished("QueryPose/ResNet-50/COCO val2017")->loss(), PublishedResult::BR_RLE);
  EXPECT_EQ(FindPublished("GroupPose/ResNet-50/COCO val2071").status().message(),
            "no row 'GroupPose/ResNet-50/COCO val2071' in published.textproto; did you mean 'GroupPose/ResNet-50/COCO "
            "val2017'?");
}

Experiment Named(const std::string& row) {
  Experiment experiment;
  experiment.set_published(row);
  return experiment;
}

Metrics::Evaluation Evaluated(const std::string& split, int64_t images) {
  Metrics::Evaluation evaluation;
  evaluation.set_split(split);
  evaluation.set_images(images);
  const std::pair<const char*, double> values[] = {{"AP", 0.7141}, {"AP50", 0.894}, {"AP75", 0.8},
                                                   {"APm", 0.66},  {"APl", 0.79},   {"AR", 0.5}};
  for (const auto& [name, value] : values) {
    auto* added = evaluation.add_values();
    added->set_name(name);
    added->set_value(value);
  }
  return evaluation;
}

TEST(ComparePublished, SaysTheDifferenceOnTheWholeSplit) {
  const Experiment experiment = Named("GroupPose/ResNet-50/COCO val2017");
  EXPECT_EQ(ComparePublished(experiment, Evaluated("val", 5000)),
            "GroupPose/ResNet-50/COCO val2017, published -> here: AP 72.0 -> 71.4 (-0.6), AP50 89.4 -> 89.4 (+0.0), "
            "AP75 79.1 -> 80.0 (+0.9), APm 66.8 -> 66.0 (-0.8), APl 79.7 -> 79.0 (-0.7)");
  EXPECT_EQ(ComparePublished(experiment, Evaluated("val", 168)),
            "GroupPose/ResNet-50/COCO val2017: not compared, for 168 of the split's 5000 images were evaluated");
}

TEST(ComparePublished, IsSilentAboutAnythingElse) {
  EXPECT_EQ(ComparePublished(Named(""), Evaluated("val", 5000)), "");
  EXPECT_EQ(ComparePublished(Named("GroupPose/ResNet-50/COCO val2017"), Evaluated("train", 5000)), "");
  EXPECT_EQ(ComparePublished(Named("GroupPose/ResNet-50/COCO test-dev2017"), Evaluated("val", 5000)), "");
  Experiment crowd = Named("GroupPose/ResNet-50/COCO val2017");
  crowd.mutable_data()->set_source(Data::CROWDPOSE);
  EXPECT_EQ(ComparePublished(crowd, Evaluated("test", 8000)), "");
}

// Which row each configuration names, and that it is the one of its backbone and data.
TEST(Configurations, NameTheirRow) {
  const std::map<std::string, std::string> rows = {
      {"grouppose_r50_coco", "GroupPose/ResNet-50/COCO val2017"},
      {"grouppose_swin_t_coco", "GroupPose/Swin-T/COCO val2017"},
      {"grouppose_swin_l_coco", "GroupPose/Swin-L/COCO val2017"},
      {"grouppose_swin_l_crowdpose", "GroupPose/Swin-L/CrowdPose test"},
  };
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("experiments")) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".textproto" || name == "published") continue;
    const auto experiment = LoadExperiment(entry.path().string());
    ASSERT_TRUE(experiment.ok()) << experiment.status();
    const auto row = rows.find(name);
    EXPECT_EQ(experiment->published(), row == rows.end() ? "" : row->second) << name;
    if (row == rows.end()) continue;
    ++found;
    EXPECT_TRUE(FindPublished(row->second).ok()) << name;
    Metrics::Evaluation evaluation;
    evaluation.set_split(experiment->data().evaluation_split());
    EXPECT_THAT(ComparePublished(*experiment, evaluation), ::testing::HasSubstr("not compared"))
        << "the row is not of the split that the experiment evaluates";
  }
  EXPECT_EQ(found, static_cast<int>(rows.size()));
}

}  // namespace
}  // namespace grouppose::experiments
