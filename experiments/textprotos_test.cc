// Every configuration in this folder resolves, and its resolved text stands for itself.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "experiments/differences.h"
#include "experiments/experiment.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

std::vector<std::string> Textprotos() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator("experiments")) {
    // results of papers, no configuration
    if (entry.path().filename() == "published.textproto") continue;
    if (entry.path().extension() == ".textproto") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(Textprotos, AreFound) { EXPECT_GE(Textprotos().size(), 2); }

TEST(Textprotos, ResolveAndParseBack) {
  for (const std::string& path : Textprotos()) {
    SCOPED_TRACE(path);
    const auto experiment = LoadExperiment(path);
    ASSERT_TRUE(experiment.ok()) << experiment.status();
    // reports and studies call a run by its name
    EXPECT_EQ(experiment->name(), std::filesystem::path(path).stem().string());
    EXPECT_FALSE(experiment->description().empty());
    const std::string text = ResolvedText(*experiment);
    const auto again = ParseExperiment(text, "resolved");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(ResolvedText(*again), text);
  }
}

TEST(Textprotos, ThePublishedConfigurationIsTheDefault) {
  const auto published = LoadExperiment("experiments/grouppose_r50_coco.textproto");
  ASSERT_TRUE(published.ok()) << published.status();
  Experiment stated;
  stated.set_name(published->name());
  stated.set_description(published->description());
  stated.set_published(published->published());
  auto* augmentation = stated.mutable_data()->mutable_augmentation();
  for (int scale = 480; scale <= 800; scale += 32) augmentation->add_scales(scale);
  for (int scale : {400, 500, 600}) augmentation->add_crop_resize_scales(scale);
  EXPECT_EQ(ResolvedText(*published), ResolvedText(stated));
}

// A configuration that extends another differs in no more than its page says.
TEST(Textprotos, PublishedConfigurationsDifferAsTheOfficialCommandsDo) {
  const auto paths = [](const std::string& left, const std::string& right) {
    const auto a = LoadExperiment("experiments/" + left + ".textproto"),
               b = LoadExperiment("experiments/" + right + ".textproto");
    EXPECT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    std::vector<std::string> paths;
    for (const Difference& difference : Differences(*a, *b)) paths.push_back(difference.path);
    return paths;
  };
  using ::testing::UnorderedElementsAre;
  EXPECT_THAT(paths("grouppose_r50_coco", "grouppose_swin_t_coco"),
              UnorderedElementsAre("name", "description", "published", "model.backbone.kind"));
  EXPECT_THAT(paths("grouppose_r50_coco", "grouppose_swin_l_coco"),
              UnorderedElementsAre("name", "description", "published", "model.backbone.kind", "training.batch_size",
                                   "evaluation.batch_size"));
  EXPECT_THAT(paths("grouppose_swin_l_coco", "grouppose_swin_l_crowdpose"),
              UnorderedElementsAre("name", "description", "published", "data.source", "data.evaluation_split",
                                   "model.num_body_points", "training.epochs", "training.schedule.drop_epoch"));
}

}  // namespace
}  // namespace grouppose::experiments
