#include "experiments/validation.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "experiments/dataset_description.h"
#include "experiments/field_paths.h"
#include "experiments/published.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The numbers a field may hold, ends included unless said otherwise.
struct Range {
  const char* path;
  double low;
  double high;
  bool without_low = false;
  bool without_high = false;
};

constexpr Range AtLeast(const char* path, double low) { return {path, low, kInfinity, false, true}; }
constexpr Range MoreThan(const char* path, double low) { return {path, low, kInfinity, true, true}; }
constexpr Range Between(const char* path, double low, double high) { return {path, low, high}; }
constexpr Range Probability(const char* path) { return {path, 0, 1}; }

// Every number of an experiment; infinity and NaN are in none of these ranges.
constexpr Range kRanges[] = {
    // figures of 17 joints are not told apart on fewer pixels
    AtLeast("data.synthetic.image_size", 16),
    AtLeast("data.synthetic.train_images", 1),
    AtLeast("data.synthetic.tuning_images", 0),
    AtLeast("data.synthetic.test_images", 0),
    AtLeast("data.synthetic.train_seed", 0),
    AtLeast("data.synthetic.tuning_seed", 0),
    AtLeast("data.synthetic.test_seed", 0),
    AtLeast("data.synthetic.max_persons", 1),
    {"data.synthetic.min_height", 0, 1, /*without_low=*/true},
    {"data.synthetic.max_height", 0, 1, /*without_low=*/true},
    Probability("data.synthetic.max_overlap"),
    Probability("data.synthetic.back_probability"),
    Probability("data.synthetic.tilt_probability"),
    // beyond a quarter turn a figure is seen from behind, which back_probability is for
    Between("data.synthetic.yaw", 0, 1.5707963267948966),
    AtLeast("data.synthetic.max_clutter", 0),
    Probability("data.synthetic.occluder_probability"),
    Between("data.synthetic.noise", 0, 255),
    AtLeast("data.train_filter.min_persons", 0),
    AtLeast("data.train_filter.max_persons", 0),
    AtLeast("data.train_filter.min_num_keypoints", 0),
    AtLeast("data.train_filter.min_area", 0),
    AtLeast("data.train_filter.first_images", 0),
    Probability("data.augmentation.flip_probability"),
    AtLeast("data.augmentation.scales", 1),
    AtLeast("data.augmentation.max_size", 1),
    Probability("data.augmentation.crop_probability"),
    AtLeast("data.augmentation.crop_resize_scales", 1),
    AtLeast("data.augmentation.min_crop", 1),
    AtLeast("data.augmentation.max_crop", 1),
    AtLeast("data.augmentation.evaluation_scale", 0),
    AtLeast("data.augmentation.evaluation_max_size", 1),
    AtLeast("model.backbone.stem_channels", 1),
    AtLeast("model.backbone.stage_channels", 1),
    AtLeast("model.backbone.blocks_per_stage", 1),
    AtLeast("model.backbone.norm_groups", 1),
    Between("model.backbone.output_stages", 0, 3),
    {"model.backbone.drop_path_rate", 0, 1, /*without_low=*/false, /*without_high=*/true},
    AtLeast("model.hidden_dim", 1),
    AtLeast("model.num_heads", 1),
    AtLeast("model.feedforward_dim", 1),
    {"model.dropout", 0, 1, /*without_low=*/false, /*without_high=*/true},
    AtLeast("model.encoder_layers", 0),
    AtLeast("model.decoder_layers", 0),
    // each level halves the sides: a ninth would see an image of 1024 pixels as one
    Between("model.num_feature_levels", 1, 8),
    AtLeast("model.encoder_points", 1),
    AtLeast("model.decoder_points", 1),
    AtLeast("model.num_queries", 1),
    // a person is class 1, so there are two at least
    AtLeast("model.num_classes", 2),
    AtLeast("model.num_body_points", 1),
    MoreThan("model.position_temperature", 0),
    AtLeast("model.position_temperature_width", 0),
    AtLeast("loss.class_weight", 0),
    AtLeast("loss.keypoints_weight", 0),
    AtLeast("loss.oks_weight", 0),
    AtLeast("loss.intermediate_weight", 0),
    Probability("loss.focal_alpha"),
    AtLeast("loss.class_cost", 0),
    AtLeast("loss.keypoints_cost", 0),
    AtLeast("loss.oks_cost", 0),
    AtLeast("training.batch_size", 1),
    AtLeast("training.epochs", 1),
    AtLeast("training.steps", 1),
    AtLeast("training.optimizer.learning_rate", 0),
    AtLeast("training.optimizer.backbone_learning_rate", 0),
    AtLeast("training.optimizer.weight_decay", 0),
    AtLeast("training.optimizer.clip_max_norm", 0),
    AtLeast("training.optimizer.offsets_factor", 0),
    AtLeast("training.schedule.drop_epoch", 0),
    Between("training.schedule.drop_factor", 0, 1),
    AtLeast("training.schedule.warmup_steps", 0),
    AtLeast("training.evaluation_interval", 0),
    AtLeast("training.checkpoint_interval", 0),
    AtLeast("training.log_interval", 1),
    // an average that keeps all of itself never moves
    {"training.weight_average.decay", 0, 1, /*without_low=*/false, /*without_high=*/true},
    AtLeast("training.weight_average.first_epoch", 0),
    AtLeast("evaluation.batch_size", 1),
    AtLeast("evaluation.num_select", 1),
    AtLeast("pretraining.heatmap.steps", 0),
    AtLeast("pretraining.heatmap.batch_size", 1),
    AtLeast("pretraining.heatmap.learning_rate", 0),
    AtLeast("pretraining.heatmap.positive_weight", 0),
    AtLeast("pretraining.stage_one.steps", 0),
    AtLeast("pretraining.stage_one.batch_size", 1),
    AtLeast("pretraining.stage_one.learning_rate", 0),
    AtLeast("pretraining.stage_one.num_queries", 1),
};

// The keypoints of the synthetic people, which are those of COCO, and of CrowdPose's people.
constexpr int kCocoKeypoints = 17, kCrowdPoseKeypoints = 14;

// The keypoints of a person.
int KeypointsOf(const Data& data) {
  if (data.has_dataset()) return data.dataset().keypoints_size();
  return data.source() == Data::CROWDPOSE ? kCrowdPoseKeypoints : kCocoKeypoints;
}

// C3, C4 and C5 of ResNet-50, stages 1, 2 and 3 of a Swin: what is taken where no stages are named.
constexpr int kPublishedLevels = 3;
// Of ResNet-50 and of a Swin; the last one is always among the levels.
constexpr int kStages = 4;
// The group norm behind the projections takes 32, 16 or 8 groups; the sine embeddings' 4 parts divide 8.
constexpr int kHiddenUnit = 8;

std::string RangeText(const Range& range) {
  const std::string low = absl::StrCat(range.without_low ? "more than " : "at least ", range.low);
  if (range.high == kInfinity) return low;
  if (!range.without_low && !range.without_high) return absl::StrCat(range.low, " to ", range.high);
  return absl::StrCat(low, " and ", range.without_high ? "less than " : "at most ", range.high);
}

bool Contains(const Range& range, double value) {
  return (range.without_low ? value > range.low : value >= range.low) &&
         (range.without_high ? value < range.high : value <= range.high);
}

// One number of an int32 or double field; `index` -1 for a field that is no list.
double NumberAt(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
  const bool is_double = field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
  if (index < 0) {
    return is_double ? reflection->GetDouble(message, field) : reflection->GetInt32(message, field);
  }
  return is_double ? reflection->GetRepeatedDouble(message, field, index)
                   : reflection->GetRepeatedInt32(message, field, index);
}

// The numbers that a path holds: none (an empty list, or the member of a oneof that is not set), one, or a list.
std::vector<double> NumbersAt(const Message& root, const std::string& path) {
  const auto fields = FindFieldPath(root.GetDescriptor(), path);
  GROUPPOSE_CHECK(fields.ok(), path);
  const Message* message = &root;
  for (size_t i = 0; i + 1 < fields->size(); ++i) {
    message = &message->GetReflection()->GetMessage(*message, (*fields)[i]);
  }
  const FieldDescriptor* field = fields->back();
  std::vector<double> numbers;
  if (!field->is_repeated()) {
    if (message->GetReflection()->HasField(*message, field)) numbers.push_back(NumberAt(*message, field, -1));
    return numbers;
  }
  for (int i = 0; i < message->GetReflection()->FieldSize(*message, field); ++i) {
    numbers.push_back(NumberAt(*message, field, i));
  }
  return numbers;
}

// Collects the first broken rule.
class Checker {
 public:
  explicit Checker(const Origins& origins) : origins_(origins) {}

  // `paths` are the fields that a rule is about, the one to be changed first.
  template <typename Value>
  void Require(bool holds, const std::vector<std::string>& paths, const Value& found, const std::string& expected) {
    if (holds || !status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat(origins_.Latest(paths), ": ", paths[0], " is ", found,
                                                      origins_.IsSet(paths[0]) ? "" : " by default", ", expected ",
                                                      expected));
  }

  const absl::Status& status() const { return status_; }

 private:
  const Origins& origins_;
  absl::Status status_;
};

void CheckRanges(const Experiment& experiment, Checker* check) {
  for (const Range& range : kRanges) {
    for (double number : NumbersAt(experiment, range.path)) {
      check->Require(Contains(range, number), {range.path}, number, RangeText(range));
    }
  }
}

bool UsesSyntheticPeople(const Experiment& experiment) {
  return experiment.data().source() == Data::SYNTHETIC || experiment.pretraining().heatmap().steps() > 0 ||
         experiment.pretraining().stage_one().steps() > 0;
}

void CheckDescription(const Data& data, Checker* check) {
  if (!data.has_dataset()) return;
  const std::vector<std::string> paths = {"data.description", "data.dataset", "data.source"};
  check->Require(data.source() != Data::SYNTHETIC, paths, "set", "photos: the synthetic people have COCO's keypoints");
  // of one that stands in the experiment itself; a file was refused where it was read
  const absl::Status status = CheckDatasetDescription(data.dataset());
  check->Require(status.ok(), {"data.dataset", "data.description"}, absl::StrCat("\"", data.dataset().name(), "\""),
                 absl::StrCat("a description that holds: ", std::string(status.message())));
}

void CheckSplit(const Experiment& experiment, Checker* check) {
  const Data& data = experiment.data();
  const std::string& split = data.evaluation_split();
  const std::string quoted = absl::StrCat("\"", split, "\"");
  const std::vector<std::string> paths = {"data.evaluation_split", "data.description", "data.dataset", "data.source"};
  if (data.dataset().splits_size() > 0) {
    std::vector<std::string> names;
    for (const auto& known : data.dataset().splits()) names.push_back(absl::StrCat("\"", known.name(), "\""));
    check->Require(std::count(names.begin(), names.end(), quoted) > 0, paths, quoted,
                   absl::StrCat("a split of ", data.dataset().name(), ": ", absl::StrJoin(names, ", ")));
    return;
  }
  if (data.source() == Data::COCO) {
    check->Require(split == "val" || split == "train", paths, quoted, "\"val\" or \"train\" for COCO");
    return;
  }
  if (data.source() == Data::CROWDPOSE) {
    check->Require(split == "test" || split == "train", paths, quoted, "\"test\" or \"train\" for CROWDPOSE");
    return;
  }
  check->Require(split == "test" || split == "tuning" || split == "train", paths, quoted,
                 "\"test\", \"tuning\" or \"train\" for SYNTHETIC");
  check->Require(split != "test" || data.synthetic().test_images() > 0, {"data.synthetic.test_images", paths[0]}, 0,
                 "at least 1: these images are evaluated");
  check->Require(split != "tuning" || data.synthetic().tuning_images() > 0, {"data.synthetic.tuning_images", paths[0]},
                 0, "at least 1: these images are evaluated");
}

void CheckSyntheticPeople(const Experiment& experiment, Checker* check) {
  if (!UsesSyntheticPeople(experiment)) return;
  const SyntheticPeople& people = experiment.data().synthetic();
  check->Require(people.max_height() >= people.min_height(), {"data.synthetic.max_height", "data.synthetic.min_height"},
                 people.max_height(), absl::StrCat("at least data.synthetic.min_height (", people.min_height(), ")"));
  // images that were trained on say nothing about people never seen
  check->Require(people.tuning_seed() != people.train_seed(),
                 {"data.synthetic.tuning_seed", "data.synthetic.train_seed"}, people.tuning_seed(),
                 "another seed than data.synthetic.train_seed");
  check->Require(people.test_seed() != people.train_seed(), {"data.synthetic.test_seed", "data.synthetic.train_seed"},
                 people.test_seed(), "another seed than data.synthetic.train_seed");
  check->Require(people.test_seed() != people.tuning_seed(), {"data.synthetic.test_seed", "data.synthetic.tuning_seed"},
                 people.test_seed(), "another seed than data.synthetic.tuning_seed");
}

void CheckFilter(const Experiment& experiment, Checker* check) {
  const ImageFilter& filter = experiment.data().train_filter();
  check->Require(filter.max_persons() == 0 || filter.max_persons() >= filter.min_persons(),
                 {"data.train_filter.max_persons", "data.train_filter.min_persons"}, filter.max_persons(),
                 absl::StrCat("0 or at least data.train_filter.min_persons (", filter.min_persons(), ")"));
  check->Require(filter.min_num_keypoints() <= experiment.model().num_body_points(),
                 {"data.train_filter.min_num_keypoints", "model.num_body_points"}, filter.min_num_keypoints(),
                 absl::StrCat("at most model.num_body_points (", experiment.model().num_body_points(), ")"));
  if (experiment.data().source() != Data::SYNTHETIC) return;
  const std::pair<const char*, double> rules[] = {{"min_persons", filter.min_persons()},
                                                  {"max_persons", filter.max_persons()},
                                                  {"min_num_keypoints", filter.min_num_keypoints()},
                                                  {"min_area", filter.min_area()},
                                                  {"first_images", filter.first_images()}};
  for (const auto& [name, value] : rules) {
    check->Require(value == 0, {absl::StrCat("data.train_filter.", name), "data.source"}, value,
                   "0: synthetic people are drawn as wanted, not filtered");
  }
}

void CheckCrops(const Augmentation& augmentation, Checker* check) {
  if (augmentation.crop_probability() == 0) return;
  const std::string prefix = "data.augmentation.";
  const auto& scales = augmentation.crop_resize_scales();
  check->Require(!scales.empty(), {prefix + "crop_resize_scales", prefix + "crop_probability"}, "empty",
                 absl::StrCat("at least one scale, such as [400, 500, 600]: crop_probability is ",
                              augmentation.crop_probability()));
  if (scales.empty()) return;
  check->Require(augmentation.max_crop() >= augmentation.min_crop(), {prefix + "max_crop", prefix + "min_crop"},
                 augmentation.max_crop(), absl::StrCat("at least min_crop (", augmentation.min_crop(), ")"));
  // an image resized to its short side must hold the smallest crop
  const int smallest = *std::min_element(scales.begin(), scales.end());
  check->Require(augmentation.min_crop() <= smallest, {prefix + "min_crop", prefix + "crop_resize_scales"},
                 augmentation.min_crop(), absl::StrCat("at most the smallest of crop_resize_scales (", smallest, ")"));
}

void CheckAugmentation(const Experiment& experiment, Checker* check) {
  const Augmentation& augmentation = experiment.data().augmentation();
  const std::string prefix = "data.augmentation.";
  check->Require(!augmentation.scales().empty() || experiment.data().source() == Data::SYNTHETIC,
                 {prefix + "scales", "data.source"}, "empty",
                 "at least one scale, such as [480, 512, 544], for photos");
  for (int scale : augmentation.scales()) {
    check->Require(scale <= augmentation.max_size(), {prefix + "scales", prefix + "max_size"}, scale,
                   absl::StrCat("at most max_size (", augmentation.max_size(), ")"));
  }
  check->Require(augmentation.evaluation_scale() <= augmentation.evaluation_max_size(),
                 {prefix + "evaluation_scale", prefix + "evaluation_max_size"}, augmentation.evaluation_scale(),
                 absl::StrCat("at most evaluation_max_size (", augmentation.evaluation_max_size(), ")"));
  CheckCrops(augmentation, check);
}

// Levels of features that a backbone has.
int LevelsOf(const Backbone& backbone) {
  if (backbone.kind() == Backbone::SMALL_RESNET) return backbone.stage_channels_size();
  return backbone.output_stages().empty() ? kPublishedLevels : backbone.output_stages_size();
}

// Of the backbone's levels.
std::vector<int64_t> StridesOf(const Backbone& backbone) {
  const int levels = LevelsOf(backbone);
  const bool small = backbone.kind() == Backbone::SMALL_RESNET;
  // the first stage has stride 4
  int64_t stride = small ? 4 : int64_t{4} << (kStages - levels);
  std::vector<int64_t> strides;
  for (int level = 0; level < levels; ++level, stride *= 2) strides.push_back(stride);
  if (!small && backbone.dilation()) strides.back() /= 2;
  return strides;
}

// What the encoder reads of a square image: the cells of the backbone's levels, and of further ones that have half as
// many along a side as the one before.
int64_t TokensOf(const Model& model, int64_t side) {
  std::vector<int64_t> strides = StridesOf(model.backbone());
  while (static_cast<int>(strides.size()) < model.num_feature_levels()) strides.push_back(2 * strides.back());
  int64_t tokens = 0;
  for (int64_t stride : strides) {
    const int64_t cells = (side + stride - 1) / stride;
    tokens += cells * cells;
  }
  return tokens;
}

void CheckSmallResNet(const Backbone& backbone, Checker* check) {
  const std::string prefix = "model.backbone.";
  check->Require(!backbone.stage_channels().empty(), {prefix + "stage_channels", prefix + "kind"}, "empty",
                 "one number a stage, such as [32, 64, 96], for SMALL_RESNET");
  const std::string multiple = absl::StrCat("a multiple of norm_groups (", backbone.norm_groups(), ")");
  check->Require(backbone.stem_channels() % backbone.norm_groups() == 0,
                 {prefix + "stem_channels", prefix + "norm_groups"}, backbone.stem_channels(), multiple);
  for (int channels : backbone.stage_channels()) {
    check->Require(channels % backbone.norm_groups() == 0, {prefix + "stage_channels", prefix + "norm_groups"},
                   channels, multiple);
  }
}

// A field that the backbone does not know would be passed over in silence.
void CheckKnown(const Backbone& backbone, Checker* check) {
  const std::string prefix = "model.backbone.", kind = Backbone::Kind_Name(backbone.kind());
  const auto refuse = [&](bool is_set, const std::string& field) {
    check->Require(!is_set, {prefix + field, prefix + "kind"}, "set",
                   absl::StrCat("it left out: ", kind, " has no such thing"));
  };
  const bool small = backbone.kind() == Backbone::SMALL_RESNET, swin = !small && backbone.kind() != Backbone::RESNET50;
  refuse(!swin && backbone.gradient_checkpointing(), "gradient_checkpointing");
  refuse(!swin && !backbone.freeze_keywords().empty(), "freeze_keywords");
  refuse(small && backbone.dilation(), "dilation");
  refuse(small && !backbone.output_stages().empty(), "output_stages");
}

void CheckStages(const Backbone& backbone, Checker* check) {
  // all stages up to the last one, from some stage on
  const auto& stages = backbone.output_stages();
  bool published = stages.size() != 2;
  for (int i = 0; i < stages.size(); ++i) published = published && stages[i] == kStages - stages.size() + i;
  check->Require(published, {"model.backbone.output_stages"}, absl::StrCat("[", absl::StrJoin(stages, ", "), "]"),
                 "[0, 1, 2, 3], [1, 2, 3] or [3]");
}

void CheckBackbone(const Experiment& experiment, Checker* check) {
  const Model& model = experiment.model();
  const Backbone& backbone = model.backbone();
  const bool small = backbone.kind() == Backbone::SMALL_RESNET;
  const std::string prefix = "model.backbone.";
  if (small) {
    CheckSmallResNet(backbone, check);
  } else {
    CheckStages(backbone, check);
  }
  CheckKnown(backbone, check);
  const int levels = LevelsOf(backbone);
  const std::string origin = small ? "stage_channels" : levels != kPublishedLevels ? "output_stages" : "kind";
  check->Require(model.num_feature_levels() >= levels, {"model.num_feature_levels", prefix + origin},
                 model.num_feature_levels(), absl::StrCat("at least ", levels, ", the levels of the backbone"));
}

// Queries are chosen among the tokens of all levels; the smallest image has the fewest.
void CheckTokens(const Experiment& experiment, Checker* check) {
  const Augmentation& augmentation = experiment.data().augmentation();
  const bool synthetic = experiment.data().source() == Data::SYNTHETIC;
  const int as_it_is = experiment.data().synthetic().image_size();
  std::vector<int> sides(augmentation.scales().begin(), augmentation.scales().end());
  if (sides.empty()) sides.push_back(as_it_is);
  if (augmentation.evaluation_scale() > 0) {
    sides.push_back(augmentation.evaluation_scale());
  } else if (synthetic) {
    sides.push_back(as_it_is);
  }
  const int side = *std::min_element(sides.begin(), sides.end());
  const int64_t tokens = TokensOf(experiment.model(), side);
  check->Require(experiment.model().num_queries() <= tokens,
                 {"model.num_queries", "data.augmentation.scales", "data.augmentation.evaluation_scale",
                  "data.synthetic.image_size", "model.backbone.kind"},
                 experiment.model().num_queries(),
                 absl::StrCat("at most ", tokens, ", the tokens of an image of ", side, " x ", side, " pixels"));
  const Pretraining::StageOne& stage_one = experiment.pretraining().stage_one();
  const int64_t drawn = TokensOf(experiment.model(), as_it_is);
  check->Require(stage_one.steps() == 0 || stage_one.num_queries() <= drawn,
                 {"pretraining.stage_one.num_queries", "data.synthetic.image_size", "model.backbone.kind"},
                 stage_one.num_queries(),
                 absl::StrCat("at most ", drawn, ", the tokens of an image of ", as_it_is, " x ", as_it_is, " pixels"));
}

void CheckModel(const Experiment& experiment, Checker* check) {
  const Model& model = experiment.model();
  check->Require(model.hidden_dim() % kHiddenUnit == 0, {"model.hidden_dim"}, model.hidden_dim(),
                 absl::StrCat("a multiple of ", kHiddenUnit, " (group norm and sine embeddings)"));
  check->Require(model.hidden_dim() % model.num_heads() == 0, {"model.hidden_dim", "model.num_heads"},
                 model.hidden_dim(), absl::StrCat("a multiple of model.num_heads (", model.num_heads(), ")"));
  const Data& data = experiment.data();
  check->Require(model.num_body_points() == KeypointsOf(data),
                 {"model.num_body_points", "data.description", "data.dataset", "data.source"}, model.num_body_points(),
                 absl::StrCat(KeypointsOf(data), ", as ", DatasetName(data), " has"));
  check->Require(!model.share_selection_class_head() || model.share_class_heads(),
                 {"model.share_selection_class_head", "model.share_class_heads"}, "true",
                 "model.share_class_heads as well: the selection shares the one head of all layers");
  const SyntheticPeople& people = experiment.data().synthetic();
  check->Require(!UsesSyntheticPeople(experiment) || people.max_persons() <= model.num_queries(),
                 {"data.synthetic.max_persons", "model.num_queries"}, people.max_persons(),
                 absl::StrCat("at most model.num_queries (", model.num_queries(), "): each person takes a query"));
}

// Stage one predicts poses of synthetic people; heatmaps leave nothing behind that counts keypoints.
void CheckPretraining(const Experiment& experiment, Checker* check) {
  const int steps = experiment.pretraining().stage_one().steps();
  const Data& data = experiment.data();
  check->Require(steps == 0 || KeypointsOf(data) == kCocoKeypoints,
                 {"pretraining.stage_one.steps", "data.description", "data.dataset", "data.source"}, steps,
                 absl::StrCat("0: the synthetic people have other keypoints than ", DatasetName(data)));
}

// A step takes different images.
void CheckBatches(const Experiment& experiment, Checker* check) {
  const int images = experiment.data().synthetic().train_images();
  const auto require = [&](const std::string& path, int batch_size, bool used) {
    check->Require(!used || batch_size <= images, {path, "data.synthetic.train_images"}, batch_size,
                   absl::StrCat("at most data.synthetic.train_images (", images, ")"));
  };
  const Pretraining& pretraining = experiment.pretraining();
  require("training.batch_size", experiment.training().batch_size(), experiment.data().source() == Data::SYNTHETIC);
  require("pretraining.heatmap.batch_size", pretraining.heatmap().batch_size(), pretraining.heatmap().steps() > 0);
  require("pretraining.stage_one.batch_size", pretraining.stage_one().batch_size(),
          pretraining.stage_one().steps() > 0);
}

void CheckTraining(const Experiment& experiment, Checker* check) {
  const Training& training = experiment.training();
  const Schedule& schedule = training.schedule();
  check->Require(schedule.warmup_steps() == 0 || schedule.kind() == Schedule::COSINE,
                 {"training.schedule.warmup_steps", "training.schedule.kind"}, schedule.warmup_steps(),
                 "0: only COSINE warms up");
  check->Require(!training.has_steps() || schedule.warmup_steps() < training.steps(),
                 {"training.schedule.warmup_steps", "training.steps"}, schedule.warmup_steps(),
                 absl::StrCat("less than training.steps (", training.steps(), ")"));
}

void CheckEvaluation(const Experiment& experiment, Checker* check) {
  const Model& model = experiment.model();
  const int64_t scores = int64_t{model.num_queries()} * model.num_classes();
  check->Require(experiment.evaluation().num_select() <= scores,
                 {"evaluation.num_select", "model.num_queries", "model.num_classes"},
                 experiment.evaluation().num_select(),
                 absl::StrCat("at most model.num_queries x model.num_classes (", scores, ")"));
}

void CheckPublished(const Experiment& experiment, Checker* check) {
  if (experiment.published().empty()) return;
  const absl::Status found = FindPublished(experiment.published()).status();
  check->Require(found.ok(), {"published"}, absl::StrCat("\"", experiment.published(), "\""),
                 absl::StrCat("a row of published.textproto: ", std::string(found.message())));
}

}  // namespace

absl::Status Validate(const Experiment& experiment, const Origins& origins) {
  Checker check(origins);
  // ranges first: what follows divides by these numbers
  CheckRanges(experiment, &check);
  if (!check.status().ok()) return check.status();
  CheckDescription(experiment.data(), &check);
  CheckSplit(experiment, &check);
  CheckSyntheticPeople(experiment, &check);
  CheckFilter(experiment, &check);
  CheckAugmentation(experiment, &check);
  CheckBackbone(experiment, &check);
  CheckModel(experiment, &check);
  CheckPretraining(experiment, &check);
  CheckBatches(experiment, &check);
  CheckTraining(experiment, &check);
  CheckEvaluation(experiment, &check);
  CheckPublished(experiment, &check);
  if (check.status().ok()) CheckTokens(experiment, &check);
  return check.status();
}

std::vector<std::string> CheckedNumbers() {
  std::vector<std::string> paths;
  for (const Range& range : kRanges) paths.push_back(range.path);
  return paths;
}

}  // namespace grouppose::experiments
