// Every configuration in this folder resolves, and its resolved text stands for itself.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "experiments/experiment.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

std::vector<std::string> Textprotos() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator("experiments")) {
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
  auto* augmentation = stated.mutable_data()->mutable_augmentation();
  for (int scale = 480; scale <= 800; scale += 32) augmentation->add_scales(scale);
  for (int scale : {400, 500, 600}) augmentation->add_crop_resize_scales(scale);
  EXPECT_EQ(ResolvedText(*published), ResolvedText(stated));
}

}  // namespace
}  // namespace grouppose::experiments
