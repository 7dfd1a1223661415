// Every field of an experiment reaches the option it is meant for: all are set to values that are neither a default nor
// each other.
#include "grouppose/config/options.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "eval/keypoint_dataset.h"

namespace grouppose::config {
namespace {

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

TEST(Options, EveryFieldOfAModelArrives) {
  const auto experiment = Parse<experiments::Experiment>(R"(
    model {
      backbone { kind: SMALL_RESNET stem_channels: 4 stage_channels: [6, 10] blocks_per_stage: 3 norm_groups: 2 }
      hidden_dim: 48 num_heads: 12 feedforward_dim: 80 dropout: 0.25 encoder_layers: 5 decoder_layers: 7
      num_feature_levels: 9 encoder_points: 13 decoder_points: 14 num_queries: 21 num_classes: 3
      num_body_points: 15 position_temperature: 11.5 self_attention: FULL instance_query: EMBEDDING_PLUS_MEMORY
      position_temperature_width: 12.5 activation: GELU share_class_heads: true share_pose_heads: true
      share_selection_class_head: true class_head_bias: false
    }
    pretraining { stage_one { num_queries: 33 } })");
  const GroupPoseOptions options = ModelOptions(experiment);
  const auto& backbone = std::get<SmallResNetOptions>(options.backbone);
  EXPECT_EQ(backbone.stem_channels, 4);
  EXPECT_EQ(backbone.stage_channels, (std::vector<int64_t>{6, 10}));
  EXPECT_EQ(backbone.blocks_per_stage, 3);
  EXPECT_EQ(backbone.groups, 2);
  const TransformerOptions& transformer = options.transformer;
  EXPECT_EQ(transformer.hidden_dim, 48);
  EXPECT_EQ(transformer.num_heads, 12);
  EXPECT_EQ(transformer.feedforward_dim, 80);
  EXPECT_EQ(transformer.dropout, 0.25);
  EXPECT_EQ(transformer.encoder_layers, 5);
  EXPECT_EQ(transformer.decoder_layers, 7);
  EXPECT_EQ(transformer.num_levels, 9);
  EXPECT_EQ(transformer.encoder_points, 13);
  EXPECT_EQ(transformer.decoder_points, 14);
  EXPECT_EQ(transformer.num_queries, 21);
  EXPECT_EQ(transformer.num_classes, 3);
  EXPECT_EQ(transformer.num_keypoints, 15);
  EXPECT_EQ(transformer.position_temperature.height, 11.5);
  EXPECT_EQ(transformer.position_temperature.width, 12.5);
  EXPECT_EQ(transformer.activation, Activation::kGelu);
  EXPECT_TRUE(transformer.share_class_heads);
  EXPECT_TRUE(transformer.share_pose_heads);
  EXPECT_TRUE(transformer.share_selection_class_head);
  EXPECT_FALSE(transformer.class_head_bias);
  EXPECT_EQ(transformer.attention_scheme, "FULL");
  EXPECT_EQ(transformer.instance_query, InstanceQuery::kEmbeddingPlusMemory);

  const TransformerOptions stage_one = StageOneModelOptions(experiment).transformer;
  EXPECT_EQ(stage_one.decoder_layers, 0);
  EXPECT_EQ(stage_one.num_queries, 33);
  EXPECT_EQ(stage_one.position_temperature.height, 11.5);

  // a new field needs a line above
  EXPECT_EQ(experiments::Model::descriptor()->field_count(), 22);
  EXPECT_EQ(experiments::Backbone::descriptor()->field_count(), 5 + 5);
}

TEST(Options, OneTemperatureIsThatOfBothAxes) {
  const auto experiment = Parse<experiments::Experiment>("model { position_temperature: 7 }");
  EXPECT_EQ(ModelOptions(experiment).transformer.position_temperature.width, 7);
}

TEST(Options, EveryFieldOfASwinArrives) {
  const auto experiment = Parse<experiments::Experiment>(R"(
    model {
      backbone {
        kind: SWIN_B_384_22K output_stages: [0, 1, 2, 3] dilation: true drop_path_rate: 0.375
        gradient_checkpointing: true freeze_keywords: ["patch_embed", "layers.0."]
      }
    })");
  const auto options = std::get<SwinOptions>(ModelOptions(experiment).backbone);
  EXPECT_EQ(options.variant, SwinOptions::Variant::kB384In22k);
  EXPECT_EQ(options.output_stages, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_TRUE(options.dilation);
  EXPECT_EQ(options.drop_path_rate, 0.375);
  EXPECT_TRUE(options.gradient_checkpointing);
  EXPECT_EQ(options.freeze_keywords, (std::vector<std::string>{"patch_embed", "layers.0."}));
}

TEST(Options, EveryFieldOfAResNet50Arrives) {
  const auto experiment =
      Parse<experiments::Experiment>("model { backbone { kind: RESNET50 output_stages: [3] dilation: true } }");
  const auto options = std::get<ResNet50Options>(ModelOptions(experiment).backbone);
  EXPECT_EQ(options.output_stages, (std::vector<int64_t>{3}));
  EXPECT_TRUE(options.dilation);
}

TEST(Options, EveryKindHasItsBackbone) {
  const std::map<std::string, SwinOptions::Variant> swins = {{"SWIN_T_224_1K", SwinOptions::Variant::kT224In1k},
                                                             {"SWIN_B_224_22K", SwinOptions::Variant::kB224In22k},
                                                             {"SWIN_B_384_22K", SwinOptions::Variant::kB384In22k},
                                                             {"SWIN_L_224_22K", SwinOptions::Variant::kL224In22k},
                                                             {"SWIN_L_384_22K", SwinOptions::Variant::kL384In22k}};
  for (const auto& [kind, variant] : swins) {
    const auto experiment = Parse<experiments::Experiment>("model { backbone { kind: " + kind + " } }");
    const auto options = std::get<SwinOptions>(ModelOptions(experiment).backbone);
    EXPECT_EQ(options.variant, variant) << kind;
    // the published levels where none are named
    EXPECT_EQ(options.output_stages, (std::vector<int64_t>{1, 2, 3}));
    EXPECT_EQ(options.drop_path_rate, SwinOptions{}.drop_path_rate);
  }
  // a new kind needs a line above
  EXPECT_EQ(experiments::Backbone::Kind_descriptor()->value_count(), 2 + 5);
}

TEST(Options, DefaultsAreThePublishedModel) {
  const GroupPoseOptions options = ModelOptions(experiments::Experiment()), published;
  EXPECT_TRUE(std::holds_alternative<ResNet50Options>(options.backbone));
  EXPECT_EQ(options.transformer.hidden_dim, published.transformer.hidden_dim);
  EXPECT_EQ(options.transformer.num_queries, published.transformer.num_queries);
  EXPECT_EQ(std::get<ResNet50Options>(options.backbone).output_stages, ResNet50Options().output_stages);
  EXPECT_EQ(options.transformer.position_temperature.height, published.transformer.position_temperature.height);
  EXPECT_EQ(options.transformer.position_temperature.width, published.transformer.position_temperature.width);
  EXPECT_EQ(options.transformer.activation, published.transformer.activation);
  EXPECT_FALSE(options.transformer.share_class_heads || options.transformer.share_pose_heads ||
               options.transformer.share_selection_class_head);
  EXPECT_TRUE(options.transformer.class_head_bias);
  EXPECT_EQ(options.transformer.attention_scheme, published.transformer.attention_scheme);
  EXPECT_EQ(options.transformer.instance_query, published.transformer.instance_query);
}

TEST(Options, EveryFieldOfALossArrives) {
  const auto experiment = Parse<experiments::Experiment>(R"(
    loss {
      class_weight: 3 keypoints_weight: 11 oks_weight: 5 intermediate_weight: 0.5 auxiliary_losses: false
      focal_alpha: 0.75 class_cost: 7 keypoints_cost: 13 oks_cost: 6 refuse_not_finite: false
    })");
  const loss::CriterionOptions options = CriterionOf(experiment, eval::Coco());
  EXPECT_EQ(options.class_weight, 3);
  EXPECT_EQ(options.keypoints_weight, 11);
  EXPECT_EQ(options.oks_weight, 5);
  EXPECT_EQ(options.intermediate_weight, 0.5);
  EXPECT_FALSE(options.auxiliary_losses);
  EXPECT_FALSE(options.refuse_not_finite);
  EXPECT_EQ(options.focal_alpha, 0.75);
  EXPECT_EQ(options.matcher.focal_alpha, 0.75);
  EXPECT_EQ(options.matcher.class_cost, 7);
  EXPECT_EQ(options.matcher.keypoints_cost, 13);
  EXPECT_EQ(options.matcher.oks_cost, 6);
  EXPECT_EQ(options.matcher.sigmas, eval::Coco().sigmas);
  EXPECT_EQ(experiments::Loss::descriptor()->field_count(), 10);
}

TEST(Options, EveryFieldOfATrainingArrives) {
  auto training = Parse<experiments::Training>(R"(
    epochs: 9
    optimizer { learning_rate: 0.5 backbone_learning_rate: 0.25 weight_decay: 0.125 clip_max_norm: 3
                groups: NORMS_AND_BIASES_APART offsets_factor: 0.5 }
    schedule { kind: STEP drop_epoch: 4 drop_factor: 0.75 })");
  const train::AdamWOptions optimizer = OptimizerOf(training.optimizer());
  EXPECT_EQ(optimizer.learning_rate, 0.5);
  EXPECT_EQ(optimizer.backbone_learning_rate, 0.25);
  EXPECT_EQ(optimizer.weight_decay, 0.125);
  EXPECT_EQ(optimizer.clip_max_norm, 3);
  EXPECT_EQ(optimizer.groups, train::ParameterGroups::kNormsAndBiasesApart);
  EXPECT_EQ(optimizer.offsets_factor, 0.5);
  EXPECT_EQ(PretrainingOptimizerOf(training.optimizer(), 2).learning_rate, 2);
  EXPECT_EQ(PretrainingOptimizerOf(training.optimizer(), 2).backbone_learning_rate, 2);
  EXPECT_EQ(PretrainingOptimizerOf(training.optimizer(), 2).offsets_factor, 1);
  train::ScheduleOptions schedule = ScheduleOf(training, 100);
  EXPECT_EQ(schedule.kind, train::ScheduleOptions::Kind::kStep);
  EXPECT_EQ(schedule.drop_epoch, 4);
  EXPECT_EQ(schedule.drop_factor, 0.75);
  EXPECT_EQ(schedule.total_steps, 900);

  training.set_steps(70);
  training.mutable_schedule()->set_kind(experiments::Schedule::COSINE);
  training.mutable_schedule()->set_warmup_steps(6);
  schedule = ScheduleOf(training, 100);
  EXPECT_EQ(schedule.kind, train::ScheduleOptions::Kind::kCosine);
  EXPECT_EQ(schedule.total_steps, 70);
  EXPECT_EQ(schedule.warmup_steps, 6);
  EXPECT_EQ(experiments::Optimizer::descriptor()->field_count(), 6);
  EXPECT_EQ(experiments::Schedule::descriptor()->field_count(), 4);
}

TEST(Options, EveryFieldOfTheDataArrives) {
  const auto data = Parse<experiments::Data>(R"(
    synthetic {
      image_size: 96 max_persons: 5 min_height: 0.25 max_height: 0.75 max_overlap: 0.125 back_probability: 0.375
      tilt_probability: 0.625 yaw: 1.25 max_clutter: 7 occluder_probability: 0.875 noise: 9
    }
    train_filter { min_persons: 2 max_persons: 4 min_num_keypoints: 8 min_area: 6.5 first_images: 24 }
    augmentation {
      flip_probability: 0.25 scales: [31, 33] max_size: 77 crop_probability: 0.75 crop_resize_scales: [41, 43]
      min_crop: 19 max_crop: 29 evaluation_scale: 53 evaluation_max_size: 87
    })");
  const SyntheticPeopleOptions people = SyntheticOptions(data.synthetic());
  EXPECT_EQ(people.image_size, 96);
  EXPECT_EQ(people.max_persons, 5);
  EXPECT_EQ(people.min_height, 0.25);
  EXPECT_EQ(people.max_height, 0.75);
  EXPECT_EQ(people.max_overlap, 0.125);
  EXPECT_EQ(people.back_probability, 0.375);
  EXPECT_EQ(people.tilt_probability, 0.625);
  EXPECT_EQ(people.yaw, 1.25);
  EXPECT_EQ(people.max_clutter, 7);
  EXPECT_EQ(people.occluder_probability, 0.875);
  EXPECT_EQ(people.noise, 9);
  const ImageFilter filter = FilterOptions(data.train_filter());
  EXPECT_EQ(filter.min_persons, 2);
  EXPECT_EQ(filter.max_persons, 4);
  EXPECT_EQ(filter.min_num_keypoints, 8);
  EXPECT_EQ(filter.min_area, 6.5);
  EXPECT_EQ(filter.first_images, 24);
  const TransformOptions transforms = TransformsOf(data.augmentation());
  EXPECT_EQ(transforms.flip_probability, 0.25);
  EXPECT_EQ(transforms.scales, (std::vector<int>{31, 33}));
  EXPECT_EQ(transforms.max_size, 77);
  EXPECT_EQ(transforms.crop_probability, 0.75);
  EXPECT_EQ(transforms.crop_resize_scales, (std::vector<int>{41, 43}));
  EXPECT_EQ(transforms.min_crop, 19);
  EXPECT_EQ(transforms.max_crop, 29);
  EXPECT_EQ(transforms.evaluation_scale, 53);
  EXPECT_EQ(transforms.evaluation_max_size, 87);
  EXPECT_EQ(experiments::Augmentation::descriptor()->field_count(), 9);
  EXPECT_EQ(experiments::ImageFilter::descriptor()->field_count(), 5);
  // number and seeds of the images go to the data sets
  EXPECT_EQ(experiments::SyntheticPeople::descriptor()->field_count(), 11 + 6);
}

}  // namespace
}  // namespace grouppose::config
