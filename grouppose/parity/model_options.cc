#include "grouppose/parity/model_options.h"

#include <cmath>
#include <memory>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace grouppose::parity {
namespace {

using Variant = SwinOptions::Variant;

struct Swin {
  const char* name;
  Variant variant;
  int64_t channels;  // of the first stage
  int64_t window;
};

constexpr Swin kSwins[] = {{"swin_T_224_1k", Variant::kT224In1k, 96, 7},
                           {"swin_B_224_22k", Variant::kB224In22k, 128, 7},
                           {"swin_B_384_22k", Variant::kB384In22k, 128, 12},
                           {"swin_L_224_22k", Variant::kL224In22k, 192, 7},
                           {"swin_L_384_22k", Variant::kL384In22k, 192, 12}};

// Stages a model takes: the last three, or as many from the end as there are levels.
std::vector<int64_t> LastStages(size_t levels) {
  std::vector<int64_t> stages;
  for (int64_t stage = 4 - static_cast<int64_t>(levels); stage < 4; ++stage) stages.push_back(stage);
  return stages;
}

// Backbones with these stages, all of them.
std::vector<BackboneOptions> Candidates(const std::vector<int64_t>& stages) {
  ResNet50Options resnet;
  resnet.output_stages = stages;
  std::vector<BackboneOptions> candidates = {resnet};
  for (const Swin& swin : kSwins) {
    SwinOptions options;
    options.variant = swin.variant;
    options.output_stages = stages;
    candidates.push_back(options);
  }
  return candidates;
}

int64_t NumParameters(const nn::Module& module) {
  int64_t count = 0;
  for (const nn::NamedTensor& named : module.Parameters()) count += named.tensor.numel();
  return count;
}

const std::vector<int64_t>& ShapeOf(const Shapes& shapes, const std::string& name, size_t dimensions) {
  const auto found = shapes.find(name);
  if (found == shapes.end()) throw FixtureError(absl::StrCat("no ", name, " among the names"));
  if (found->second.size() != dimensions) {
    throw FixtureError(
        absl::StrCat(name, " is [", absl::StrJoin(found->second, ", "), "], expected ", dimensions, " dimensions"));
  }
  return found->second;
}

// How many of PREFIX0., PREFIX1., ... there are.
int64_t CountNumbered(const Shapes& shapes, const std::string& prefix) {
  std::set<std::string> numbers;
  for (const auto& [name, shape] : shapes) {
    if (absl::StartsWith(name, prefix))
      numbers.insert(name.substr(prefix.size(), name.find('.', prefix.size()) - prefix.size()));
  }
  return static_cast<int64_t>(numbers.size());
}

}  // namespace

BackboneOptions BackboneByName(const std::string& name) {
  if (name == "resnet50") return ResNet50Options{};
  std::vector<std::string> known = {"resnet50"};
  for (const Swin& swin : kSwins) {
    if (name == swin.name) {
      SwinOptions options;
      options.variant = swin.variant;
      return options;
    }
    known.emplace_back(swin.name);
  }
  throw FixtureError(absl::StrCat("backbone is ", name, ", expected one of ", absl::StrJoin(known, ", ")));
}

GroupPoseOptions ModelOptions(const Fixture& fixture) {
  GroupPoseOptions options;
  options.backbone = BackboneByName(fixture.Text("config/backbone"));
  options.transformer.num_keypoints = fixture.Integer("config/num_body_points");
  options.transformer.encoder_layers = fixture.Integer("config/enc_layers");
  options.transformer.decoder_layers = fixture.Integer("config/dec_layers");
  options.transformer.num_queries = fixture.Integer("config/num_queries");
  return options;
}

BackboneOptions BackboneByChannels(const std::vector<int64_t>& channels, int64_t num_parameters) {
  std::vector<BackboneOptions> fitting;
  if (!channels.empty() && channels.size() <= 4) {
    for (const BackboneOptions& candidate : Candidates(LastStages(channels.size()))) {
      const std::unique_ptr<Backbone> backbone = MakeBackbone(candidate);
      if (backbone->channels() != channels) continue;
      if (num_parameters > 0 && NumParameters(*backbone) != num_parameters) continue;
      fitting.push_back(candidate);
    }
  }
  if (fitting.size() != 1) {
    throw FixtureError(absl::StrCat(fitting.empty() ? "no backbone has" : "several backbones have", " levels of ",
                                    absl::StrJoin(channels, ", "), " channels and ", num_parameters, " parameters"));
  }
  return fitting[0];
}

BackboneOptions BackboneByShapes(const Shapes& shapes, const std::string& prefix) {
  if (shapes.count(prefix + "body.conv1.weight") > 0) return ResNet50Options{};
  const int64_t channels = ShapeOf(shapes, prefix + "patch_embed.proj.weight", 4)[0];
  // a table has a row for each of the (2 * window - 1)^2 offsets
  const int64_t rows = ShapeOf(shapes, prefix + "layers.0.blocks.0.attn.relative_position_bias_table", 2)[0];
  for (const Swin& swin : kSwins) {
    if (swin.channels == channels && (2 * swin.window - 1) * (2 * swin.window - 1) == rows)
      return BackboneByName(swin.name);
  }
  throw FixtureError(absl::StrCat("no Swin has ", channels, " channels and tables of ", rows, " rows"));
}

GroupPoseOptions ModelByShapes(const Shapes& shapes) {
  GroupPoseOptions options;
  options.backbone = BackboneByShapes(shapes, "backbone.0.");
  TransformerOptions& transformer = options.transformer;
  const std::vector<int64_t>& levels = ShapeOf(shapes, "transformer.level_embed", 2);
  transformer.num_levels = levels[0];
  transformer.hidden_dim = levels[1];
  transformer.num_keypoints = ShapeOf(shapes, "transformer.keypoint_embedding.weight", 2)[0];
  transformer.num_classes = ShapeOf(shapes, "class_embed.0.weight", 2)[0];
  transformer.encoder_layers = CountNumbered(shapes, "transformer.encoder.layers.");
  transformer.decoder_layers = CountNumbered(shapes, "transformer.decoder.layers.");
  const std::string encoder = "transformer.encoder.layers.0.", decoder = "transformer.decoder.layers.0.";
  transformer.feedforward_dim = ShapeOf(shapes, encoder + "linear1.weight", 2)[0];
  const int64_t per_point = transformer.num_heads * transformer.num_levels;
  transformer.encoder_points = ShapeOf(shapes, encoder + "self_attn.attention_weights.bias", 1)[0] / per_point;
  transformer.decoder_points = ShapeOf(shapes, decoder + "cross_attn.attention_weights.bias", 1)[0] / per_point;
  return options;
}

}  // namespace grouppose::parity
