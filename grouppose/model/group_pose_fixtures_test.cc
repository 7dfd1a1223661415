// The whole model against the official one.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grouppose/model/group_pose.h"
#include "grouppose/model/postprocess.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Fixture;
using testing::Near;

// Tests run side by side: two pools of threads that spin for the same cores take ten times as long as one thread.
class OneThread : public ::testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const ::testing::Environment* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

GroupPoseOptions OptionsOf(const std::string& name, const Fixture& fixture) {
  GroupPoseOptions options;
  if (name.find("swint") != std::string::npos) options.backbone = SwinOptions{};
  options.transformer.encoder_layers = static_cast<int64_t>(fixture.Number("config/enc_layers"));
  options.transformer.decoder_layers = static_cast<int64_t>(fixture.Number("config/dec_layers"));
  options.transformer.num_queries = static_cast<int64_t>(fixture.Number("config/num_queries"));
  options.transformer.num_keypoints = static_cast<int64_t>(fixture.Number("config/num_body_points"));
  return options;
}

double Tolerance(const Fixture& fixture, const std::string& tensor) {
  return fixture.HasMeta("tol/" + tensor) ? fixture.Number("tol/" + tensor) : fixture.Number("tol");
}

void ExpectEqualsTensor(const Fixture& fixture, const std::string& name, const at::Tensor& actual) {
  EXPECT_TRUE(Near(actual, fixture.Get(name), Tolerance(fixture, name))) << name;
}

void ExpectPrediction(const Fixture& fixture, const std::string& prefix, const PosePrediction& prediction) {
  ExpectEqualsTensor(fixture, prefix + "pred_logits", prediction.logits);
  ExpectEqualsTensor(fixture, prefix + "pred_keypoints", prediction.keypoints);
}

// Scores sorted as the official ones. Poses whose scores are nearer than the noise may change places, so each official
// pose is looked for among ours of the same label, each of ours answering once.
void ExpectPoses(const Fixture& fixture, const std::string& prefix, const ImagePoses& poses) {
  ExpectEqualsTensor(fixture, prefix + "scores", poses.scores);
  const at::Tensor labels = fixture.Get(prefix + "labels"), keypoints = fixture.Get(prefix + "keypoints");
  const double tolerance = Tolerance(fixture, prefix + "keypoints");
  ASSERT_EQ(poses.keypoints.sizes(), keypoints.sizes());
  std::vector<bool> taken(labels.size(0), false);
  for (int64_t i = 0; i < labels.size(0); ++i) {
    int64_t found = -1;
    for (int64_t j = 0; j < labels.size(0) && found < 0; ++j) {
      if (!taken[j] && poses.labels[j].equal(labels[i]) && Near(poses.keypoints[j], keypoints[i], tolerance)) found = j;
    }
    ASSERT_GE(found, 0) << prefix << " no pose equals the official number " << i;
    taken[found] = true;
  }
}

class ModelFixtures : public ::testing::TestWithParam<const char*> {};

TEST_P(ModelFixtures, OutputsEqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const at::NoGradGuard no_grad;
  const Fixture fixture(GetParam());
  GroupPose model(OptionsOf(GetParam(), fixture));
  model.SetTraining(false);
  testing::FillByRecipe(model, static_cast<uint64_t>(fixture.Number("seed")));
  const at::Tensor mask = fixture.Has("image_mask") ? fixture.Get("image_mask") : at::Tensor();
  const ModelOutputs outputs = model.Forward(fixture.Get("images"), mask);

  ExpectPrediction(fixture, "", outputs.final);
  ExpectPrediction(fixture, "interm.", outputs.intermediate);
  EXPECT_EQ(fixture.Has("aux" + std::to_string(outputs.auxiliary.size()) + ".pred_logits"), false);
  for (size_t i = 0; i < outputs.auxiliary.size(); ++i) {
    ExpectPrediction(fixture, "aux" + std::to_string(i) + ".", outputs.auxiliary[i]);
  }

  if (!fixture.HasMeta("config/num_select")) return;
  const int64_t num_select = static_cast<int64_t>(fixture.Number("config/num_select"));
  const at::Tensor sizes = at::tensor({288, 384, 384, 336}, at::kLong).view({2, 2});
  const std::vector<ImagePoses> poses = PostProcess(outputs.final, sizes, num_select);
  ASSERT_EQ(poses.size(), 2u);
  for (int64_t i = 0; i < 2; ++i) ExpectPoses(fixture, "post" + std::to_string(i) + ".", poses[i]);
}

INSTANTIATE_TEST_SUITE_P(Official, ModelFixtures,
                         ::testing::Values("model_r50_coco_small", "model_r50_coco_small_invalid",
                                           "model_r50_coco_single_odd", "model_r50_coco_full",
                                           "model_r50_crowdpose_small", "model_r50_crowdpose_full",
                                           "model_swint_coco_small", "model_swint_coco_full"));

class ModelStages : public ::testing::TestWithParam<const char*> {};

TEST_P(ModelStages, EqualTheOfficialOnes) {
  SKIP_WITHOUT_TEST_DATA();
  const at::NoGradGuard no_grad;
  const Fixture fixture(GetParam());
  // the stages have no tolerance of their own, so they take that of the outputs
  const double tolerance = fixture.Number("tol/pred_logits");
  GroupPose model(OptionsOf(GetParam(), fixture));
  model.SetTraining(false);
  testing::FillByRecipe(model, static_cast<uint64_t>(fixture.Number("seed")));

  const std::vector<at::Tensor> levels = model.Project(model.Features(fixture.Get("images")));
  ASSERT_EQ(levels.size(), 4u);
  EXPECT_TRUE(Near(levels[0].slice(1, 0, std::nullopt, 16), fixture.Get("src0_sub"), tolerance));
  EXPECT_TRUE(Near(levels[1].slice(1, 0, std::nullopt, 4), fixture.Get("src1_sub"), tolerance));
  EXPECT_TRUE(Near(levels[2], fixture.Get("src2"), tolerance));
  EXPECT_TRUE(Near(levels[3], fixture.Get("src3"), tolerance));

  const std::vector<at::Tensor> masks = model.LevelMasks(fixture.Get("image_mask"), levels);
  ASSERT_EQ(masks.size(), 4u);
  for (int64_t i = 0; i < 4; ++i) EXPECT_TRUE(masks[i].equal(fixture.Get("mask" + std::to_string(i)))) << i;

  const Memory memory = model.transformer().Encode(levels, masks);
  EXPECT_TRUE(Near(memory.tokens.slice(1, 0, std::nullopt, 8), fixture.Get("memory_sub"), tolerance));
  const at::Tensor coarse = memory.geometry->positions.slice(1, 336, 340);
  EXPECT_TRUE(Near(coarse, fixture.Get("pos3").flatten(2).transpose(1, 2), 1e-5));

  const SelectedQueries selected = model.transformer().Select(memory);
  EXPECT_TRUE(selected.indices.equal(fixture.Get("topk")));
  EXPECT_TRUE(Near(model.transformer().selection().ClassLogits(memory.tokens, *memory.geometry),
                   fixture.Get("enc_class"), tolerance));
  const DecoderOutputs decoded = model.transformer().Decode(memory, selected);
  for (int64_t i = 0; i < 2; ++i) {
    const std::string index = std::to_string(i);
    EXPECT_TRUE(
        Near(decoded.tokens[i].slice(1, 0, std::nullopt, 5), fixture.Get("hs_pose" + index + "_sub"), tolerance));
    EXPECT_TRUE(Near(decoded.reference_points[i].flatten(2), fixture.Get("refpoint_pose" + index), tolerance));
  }
  // the last refinement is the final prediction
  const PosePrediction final = model.Predict(decoded, 1);
  EXPECT_TRUE(Near(final.keypoints.narrow(2, 0, 34), fixture.Get("refpoint_pose2").narrow(2, 2, 34), tolerance));
}

INSTANTIATE_TEST_SUITE_P(Official, ModelStages, ::testing::Values("model_r50_coco_small", "model_swint_coco_small"));

}  // namespace
}  // namespace grouppose
