// Every published configuration resolves and builds its model, under the official names and shapes.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "experiments/experiment.h"
#include "grouppose/config/options.h"
#include "grouppose/model/group_pose.h"
#include "grouppose/testing/fixtures.h"
#include "grouppose/testing/official_names.h"

namespace grouppose::config {
namespace {

std::unique_ptr<GroupPose> Build(const std::string& name, const std::vector<std::string>& overrides = {}) {
  const auto experiment = experiments::LoadExperiment("experiments/" + name + ".textproto", overrides);
  EXPECT_TRUE(experiment.ok()) << experiment.status();
  return std::make_unique<GroupPose>(ModelOptions(*experiment));
}

TEST(PublishedModels, HaveTheOfficialNamesAndShapes) {
  SKIP_WITHOUT_TEST_DATA();
  const std::pair<const char*, const char*> models[] = {
      {"grouppose_r50_coco", "names_model_r50_coco_full.json"},
      {"grouppose_swin_t_coco", "names_model_swint_coco_full.json"},
      {"grouppose_r50_crowdpose", "names_model_r50_crowdpose_full.json"},
  };
  for (const auto& [name, file] : models) {
    SCOPED_TRACE(name);
    EXPECT_EQ(testing::OurShapes(*Build(name)), testing::OfficialShapes(file));
  }
}

// There is no official list for Swin-L: what follows from its widths, 192 to 1536, and from CrowdPose's 14 keypoints.
TEST(PublishedModels, WithSwinL) {
  const std::vector<std::vector<int64_t>> projections = {
      {256, 384, 1, 1}, {256, 768, 1, 1}, {256, 1536, 1, 1}, {256, 1536, 3, 3}};
  for (const auto& [name, keypoints] : {std::pair{"grouppose_swin_l_coco", 17}, {"grouppose_swin_l_crowdpose", 14}}) {
    SCOPED_TRACE(name);
    const testing::Shapes shapes = testing::OurShapes(*Build(name));
    for (size_t i = 0; i < projections.size(); ++i) {
      EXPECT_EQ(shapes.at("input_proj." + std::to_string(i) + ".0.weight"), projections[i]);
    }
    // windows of 12 patches, 6 heads: (2 * 12 - 1)^2 relative positions
    EXPECT_EQ(shapes.at("backbone.0.layers.0.blocks.0.attn.relative_position_bias_table"),
              (std::vector<int64_t>{23 * 23, 6}));
    EXPECT_EQ(shapes.at("transformer.keypoint_embedding.weight"), (std::vector<int64_t>{keypoints, 256}));
    EXPECT_EQ(shapes.at("transformer.enc_pose_embed.layers.3.weight"), (std::vector<int64_t>{2 * keypoints, 512}));
    EXPECT_EQ(shapes.count("pose_embed.5.layers.2.weight"), 1u);
  }
}

// What the fields change in the tree.
TEST(PublishedModels, OtherLevelsReachTheProjections) {
  const testing::Shapes all =
      testing::OurShapes(*Build("grouppose_r50_coco", {"model.backbone.output_stages=[0,1,2,3]"}));
  EXPECT_EQ(all.at("input_proj.0.0.weight"), (std::vector<int64_t>{256, 256, 1, 1}));
  EXPECT_EQ(all.at("input_proj.3.0.weight"), (std::vector<int64_t>{256, 2048, 1, 1}));
  const testing::Shapes last = testing::OurShapes(*Build("grouppose_r50_coco", {"model.backbone.output_stages=[3]"}));
  EXPECT_EQ(last.at("input_proj.0.0.weight"), (std::vector<int64_t>{256, 2048, 1, 1}));
  EXPECT_EQ(last.at("input_proj.1.0.weight"), (std::vector<int64_t>{256, 2048, 3, 3}));
  EXPECT_EQ(last.at("input_proj.3.0.weight"), (std::vector<int64_t>{256, 256, 3, 3}));
}

}  // namespace
}  // namespace grouppose::config
