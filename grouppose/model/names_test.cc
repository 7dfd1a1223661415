// The parameters of the published models: their official names, shapes and number.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "grouppose/model/group_pose.h"
#include "grouppose/testing/fixtures.h"
#include "grouppose/testing/official_names.h"

namespace grouppose {
namespace {

using testing::OfficialShapes;
using testing::OurShapes;

GroupPoseOptions Options(int64_t encoder_layers, int64_t decoder_layers, int64_t num_keypoints) {
  GroupPoseOptions options;
  options.transformer.encoder_layers = encoder_layers;
  options.transformer.decoder_layers = decoder_layers;
  options.transformer.num_keypoints = num_keypoints;
  return options;
}

TEST(OfficialNames, AreTheNamesOfTheStateDict) {
  SKIP_WITHOUT_TEST_DATA();
  for (const int64_t keypoints : {17, 14}) {
    const std::string dataset = keypoints == 17 ? "coco" : "crowdpose";
    EXPECT_EQ(OurShapes(GroupPose(Options(1, 2, keypoints))),
              OfficialShapes("names_model_r50_" + dataset + "_small.json"));
    EXPECT_EQ(OurShapes(GroupPose(Options(6, 6, keypoints))),
              OfficialShapes("names_model_r50_" + dataset + "_full.json"));
  }
}

TEST(OfficialNames, AreThoseOfASwinWithItsTables) {
  SKIP_WITHOUT_TEST_DATA();
  for (const char* size : {"small", "full"}) {
    const bool small = std::string(size) == "small";
    GroupPoseOptions options = Options(small ? 1 : 6, small ? 2 : 6, 17);
    options.backbone = SwinOptions{};
    EXPECT_EQ(OurShapes(GroupPose(options)), OfficialShapes(std::string("names_model_swint_coco_") + size + ".json"));
  }
}

TEST(PublishedModel, WithSwinTHasTheOfficialNumberOfParameters) {
  GroupPoseOptions options;
  options.backbone = SwinOptions{};
  int64_t all = 0;
  for (const nn::NamedTensor& named : GroupPose(options).Parameters()) all += named.tensor.numel();
  EXPECT_EQ(all, 49861430);
}

TEST(PublishedModel, HasTheOfficialNumberOfParameters) {
  int64_t all = 0, trained = 0;
  for (const nn::NamedTensor& named : GroupPose(GroupPoseOptions{}).Parameters()) {
    all += named.tensor.numel();
    if (named.tensor.requires_grad()) trained += named.tensor.numel();
  }
  EXPECT_EQ(all, 49318396);
  EXPECT_EQ(trained, 49095996);
}

TEST(SharedHeads, CountUnderTheirShortName) {
  for (const nn::NamedTensor& named : GroupPose(Options(1, 2, 17)).NamedTensors()) {
    EXPECT_EQ(named.name.find("decoder.class_embed"), std::string::npos) << named.name;
    EXPECT_EQ(named.name.find("decoder.pose_embed"), std::string::npos) << named.name;
  }
}

}  // namespace
}  // namespace grouppose
