#include "grouppose/config/options.h"

namespace grouppose::config {
namespace {

SwinOptions::Variant SwinVariantOf(experiments::Backbone::Kind kind) {
  switch (kind) {
    case experiments::Backbone::SWIN_B_224_22K:
      return SwinOptions::Variant::kB224In22k;
    case experiments::Backbone::SWIN_B_384_22K:
      return SwinOptions::Variant::kB384In22k;
    case experiments::Backbone::SWIN_L_224_22K:
      return SwinOptions::Variant::kL224In22k;
    case experiments::Backbone::SWIN_L_384_22K:
      return SwinOptions::Variant::kL384In22k;
    default:
      return SwinOptions::Variant::kT224In1k;
  }
}

SmallResNetOptions SmallResNetOf(const experiments::Backbone& backbone) {
  SmallResNetOptions options;
  options.stem_channels = backbone.stem_channels();
  options.stage_channels.assign(backbone.stage_channels().begin(), backbone.stage_channels().end());
  options.blocks_per_stage = backbone.blocks_per_stage();
  options.groups = backbone.norm_groups();
  return options;
}

void ReadStages(const experiments::Backbone& backbone, std::vector<int64_t>* stages) {
  if (backbone.output_stages().empty()) return;
  stages->assign(backbone.output_stages().begin(), backbone.output_stages().end());
}

ResNet50Options ResNet50Of(const experiments::Backbone& backbone) {
  ResNet50Options options;
  ReadStages(backbone, &options.output_stages);
  options.dilation = backbone.dilation();
  return options;
}

Activation ActivationOf(experiments::Model::Activation activation) {
  switch (activation) {
    case experiments::Model::RELU:
      return Activation::kRelu;
    case experiments::Model::GELU:
      return Activation::kGelu;
    case experiments::Model::SELU:
      return Activation::kSelu;
  }
  return Activation::kRelu;
}

SwinOptions SwinOf(const experiments::Backbone& backbone) {
  SwinOptions options;
  options.variant = SwinVariantOf(backbone.kind());
  ReadStages(backbone, &options.output_stages);
  options.dilation = backbone.dilation();
  options.drop_path_rate = backbone.drop_path_rate();
  options.gradient_checkpointing = backbone.gradient_checkpointing();
  options.freeze_keywords.assign(backbone.freeze_keywords().begin(), backbone.freeze_keywords().end());
  return options;
}

BackboneOptions BackboneOf(const experiments::Backbone& backbone) {
  if (backbone.kind() == experiments::Backbone::RESNET50) return ResNet50Of(backbone);
  if (backbone.kind() == experiments::Backbone::SMALL_RESNET) return SmallResNetOf(backbone);
  return SwinOf(backbone);
}

}  // namespace

GroupPoseOptions ModelOptions(const experiments::Experiment& experiment) {
  const experiments::Model& model = experiment.model();
  GroupPoseOptions options;
  options.backbone = BackboneOf(model.backbone());
  TransformerOptions& transformer = options.transformer;
  transformer.hidden_dim = model.hidden_dim();
  transformer.num_heads = model.num_heads();
  transformer.num_levels = model.num_feature_levels();
  transformer.encoder_layers = model.encoder_layers();
  transformer.decoder_layers = model.decoder_layers();
  transformer.feedforward_dim = model.feedforward_dim();
  transformer.dropout = model.dropout();
  transformer.encoder_points = model.encoder_points();
  transformer.decoder_points = model.decoder_points();
  transformer.num_queries = model.num_queries();
  transformer.num_keypoints = model.num_body_points();
  transformer.num_classes = model.num_classes();
  transformer.position_temperature.height = model.position_temperature();
  transformer.position_temperature.width =
      model.position_temperature_width() > 0 ? model.position_temperature_width() : model.position_temperature();
  transformer.activation = ActivationOf(model.activation());
  transformer.share_class_heads = model.share_class_heads();
  transformer.share_pose_heads = model.share_pose_heads();
  transformer.share_selection_class_head = model.share_selection_class_head();
  transformer.class_head_bias = model.class_head_bias();
  transformer.attention_scheme = experiments::Model::SelfAttention_Name(model.self_attention());
  transformer.instance_query = model.instance_query() == experiments::Model::EMBEDDING
                                   ? InstanceQuery::kEmbedding
                                   : InstanceQuery::kEmbeddingPlusMemory;
  return options;
}

GroupPoseOptions StageOneModelOptions(const experiments::Experiment& experiment) {
  GroupPoseOptions options = ModelOptions(experiment);
  options.transformer.decoder_layers = 0;
  options.transformer.num_queries = experiment.pretraining().stage_one().num_queries();
  return options;
}

SyntheticPeopleOptions SyntheticOptions(const experiments::SyntheticPeople& synthetic) {
  SyntheticPeopleOptions options;
  options.image_size = synthetic.image_size();
  options.max_persons = synthetic.max_persons();
  options.min_height = synthetic.min_height();
  options.max_height = synthetic.max_height();
  options.max_overlap = synthetic.max_overlap();
  options.back_probability = synthetic.back_probability();
  options.tilt_probability = synthetic.tilt_probability();
  options.yaw = synthetic.yaw();
  options.max_clutter = synthetic.max_clutter();
  options.occluder_probability = synthetic.occluder_probability();
  options.noise = synthetic.noise();
  return options;
}

ImageFilter FilterOptions(const experiments::ImageFilter& filter) {
  ImageFilter options;
  options.min_persons = filter.min_persons();
  options.max_persons = filter.max_persons();
  options.min_num_keypoints = filter.min_num_keypoints();
  options.min_area = filter.min_area();
  options.first_images = filter.first_images();
  return options;
}

TransformOptions TransformsOf(const experiments::Augmentation& augmentation) {
  TransformOptions options;
  options.flip_probability = augmentation.flip_probability();
  options.scales.assign(augmentation.scales().begin(), augmentation.scales().end());
  options.max_size = augmentation.max_size();
  options.crop_probability = augmentation.crop_probability();
  options.crop_resize_scales.assign(augmentation.crop_resize_scales().begin(), augmentation.crop_resize_scales().end());
  options.min_crop = augmentation.min_crop();
  options.max_crop = augmentation.max_crop();
  options.evaluation_scale = augmentation.evaluation_scale();
  options.evaluation_max_size = augmentation.evaluation_max_size();
  return options;
}

TransformOptions PretrainingTransforms(const experiments::Augmentation& augmentation) {
  TransformOptions options;
  options.flip_probability = augmentation.flip_probability();
  options.scales = {};
  options.crop_probability = 0;
  options.evaluation_scale = 0;
  return options;
}

loss::CriterionOptions CriterionOf(const experiments::Experiment& experiment, const eval::KeypointDataset& keypoints) {
  const experiments::Loss& loss = experiment.loss();
  loss::CriterionOptions options;
  options.matcher.class_cost = loss.class_cost();
  options.matcher.keypoints_cost = loss.keypoints_cost();
  options.matcher.oks_cost = loss.oks_cost();
  options.matcher.focal_alpha = loss.focal_alpha();
  options.matcher.sigmas = keypoints.sigmas;
  options.focal_alpha = loss.focal_alpha();
  options.class_weight = loss.class_weight();
  options.keypoints_weight = loss.keypoints_weight();
  options.oks_weight = loss.oks_weight();
  options.intermediate_weight = loss.intermediate_weight();
  options.auxiliary_losses = loss.auxiliary_losses();
  options.refuse_not_finite = loss.refuse_not_finite();
  return options;
}

train::AdamWOptions OptimizerOf(const experiments::Optimizer& optimizer) {
  train::AdamWOptions options;
  options.learning_rate = optimizer.learning_rate();
  options.backbone_learning_rate = optimizer.backbone_learning_rate();
  options.weight_decay = optimizer.weight_decay();
  options.clip_max_norm = optimizer.clip_max_norm();
  options.offsets_factor = optimizer.offsets_factor();
  switch (optimizer.groups()) {
    case experiments::Optimizer::BACKBONE:
      options.groups = train::ParameterGroups::kBackbone;
      break;
    case experiments::Optimizer::BACKBONE_AND_OFFSETS:
      options.groups = train::ParameterGroups::kBackboneAndOffsets;
      break;
    case experiments::Optimizer::NORMS_AND_BIASES_APART:
      options.groups = train::ParameterGroups::kNormsAndBiasesApart;
      break;
  }
  return options;
}

train::AdamWOptions PretrainingOptimizerOf(const experiments::Optimizer& optimizer, double learning_rate) {
  train::AdamWOptions options = OptimizerOf(optimizer);
  options.learning_rate = options.backbone_learning_rate = learning_rate;
  options.offsets_factor = 1;
  return options;
}

train::ScheduleOptions ScheduleOf(const experiments::Training& training, int64_t steps_per_epoch) {
  const experiments::Schedule& schedule = training.schedule();
  train::ScheduleOptions options;
  options.kind = schedule.kind() == experiments::Schedule::COSINE ? train::ScheduleOptions::Kind::kCosine
                                                                  : train::ScheduleOptions::Kind::kStep;
  options.drop_epoch = schedule.drop_epoch();
  options.drop_factor = schedule.drop_factor();
  options.total_steps = TrainingSteps(training, steps_per_epoch);
  options.warmup_steps = schedule.warmup_steps();
  return options;
}

int64_t TrainingSteps(const experiments::Training& training, int64_t steps_per_epoch) {
  return training.steps() > 0 ? training.steps() : training.epochs() * steps_per_epoch;
}

}  // namespace grouppose::config
