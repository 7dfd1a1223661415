// The model at the size of a tiny experiment: what training relies on.
#include "grouppose/model/group_pose.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "grouppose/attention/scheme.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::RecipeTensor;

GroupPoseOptions TinyOptions(const std::string& scheme) {
  GroupPoseOptions options;
  options.backbone = SmallResNetOptions{};
  options.transformer.hidden_dim = 64;
  options.transformer.num_heads = 4;
  options.transformer.encoder_layers = 1;
  options.transformer.decoder_layers = 2;
  options.transformer.feedforward_dim = 128;
  options.transformer.num_queries = 16;
  options.transformer.attention_scheme = scheme;
  return options;
}

// As the cells of a study run; more threads only get in each other's way at this size.
class OneThread : public ::testing::Environment {
  void SetUp() override { at::set_num_threads(1); }
};
const ::testing::Environment* const kOneThread = ::testing::AddGlobalTestEnvironment(new OneThread);

at::Tensor Images(int64_t batch) { return RecipeTensor("images", {batch, 3, 64, 64}, 1); }

// A loss that every output takes part in.
at::Tensor SomeLoss(const ModelOutputs& outputs) {
  std::vector<PosePrediction> all = outputs.auxiliary;
  all.push_back(outputs.intermediate);
  if (outputs.final.logits.defined()) all.push_back(outputs.final);
  at::Tensor loss = at::zeros({});
  for (const PosePrediction& prediction : all) {
    loss = loss + (prediction.logits * RecipeTensor("logits", prediction.logits.sizes(), 1)).sum() +
           (prediction.keypoints * RecipeTensor("keypoints", prediction.keypoints.sizes(), 1)).sum();
  }
  return loss;
}

class TinyModel : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyModel, EveryTrainedParameterReceivesAGradient) {
  GroupPose model(TinyOptions(GetParam()));
  // not Initialise: heads that start at zero pass no gradient on
  testing::FillByRecipe(model, 3);
  SomeLoss(model.Forward(Images(2), {})).backward();
  // Softmax does not see what is added to every key, so the keys' third of in_proj_bias has no derivative; the other
  // two thirds have.
  for (const nn::NamedTensor& named : model.Parameters()) {
    ASSERT_TRUE(named.tensor.grad().defined()) << named.name;
    EXPECT_TRUE(named.tensor.grad().isfinite().all().item<bool>()) << named.name;
    EXPECT_GT(named.tensor.grad().abs().max().item<float>(), 0) << named.name;
  }
}

TEST_P(TinyModel, StartsWithPosesAtTheProposals) {
  const at::NoGradGuard no_grad;
  GroupPose model(TinyOptions(GetParam()));
  nn::Initialise(model, 1);
  const ModelOutputs outputs = model.Forward(Images(3), {});
  ASSERT_EQ(outputs.auxiliary.size(), 1u);
  EXPECT_EQ(outputs.final.logits.sizes(), (at::IntArrayRef{3, 16, 2}));
  EXPECT_EQ(outputs.final.keypoints.sizes(), (at::IntArrayRef{3, 16, 51}));
  EXPECT_EQ(outputs.intermediate.keypoints.sizes(), (at::IntArrayRef{3, 16, 34}));
  // all heads that move points start at zero
  EXPECT_TRUE(Near(outputs.final.keypoints.narrow(2, 0, 34), outputs.intermediate.keypoints, 1e-5));
  EXPECT_NEAR(outputs.final.keypoints.narrow(2, 34, 17).min().item<float>(), 0.7310586, 1e-6);
  EXPECT_NEAR(outputs.final.keypoints.narrow(2, 34, 17).max().item<float>(), 0.7310586, 1e-6);
}

// "Look forward twice": the last layer's poses teach the pose head of the layer before, through the points they start
// from, and nothing further back: selection and its heads learn from the intermediate poses alone.
TEST_P(TinyModel, FinalPosesTeachTheHeadOfTheLayerBefore) {
  GroupPose model(TinyOptions(GetParam()));
  testing::FillByRecipe(model, 3);
  const at::Tensor keypoints = model.Forward(Images(2), {}).final.keypoints;
  (keypoints * RecipeTensor("keypoints", keypoints.sizes(), 1)).sum().backward();
  for (const nn::NamedTensor& named : model.Parameters()) {
    const bool reached = named.tensor.grad().defined() && named.tensor.grad().abs().max().item<float>() > 0;
    const auto is_below = [&](const char* prefix) { return named.name.rfind(prefix, 0) == 0; };
    if (is_below("pose_embed.") || is_below("backbone.")) {
      EXPECT_TRUE(reached) << named.name;
    } else if (is_below("class_embed.") || is_below("transformer.enc_")) {
      EXPECT_FALSE(reached) << named.name;
    }
  }
}

// An all-false mask takes the same way as no mask, and an image does not see its neighbours in the batch.
TEST_P(TinyModel, ImagesAreIndependent) {
  const at::NoGradGuard no_grad;
  GroupPose model(TinyOptions(GetParam()));
  testing::FillByRecipe(model, 3);
  const ModelOutputs batch = model.Forward(Images(3), {});
  const ModelOutputs masked = model.Forward(Images(3), at::zeros({3, 64, 64}, at::kBool));
  EXPECT_TRUE(masked.final.keypoints.equal(batch.final.keypoints));
  const ModelOutputs alone = model.Forward(Images(3).narrow(0, 1, 1), {});
  EXPECT_TRUE(Near(alone.final.keypoints, batch.final.keypoints.narrow(0, 1, 1), 2e-5));
  EXPECT_TRUE(Near(alone.final.logits, batch.final.logits.narrow(0, 1, 1), 2e-5));
}

// What lies on padding does not matter beyond the backbone's own reach into it.
TEST_P(TinyModel, PaddedMemoryIsNotRead) {
  const at::NoGradGuard no_grad;
  GroupPose model(TinyOptions(GetParam()));
  testing::FillByRecipe(model, 3);
  at::Tensor mask = at::zeros({1, 64, 64}, at::kBool);
  mask.narrow(2, 32, 32).fill_(true);
  std::vector<at::Tensor> levels = model.Project(model.Features(Images(1)));
  const std::vector<at::Tensor> masks = model.LevelMasks(mask, levels);
  ASSERT_EQ(masks.size(), 4u);
  const auto final_pose = [&] {
    const Memory memory = model.transformer().Encode(levels, masks);
    return model.Predict(model.transformer().Decode(memory, model.transformer().Select(memory)), 1).keypoints;
  };
  const at::Tensor expected = final_pose();
  for (size_t i = 0; i < levels.size(); ++i) levels[i] = levels[i] + masks[i].unsqueeze(1) * 100;
  EXPECT_TRUE(Near(final_pose(), expected, 0));
}

// Dropout reaches every station while training and none outside it.
TEST_P(TinyModel, DropsOutWhileTrainingAlone) {
  const at::NoGradGuard no_grad;
  GroupPoseOptions options = TinyOptions(GetParam());
  GroupPose plain(options);
  options.transformer.dropout = 0.3;
  GroupPose dropping(options);
  for (GroupPose* model : {&plain, &dropping}) testing::FillByRecipe(*model, 3);
  const at::Tensor expected = plain.Forward(Images(2), {}).final.keypoints;
  EXPECT_FALSE(dropping.Forward(Images(2), {}).final.keypoints.equal(expected));
  dropping.SetTraining(false);
  EXPECT_TRUE(dropping.Forward(Images(2), {}).final.keypoints.equal(expected));

  // the scheme's block has two places to drop: attention weights and the sub-layer's output
  const auto factory = FindAttentionScheme(GetParam());
  ASSERT_TRUE(factory.ok());
  const auto scheme = (*factory)({64, 4, 0.3});
  testing::FillByRecipe(*scheme, 3);
  const at::Tensor tokens = RecipeTensor("tokens", {2, 5, 4, 64}, 1);
  EXPECT_FALSE(scheme->Forward(tokens).equal(scheme->Forward(tokens)));
  scheme->SetTraining(false);
  EXPECT_TRUE(scheme->Forward(tokens).equal(scheme->Forward(tokens)));
}

INSTANTIATE_TEST_SUITE_P(Schemes, TinyModel, ::testing::Values("FULL", "GROUP"));

TEST(StageOne, PredictsTheIntermediatePosesAlone) {
  GroupPoseOptions options = TinyOptions("GROUP");
  options.transformer.decoder_layers = 0;
  options.transformer.num_queries = 24;
  GroupPose stage_one(options);
  testing::FillByRecipe(stage_one, 3);
  const ModelOutputs outputs = stage_one.Forward(Images(2), {});
  EXPECT_FALSE(outputs.final.logits.defined());
  EXPECT_TRUE(outputs.auxiliary.empty());
  EXPECT_EQ(outputs.intermediate.logits.sizes(), (at::IntArrayRef{2, 24, 2}));
  SomeLoss(outputs).backward();
  // a model with decoder has all of its names, so it can start from it
  std::set<std::string> names;
  for (const nn::NamedTensor& named : GroupPose(TinyOptions("GROUP")).NamedTensors()) names.insert(named.name);
  for (const nn::NamedTensor& named : stage_one.Parameters()) {
    EXPECT_TRUE(named.tensor.grad().defined()) << named.name;
    EXPECT_EQ(names.count(named.name), 1u) << named.name;
  }
}

// One head under the names of all layers, and of the selection: as if every layer had a copy.
TEST(SharedHeads, AreOneTensorUnderEveryName) {
  const at::NoGradGuard no_grad;
  GroupPoseOptions options = TinyOptions("GROUP");
  GroupPose plain(options);
  options.transformer.share_class_heads = options.transformer.share_pose_heads = true;
  options.transformer.share_selection_class_head = true;
  GroupPose sharing(options);
  testing::FillByRecipe(sharing, 3);
  std::map<std::string, at::Tensor> shared;
  for (const nn::NamedTensor& named : sharing.StateDict()) shared[named.name] = named.tensor;
  for (const char* copy : {"class_embed.1", "transformer.decoder.class_embed.0", "transformer.decoder.class_embed.1",
                           "transformer.enc_out_class_embed"}) {
    EXPECT_TRUE(shared.at(std::string(copy) + ".weight").is_same(shared.at("class_embed.0.weight"))) << copy;
  }
  EXPECT_TRUE(shared.at("pose_embed.1.layers.2.bias").is_same(shared.at("pose_embed.0.layers.2.bias")));
  // the same names, so the plain model can hold the same weights
  int64_t names = 0;
  for (const nn::NamedTensor& named : plain.StateDict()) {
    ASSERT_EQ(shared.count(named.name), 1u) << named.name;
    at::Tensor(named.tensor).copy_(shared.at(named.name));
    ++names;
  }
  EXPECT_EQ(names, static_cast<int64_t>(shared.size()));
  EXPECT_LT(sharing.Parameters().size(), plain.Parameters().size());
  const ModelOutputs expected = plain.Forward(Images(2), {}), outputs = sharing.Forward(Images(2), {});
  EXPECT_TRUE(outputs.final.logits.equal(expected.final.logits));
  EXPECT_TRUE(outputs.final.keypoints.equal(expected.final.keypoints));
  EXPECT_TRUE(outputs.intermediate.logits.equal(expected.intermediate.logits));
}

TEST(ClassHeads, CanDoWithoutABias) {
  const at::NoGradGuard no_grad;
  GroupPoseOptions options = TinyOptions("GROUP");
  GroupPose plain(options);
  options.transformer.class_head_bias = false;
  GroupPose without(options);
  for (GroupPose* model : {&plain, &without}) testing::FillByRecipe(*model, 3);
  std::set<std::string> names;
  for (const nn::NamedTensor& named : without.StateDict()) names.insert(named.name);
  for (const nn::NamedTensor& named : plain.StateDict()) {
    const bool is_class_bias =
        named.name.find("class_embed") != std::string::npos && named.name.find(".bias") != std::string::npos;
    EXPECT_EQ(names.count(named.name), is_class_bias ? 0u : 1u) << named.name;
    if (is_class_bias) at::Tensor(named.tensor).fill_(0);
  }
  EXPECT_TRUE(Near(without.Forward(Images(1), {}).final.logits, plain.Forward(Images(1), {}).final.logits, 1e-6));
}

// The tensors that two models share start alike, whatever else the models contain.
TEST(Initialise, SharedNamesShareTheirValues) {
  GroupPose full(TinyOptions("FULL")), group(TinyOptions("GROUP"));
  nn::Initialise(full, 5);
  nn::Initialise(group, 5);
  std::map<std::string, at::Tensor> of_full;
  for (const nn::NamedTensor& named : full.NamedTensors()) of_full[named.name] = named.tensor;
  int64_t shared = 0;
  for (const nn::NamedTensor& named : group.NamedTensors()) {
    const auto found = of_full.find(named.name);
    if (found == of_full.end()) continue;
    EXPECT_TRUE(found->second.equal(named.tensor)) << named.name;
    ++shared;
  }
  EXPECT_GT(shared, 100);
}

TEST(GroupPose, RefusesASchemeThatIsNotLinked) { EXPECT_THROW(GroupPose(TinyOptions("WITHIN")), base::CheckError); }

TEST(GroupPose, RefusesImagesOfAnotherShape) {
  GroupPose model(TinyOptions("FULL"));
  EXPECT_THROW(model.Forward(at::zeros({1, 1, 64, 64}), {}), base::CheckError);
}

}  // namespace
}  // namespace grouppose
