#include "grouppose/transformer/transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "grouppose/nn/position_encoding.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::RecipeTensor;

// A transformer with heads of its own, its tensors named as below "transformer." in the official tree.
struct WithHeads {
  explicit WithHeads(const TransformerOptions& options) {
    nn::MlpOptions pose;
    pose.in = pose.hidden = options.hidden_dim;
    pose.out = 2;
    pose.num_layers = 3;
    for (int64_t i = 0; i < options.decoder_layers; ++i) {
      class_heads.Append(std::make_unique<nn::Linear>(options.hidden_dim, options.num_classes));
      pose_heads.Append(std::make_unique<nn::Mlp>(pose));
    }
    transformer = std::make_unique<Transformer>(options, &class_heads, &pose_heads);
  }

  ClassHeads class_heads;
  PoseHeads pose_heads;
  std::unique_ptr<Transformer> transformer;
};

TEST(Transformer, EqualsTheOfficialOneStageByStage) {
  SKIP_WITHOUT_TEST_DATA();
  const at::NoGradGuard no_grad;
  const testing::Fixture fixture("mod_transformer_K17");
  const double tolerance = fixture.Number("tol");
  TransformerOptions options;
  options.encoder_layers = 1;
  options.decoder_layers = 2;
  options.num_queries = 12;
  WithHeads model(options);
  const uint64_t seed = static_cast<uint64_t>(fixture.Number("seed"));
  testing::FillByRecipe(*model.transformer, seed, "transformer.");
  // of the heads' two official names the short one counts
  testing::FillByRecipe(model.pose_heads, seed, "pose_embed.");

  std::vector<at::Tensor> levels, masks;
  for (int64_t level = 0; level < 4; ++level) {
    masks.push_back(fixture.Get("mask" + std::to_string(level)));
    const int64_t size = masks.back().size(1);
    levels.push_back(RecipeTensor("src" + std::to_string(level), {2, 256, size, size}, 100, 0, 1.5));
  }
  const Memory memory = model.transformer->Encode(levels, masks);
  EXPECT_TRUE(Near(memory.tokens.slice(1, 0, std::nullopt, 4), fixture.Get("memory"), tolerance));
  const QuerySelection& selection = model.transformer->selection();
  EXPECT_TRUE(Near(selection.ClassLogits(memory.tokens, *memory.geometry), fixture.Get("enc_class"), tolerance));

  const SelectedQueries selected = model.transformer->Select(memory);
  EXPECT_TRUE(selected.indices.equal(fixture.Get("topk")));
  EXPECT_TRUE(Near(selected.pose.flatten(2), fixture.Get("mix_refpoint"), tolerance));
  EXPECT_TRUE(Near(selected.memory, fixture.Get("mix_embedding"), tolerance));
  EXPECT_TRUE(Near(model.transformer->QueryTokens(selected), fixture.Get("tgt"), tolerance));
  EXPECT_TRUE(Near(WithCentre(selected.pose).flatten(2).transpose(0, 1), fixture.Get("refpoints_sigmoid"), tolerance));

  const DecoderOutputs decoded = model.transformer->Decode(memory, selected);
  ASSERT_EQ(decoded.tokens.size(), 2u);
  ASSERT_EQ(decoded.reference_points.size(), 2u);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(Near(decoded.tokens[i], fixture.Get("hs_pose" + std::to_string(i)), tolerance)) << i;
    EXPECT_TRUE(
        Near(decoded.reference_points[i].flatten(2), fixture.Get("refpoint_pose" + std::to_string(i)), tolerance))
        << i;
  }
}

TransformerOptions TinyOptions() {
  TransformerOptions options;
  options.hidden_dim = 16;
  options.num_heads = 2;
  options.num_levels = 2;
  options.encoder_layers = 1;
  options.decoder_layers = 2;
  options.feedforward_dim = 24;
  options.num_queries = 3;
  options.num_keypoints = 4;
  return options;
}

std::vector<at::Tensor> TinyLevels(int64_t hidden) {
  return {RecipeTensor("fine", {2, hidden, 5, 4}, 1), RecipeTensor("coarse", {2, hidden, 3, 2}, 1)};
}

TEST(Transformer, InstanceTokensCanCarryTheSelectedMemory) {
  const at::NoGradGuard no_grad;
  TransformerOptions options = TinyOptions();
  WithHeads plain(options);
  options.instance_query = InstanceQuery::kEmbeddingPlusMemory;
  WithHeads control(options);
  for (WithHeads* model : {&plain, &control}) testing::FillByRecipe(*model->transformer, 2, "transformer.");

  const Memory memory = plain.transformer->Encode(TinyLevels(16), {});
  const SelectedQueries selected = plain.transformer->Select(memory);
  const at::Tensor tokens = plain.transformer->QueryTokens(selected);
  const at::Tensor control_tokens = control.transformer->QueryTokens(selected);
  // keypoint tokens are the same; the instance tokens differ by the memory of their instance
  EXPECT_TRUE(Near(KeypointTokens(control_tokens), KeypointTokens(tokens), 0));
  EXPECT_TRUE(Near(tokens[0][0][0], tokens[1][2][0], 0));
  EXPECT_TRUE(Near(control_tokens.select(2, 0), tokens.select(2, 0) + selected.memory, 1e-6));
}

TEST(Transformer, TheTemperatureReachesThePositions) {
  const at::NoGradGuard no_grad;
  TransformerOptions options = TinyOptions();
  options.position_temperature = {7, 9};
  WithHeads model(options);
  testing::FillByRecipe(*model.transformer, 2, "transformer.");
  const at::Tensor masks[] = {at::zeros({2, 5, 4}, at::kBool), at::zeros({2, 3, 2}, at::kBool)};
  const at::Tensor expected = at::cat({nn::PixelPositionEncoding(masks[0].narrow(0, 0, 1), 16, {7, 9}),
                                       nn::PixelPositionEncoding(masks[1].narrow(0, 0, 1), 16, {7, 9})},
                                      1);
  // with and without masks
  EXPECT_TRUE(model.transformer->Encode(TinyLevels(16), {}).geometry->positions.equal(expected));
  const Memory masked = model.transformer->Encode(TinyLevels(16), {masks[0], masks[1]});
  EXPECT_TRUE(masked.geometry->positions.equal(expected.expand({2, -1, -1})));
}

TEST(Transformer, StageOneAloneHasNoDecoderParameters) {
  TransformerOptions options = TinyOptions();
  options.decoder_layers = 0;
  Transformer transformer(options, nullptr, nullptr);
  for (const nn::NamedTensor& named : transformer.StateDict()) {
    EXPECT_EQ(named.name.rfind("decoder.", 0), std::string::npos) << named.name;
    EXPECT_EQ(named.name.find("_embedding."), std::string::npos) << named.name;
  }
  testing::FillByRecipe(transformer, 2, "transformer.");
  const SelectedQueries selected = transformer.Select(transformer.Encode(TinyLevels(16), {}));
  EXPECT_EQ(selected.pose.sizes(), (at::IntArrayRef{2, 3, 4, 2}));
}

// A second batch of another size, then the first again: what was kept from before must not show.
TEST(Transformer, KeepsNothingOfABatchBefore) {
  const at::NoGradGuard no_grad;
  WithHeads model(TinyOptions());
  testing::FillByRecipe(*model.transformer, 2, "transformer.");
  const auto encode = [&](const std::vector<at::Tensor>& levels) {
    return model.transformer->Encode(levels, {}).tokens;
  };
  const at::Tensor first = encode(TinyLevels(16));
  encode({RecipeTensor("fine", {1, 16, 2, 7}, 1), RecipeTensor("coarse", {1, 16, 1, 4}, 1)});
  EXPECT_TRUE(encode(TinyLevels(16)).equal(first));
}

}  // namespace
}  // namespace grouppose
