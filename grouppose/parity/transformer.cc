// mod_transformer_*: the transformer alone, stage by stage.
#include "grouppose/transformer/transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "grouppose/nn/inverse_sigmoid.h"
#include "grouppose/parity/checks.h"
#include "grouppose/parity/recipe.h"
#include "grouppose/parity/stages.h"

namespace grouppose::parity {
namespace {

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

  // The last layer's refined points.
  at::Tensor FinalPose(const DecoderOutputs& decoded) const {
    const int64_t last = pose_heads.size() - 1;
    return (nn::InverseSigmoid(KeypointTokens(decoded.reference_points[last])) +
            pose_heads[last].Forward(KeypointTokens(decoded.tokens[last])))
        .sigmoid();
  }

  ClassHeads class_heads;
  PoseHeads pose_heads;
  std::unique_ptr<Transformer> transformer;
};

TransformerOptions OptionsOf(const Fixture& fixture, int64_t levels) {
  TransformerOptions options;
  options.hidden_dim = fixture.Get("memory").size(2);
  options.num_levels = levels;
  options.encoder_layers = fixture.Integer("enc_layers");
  options.decoder_layers = fixture.Integer("dec_layers");
  options.num_queries = fixture.Integer("num_queries");
  options.num_keypoints = fixture.Integer("K");
  return options;
}

}  // namespace

void CheckTransformer(const Fixture& fixture, Report* report) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> masks;
  for (int i = 0; fixture.Has(absl::StrCat("mask", i)); ++i) masks.push_back(fixture.Get(absl::StrCat("mask", i)));
  const TransformerOptions options = OptionsOf(fixture, static_cast<int64_t>(masks.size()));
  WithHeads model(options);
  const uint64_t seed = static_cast<uint64_t>(fixture.Integer("seed"));
  FillByRecipe(*model.transformer, seed, fixture.Text("prefix"));
  // of the heads' two official names the short one counts
  FillByRecipe(model.class_heads, seed, "class_embed.");
  FillByRecipe(model.pose_heads, seed, "pose_embed.");

  const std::optional<DescribedInput> source = FindDescribedInput(fixture.Text("inputs"), "src");
  if (!source.has_value()) throw FixtureError(fixture.name() + ".json: meta/inputs describes no r('src'+l, ...)");
  std::vector<at::Tensor> levels;
  for (size_t i = 0; i < masks.size(); ++i) {
    levels.push_back(RecipeTensor(absl::StrCat("src", i),
                                  {masks[i].size(0), options.hidden_dim, masks[i].size(1), masks[i].size(2)},
                                  source->seed, 0, source->scale));
  }
  CompareStages(
      fixture, *model.transformer, levels, masks,
      [&](const DecoderOutputs& decoded) { return model.FinalPose(decoded); }, report);
}

}  // namespace grouppose::parity
