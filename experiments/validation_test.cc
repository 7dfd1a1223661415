// Each rule: an override that breaks it, and the line that the user reads.
#include "experiments/validation.h"

#include <algorithm>

#include "experiments/experiment.h"
#include "experiments/field_paths.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::FieldDescriptor;

// A valid experiment; `evaluation_split` stands in line 2.
constexpr char kSynthetic[] = R"(
data { source: SYNTHETIC evaluation_split: "test"
  augmentation { scales: 64 crop_probability: 0 } }
model {
  backbone { kind: SMALL_RESNET stage_channels: [32, 64, 96] }
  hidden_dim: 64
  num_queries: 16
}
training { steps: 100 }
evaluation { num_select: 20 }
)";
constexpr char kCoco[] = R"(
data { augmentation { scales: [480, 800] crop_resize_scales: [400, 500] } }
)";

constexpr char kHand[] =
    "data.dataset={ name: \"hand\" keypoints { name: \"wrist\" sigma: 0.1 } keypoints { name: \"tip\" sigma: 0.1 } }";

std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides) {
  const auto experiment = ParseExperiment(text, "run.textproto", overrides);
  return std::string(experiment.status().message());
}

TEST(Validation, AcceptsTheExamples) {
  EXPECT_EQ(ErrorOf(kSynthetic, {}), "");
  EXPECT_EQ(ErrorOf(kCoco, {}), "");
}

TEST(Validation, ChecksEveryNumber) {
  std::vector<std::string> numbers;
  for (const std::string& path : AllFieldPaths(Experiment::descriptor(), /*leaves_only=*/true)) {
    if (path.rfind("data.dataset.", 0) == 0) continue;  // dataset_description_test
    const auto type = FindFieldPath(Experiment::descriptor(), path)->back()->cpp_type();
    if (type == FieldDescriptor::CPPTYPE_INT32 || type == FieldDescriptor::CPPTYPE_DOUBLE) numbers.push_back(path);
  }
  std::vector<std::string> checked = CheckedNumbers();
  std::sort(numbers.begin(), numbers.end());
  std::sort(checked.begin(), checked.end());
  EXPECT_EQ(numbers, checked);
}

// Whatever the field, these are no numbers to run with.
TEST(Validation, RefusesNaNInfinityAndFarNegativeEverywhere) {
  for (const std::string& path : CheckedNumbers()) {
    const auto* field = FindFieldPath(Experiment::descriptor(), path)->back();
    EXPECT_THAT(ErrorOf(kSynthetic, {path + "=-1000000"}), ::testing::StartsWith("--set " + path + "=-1000000: "));
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE) continue;
    for (const std::string value : {"nan", "inf", "-inf"}) {
      EXPECT_THAT(ErrorOf(kSynthetic, {path + "=" + value}),
                  ::testing::StartsWith("--set " + path + "=" + value + ": " + path + " is "));
    }
  }
}

struct Case {
  const char* text;
  std::vector<std::string> overrides;
  const char* error;
};

void PrintTo(const Case& broken, std::ostream* out) {
  for (const std::string& text : broken.overrides) *out << "--set " << text << " ";
}

class BrokenRule : public ::testing::TestWithParam<Case> {};

TEST_P(BrokenRule, IsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf(GetParam().text, GetParam().overrides), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, BrokenRule,
    ::testing::Values(
        Case{kCoco, {"model.num_queries=0"}, "--set model.num_queries=0: model.num_queries is 0, expected at least 1"},
        Case{kCoco,
             {"model.hidden_dim=-256"},
             "--set model.hidden_dim=-256: model.hidden_dim is -256, expected at least 1"},
        Case{kCoco,
             {"model.dropout=1"},
             "--set model.dropout=1: model.dropout is 1, expected at least 0 and less than 1"},
        Case{
            kCoco,
            {"data.augmentation.flip_probability=1.5"},
            "--set data.augmentation.flip_probability=1.5: data.augmentation.flip_probability is 1.5, expected 0 to 1"},
        Case{kCoco,
             {"model.position_temperature=0"},
             "--set model.position_temperature=0: model.position_temperature is 0, expected more than 0"},
        Case{kCoco,
             {"data.augmentation.scales=[480, 0]"},
             "--set data.augmentation.scales=[480, 0]: data.augmentation.scales is 0, expected at least 1"},
        Case{
            kCoco,
            {"training.optimizer.learning_rate=nan"},
            "--set training.optimizer.learning_rate=nan: training.optimizer.learning_rate is nan, expected at least 0"},
        Case{kCoco, {"training.steps=0"}, "--set training.steps=0: training.steps is 0, expected at least 1"},
        Case{kCoco, {"training.epochs=0"}, "--set training.epochs=0: training.epochs is 0, expected at least 1"},
        Case{kCoco, {"model.num_classes=1"}, "--set model.num_classes=1: model.num_classes is 1, expected at least 2"},
        Case{kCoco,
             {"data.synthetic.min_height=0"},
             "--set data.synthetic.min_height=0: data.synthetic.min_height is 0, expected more than 0 and at most 1"}));

INSTANTIATE_TEST_SUITE_P(
    Data, BrokenRule,
    ::testing::Values(
        Case{kCoco,
             {"data.evaluation_split=test"},
             "--set data.evaluation_split=test: data.evaluation_split is \"test\", expected \"val\" or \"train\" for "
             "COCO"},
        Case{kSynthetic,
             {"data.evaluation_split=val"},
             "--set data.evaluation_split=val: data.evaluation_split is \"val\", expected \"test\", \"tuning\" or "
             "\"train\" for SYNTHETIC"},
        Case{"data { source: SYNTHETIC }",
             {},
             "run.textproto:1:8: data.evaluation_split is \"val\" by default, expected \"test\", \"tuning\" or "
             "\"train\" for SYNTHETIC"},
        Case{kSynthetic,
             {"data.synthetic.test_images=0"},
             "--set data.synthetic.test_images=0: data.synthetic.test_images is 0, expected at least 1: these images "
             "are evaluated"},
        Case{kSynthetic,
             {"data.synthetic.tuning_images=0", "data.evaluation_split=tuning"},
             "--set data.evaluation_split=tuning: data.synthetic.tuning_images is 0, expected at least 1: these images "
             "are evaluated"},
        Case{kSynthetic,
             {"data.synthetic.max_height=0.25"},
             "--set data.synthetic.max_height=0.25: data.synthetic.max_height is 0.25, expected at least "
             "data.synthetic.min_height (0.5)"},
        Case{kSynthetic,
             {"data.synthetic.train_seed=3"},
             "--set data.synthetic.train_seed=3: data.synthetic.test_seed is 3 by default, expected another seed than "
             "data.synthetic.train_seed"},
        Case{kSynthetic,
             {"data.synthetic.tuning_seed=1"},
             "--set data.synthetic.tuning_seed=1: data.synthetic.tuning_seed is 1, expected another seed than "
             "data.synthetic.train_seed"},
        Case{kSynthetic,
             {"data.synthetic.test_seed=2"},
             "--set data.synthetic.test_seed=2: data.synthetic.test_seed is 2, expected another seed than "
             "data.synthetic.tuning_seed"},
        // pretraining draws synthetic people for COCO too
        Case{kCoco,
             {"data.synthetic.test_seed=2", "pretraining.heatmap.steps=10"},
             "--set data.synthetic.test_seed=2: data.synthetic.test_seed is 2, expected another seed than "
             "data.synthetic.tuning_seed"},
        Case{kCoco, {"data.synthetic.test_seed=2"}, ""},
        Case{kCoco,
             {"data.train_filter={min_persons: 3 max_persons: 2}"},
             "--set data.train_filter={min_persons: 3 max_persons: 2}: data.train_filter.max_persons is 2, expected 0 "
             "or at least data.train_filter.min_persons (3)"},
        Case{kCoco,
             {"data.train_filter.min_num_keypoints=18"},
             "--set data.train_filter.min_num_keypoints=18: data.train_filter.min_num_keypoints is 18, expected at "
             "most model.num_body_points (17)"}));

INSTANTIATE_TEST_SUITE_P(
    Augmentation, BrokenRule,
    ::testing::Values(
        Case{"",
             {},
             "run.textproto: data.augmentation.scales is empty by default, expected at least one scale, such as [480, "
             "512, 544], for photos"},
        Case{kCoco,
             {"data.augmentation.scales=[]"},
             "--set data.augmentation.scales=[]: data.augmentation.scales is empty, expected at least one scale, such "
             "as [480, 512, 544], for photos"},
        Case{kCoco,
             {"data.augmentation.max_size=600"},
             "--set data.augmentation.max_size=600: data.augmentation.scales is 800, expected at most max_size (600)"},
        Case{kCoco,
             {"data.augmentation.evaluation_max_size=600"},
             "--set data.augmentation.evaluation_max_size=600: data.augmentation.evaluation_scale is 800 by default, "
             "expected at most evaluation_max_size (600)"},
        Case{kCoco,
             {"data.augmentation.crop_resize_scales=[]"},
             "--set data.augmentation.crop_resize_scales=[]: data.augmentation.crop_resize_scales is empty, expected "
             "at least one scale, such as [400, 500, 600]: crop_probability is 0.5"},
        Case{kCoco, {"data.augmentation.crop_resize_scales=[]", "data.augmentation.crop_probability=0"}, ""},
        Case{kCoco,
             {"data.augmentation.max_crop=300"},
             "--set data.augmentation.max_crop=300: data.augmentation.max_crop is 300, expected at least min_crop "
             "(384)"},
        Case{
            kCoco,
            {"data.augmentation.min_crop=401"},
            "--set data.augmentation.min_crop=401: data.augmentation.min_crop is 401, expected at most the smallest of "
            "crop_resize_scales (400)"}));

INSTANTIATE_TEST_SUITE_P(
    Model, BrokenRule,
    ::testing::Values(
        Case{kSynthetic,
             {"model.backbone.stage_channels=[]"},
             "--set model.backbone.stage_channels=[]: model.backbone.stage_channels is empty, expected one number a "
             "stage, such as [32, 64, 96], for SMALL_RESNET"},
        Case{kCoco,
             {"model.backbone.kind=SMALL_RESNET"},
             "--set model.backbone.kind=SMALL_RESNET: model.backbone.stage_channels is empty by default, expected one "
             "number a stage, such as [32, 64, 96], for SMALL_RESNET"},
        Case{kSynthetic,
             {"model.backbone.stage_channels=[32, 60, 96]"},
             "--set model.backbone.stage_channels=[32, 60, 96]: model.backbone.stage_channels is 60, expected a "
             "multiple of norm_groups (8)"},
        Case{kSynthetic,
             {"model.backbone.norm_groups=32"},
             "--set model.backbone.norm_groups=32: model.backbone.stem_channels is 16 by default, expected a multiple "
             "of norm_groups (32)"},
        Case{kSynthetic,
             {"model.num_feature_levels=1", "model.backbone.stage_channels=[32, 64]"},
             "--set model.backbone.stage_channels=[32, 64]: model.num_feature_levels is 1, expected at least 2, the "
             "levels of the backbone"},
        Case{kCoco,
             {"model.num_feature_levels=2"},
             "--set model.num_feature_levels=2: model.num_feature_levels is 2, expected at least 3, the levels of the "
             "backbone"},
        Case{kCoco,
             {"model.num_feature_levels=9"},
             "--set model.num_feature_levels=9: model.num_feature_levels is 9, expected 1 to 8"},
        Case{kCoco, {"model.num_feature_levels=3"}, ""},
        Case{kCoco, {"model.backbone.kind=SWIN_T_224_1K", "model.num_feature_levels=3"}, ""},
        Case{kCoco, {"model.backbone.kind=SWIN_L_384_22K", "model.backbone.output_stages=[3]"}, ""},
        Case{kCoco,
             {"model.backbone.kind=SWIN_L_384_22K", "model.backbone.output_stages=[2, 3]"},
             "--set model.backbone.output_stages=[2, 3]: model.backbone.output_stages is [2, 3], expected [0, 1, 2, "
             "3], [1, 2, 3] or [3]"},
        Case{kCoco,
             {"model.backbone.kind=SWIN_L_384_22K", "model.backbone.output_stages=[3, 2, 1]"},
             "--set model.backbone.output_stages=[3, 2, 1]: model.backbone.output_stages is [3, 2, 1], expected [0, "
             "1, 2, 3], [1, 2, 3] or [3]"},
        Case{kCoco,
             {"model.backbone.kind=SWIN_B_224_22K", "model.num_feature_levels=3",
              "model.backbone.output_stages=[0, 1, 2, 3]"},
             "--set model.backbone.output_stages=[0, 1, 2, 3]: model.num_feature_levels is 3, expected at least 4, the "
             "levels of the backbone"},
        Case{kCoco,
             {"model.backbone.output_stages=[0]"},
             "--set model.backbone.output_stages=[0]: model.backbone.output_stages is [0], expected [0, 1, 2, 3], [1, "
             "2, 3] or [3]"},
        Case{kCoco, {"model.backbone.output_stages=[3]", "model.backbone.dilation=true"}, ""},
        // 8 x 8 + 4 x 4 + 4 x 4 + 2 x 2 cells: the last stage as large as the one before it
        Case{kSynthetic,
             {"model.backbone.kind=SWIN_T_224_1K", "model.backbone.dilation=true", "model.num_queries=101"},
             "--set model.num_queries=101: model.num_queries is 101, expected at most 100, the tokens of an image of "
             "64 x 64 pixels"},
        Case{
            kSynthetic,
            {"model.backbone.kind=SWIN_T_224_1K", "model.backbone.output_stages=[0, 1, 2, 3]", "model.num_queries=341"},
            "--set model.num_queries=341: model.num_queries is 341, expected at most 340, the tokens of an image of "
            "64 x 64 pixels"},
        Case{kCoco,
             {"model.backbone.drop_path_rate=1"},
             "--set model.backbone.drop_path_rate=1: model.backbone.drop_path_rate is 1, expected at least 0 and less "
             "than 1"},
        Case{kCoco,
             {"model.hidden_dim=250"},
             "--set model.hidden_dim=250: model.hidden_dim is 250, expected a multiple of 8 (group norm and sine "
             "embeddings)"},
        Case{kCoco,
             {"model.num_heads=12"},
             "--set model.num_heads=12: model.hidden_dim is 256 by default, expected a multiple of model.num_heads "
             "(12)"},
        Case{kSynthetic,
             {"data.train_filter.first_images=24"},
             "--set data.train_filter.first_images=24: data.train_filter.first_images is 24, expected 0: synthetic "
             "people are drawn as wanted, not filtered"},
        Case{kSynthetic,
             {"model.num_body_points=14"},
             "--set model.num_body_points=14: model.num_body_points is 14, expected 17, as SYNTHETIC has"},
        Case{kCoco,
             {"data.source=CROWDPOSE", "data.evaluation_split=test"},
             "--set data.source=CROWDPOSE: model.num_body_points is 17 by default, expected 14, as CROWDPOSE has"},
        Case{kCoco, {"data.source=CROWDPOSE", "data.evaluation_split=test", "model.num_body_points=14"}, ""},
        Case{kCoco,
             {"data.source=CROWDPOSE", "model.num_body_points=14"},
             "--set data.source=CROWDPOSE: data.evaluation_split is \"val\" by default, expected \"test\" or \"train\" "
             "for CROWDPOSE"},
        Case{kCoco,
             {"data.source=CROWDPOSE", "data.evaluation_split=test", "model.num_body_points=14",
              "pretraining.stage_one.steps=1"},
             "--set pretraining.stage_one.steps=1: pretraining.stage_one.steps is 1, expected 0: the synthetic people "
             "have other keypoints than CROWDPOSE"},
        Case{kCoco, {kHand, "model.num_body_points=2"}, ""},
        Case{kCoco,
             {kHand},
             "--set data.dataset={ name: \"hand\" keypoints { name: \"wrist\" sigma: 0.1 } keypoints { name: \"tip\" "
             "sigma: 0.1 } }: model.num_body_points is 17 by default, expected 2, as hand has"},
        Case{kCoco,
             {"model.num_body_points=2", "data.dataset={ name: \"hand\" keypoints { name: \"tip\" } }"},
             "--set data.dataset={ name: \"hand\" keypoints { name: \"tip\" } }: data.dataset is \"hand\", expected a "
             "description that holds: keypoints[0].sigma is not set, expected a positive number"},
        Case{kSynthetic,
             {"data.dataset={ name: \"h\" keypoints { name: \"tip\" sigma: 1 } }"},
             "--set data.dataset={ name: \"h\" keypoints { name: \"tip\" sigma: 1 } }: data.description is set by "
             "default, expected photos: the synthetic people have COCO's keypoints"},
        Case{kCoco,
             {kHand, "model.num_body_points=2",
              "data.dataset={ splits { name: \"a\" annotations: \"a.json\" images: \".\" } }"},
             "--set data.dataset={ splits { name: \"a\" annotations: \"a.json\" images: \".\" } }: "
             "data.evaluation_split is \"val\" by default, expected a split of hand: \"a\""},
        Case{kCoco,
             {kHand, "model.num_body_points=2", "pretraining.stage_one.steps=1"},
             "--set pretraining.stage_one.steps=1: pretraining.stage_one.steps is 1, expected 0: the synthetic people "
             "have other keypoints than hand"},
        Case{kCoco, {"published=GroupPose/Swin-L/CrowdPose test"}, ""},
        Case{kCoco,
             {"published=GroupPose/Swin-L/CrowdPose"},
             "--set published=GroupPose/Swin-L/CrowdPose: published is \"GroupPose/Swin-L/CrowdPose\", expected a row "
             "of published.textproto: no row 'GroupPose/Swin-L/CrowdPose' in published.textproto; did you mean "
             "'GroupPose/Swin-L/CrowdPose test'?"},
        Case{kCoco,
             {"model.share_selection_class_head=true"},
             "--set model.share_selection_class_head=true: model.share_selection_class_head is true, expected "
             "model.share_class_heads as well: the selection shares the one head of all layers"},
        Case{kCoco,
             {"model.backbone.gradient_checkpointing=true"},
             "--set model.backbone.gradient_checkpointing=true: model.backbone.gradient_checkpointing is set, expected "
             "it "
             "left out: RESNET50 has no such thing"},
        Case{kSynthetic,
             {"model.backbone.dilation=true"},
             "--set model.backbone.dilation=true: model.backbone.dilation is set, expected it left out: SMALL_RESNET "
             "has "
             "no such thing"},
        Case{kSynthetic,
             {"model.backbone.output_stages=[3]"},
             "--set model.backbone.output_stages=[3]: model.backbone.output_stages is set, expected it left out: "
             "SMALL_RESNET has no such thing"},
        Case{kCoco,
             {"training.weight_average.decay=1"},
             "--set training.weight_average.decay=1: training.weight_average.decay is 1, expected at least 0 and less "
             "than 1"},
        Case{kCoco,
             {"model.num_body_points=18"},
             "--set model.num_body_points=18: model.num_body_points is 18, expected 17, as COCO has"},
        Case{kSynthetic,
             {"data.synthetic.max_persons=17"},
             "--set data.synthetic.max_persons=17: data.synthetic.max_persons is 17, expected at most "
             "model.num_queries (16): each person takes a query"},
        Case{kSynthetic, {"data.augmentation.scales=[]", "data.augmentation.evaluation_scale=0"}, ""},
        // 16 x 16 + 8 x 8 + 4 x 4 + 2 x 2 cells
        Case{kSynthetic, {"model.num_queries=340"}, ""},
        Case{
            kSynthetic,
            {"model.num_queries=341"},
            "--set model.num_queries=341: model.num_queries is 341, expected at most 340, the tokens of an image of 64 "
            "x 64 pixels"},
        Case{kSynthetic,
             {"model.num_queries=341", "data.augmentation.scales=[]", "data.augmentation.evaluation_scale=0"},
             "--set data.augmentation.evaluation_scale=0: model.num_queries is 341, expected at most 340, the tokens "
             "of an image of 64 x 64 pixels"},
        Case{kCoco,
             {"data.augmentation.scales=[480, 32]"},
             "--set data.augmentation.scales=[480, 32]: model.num_queries is 100 by default, expected at most 22, the "
             "tokens of an image of 32 x 32 pixels"},
        Case{kSynthetic,
             {"pretraining.stage_one={steps: 1 num_queries: 341}"},
             "--set pretraining.stage_one={steps: 1 num_queries: 341}: pretraining.stage_one.num_queries is 341, "
             "expected at most 340, the tokens of an image of 64 x 64 pixels"},
        Case{kSynthetic, {"model.decoder_layers=0"}, ""}));

INSTANTIATE_TEST_SUITE_P(
    TrainingAndEvaluation, BrokenRule,
    ::testing::Values(
        Case{kCoco,
             {"training.schedule.warmup_steps=5"},
             "--set training.schedule.warmup_steps=5: training.schedule.warmup_steps is 5, expected 0: only COSINE "
             "warms up"},
        Case{kSynthetic,
             {"training.schedule={kind: COSINE warmup_steps: 100}"},
             "--set training.schedule={kind: COSINE warmup_steps: 100}: training.schedule.warmup_steps is 100, "
             "expected less than training.steps (100)"},
        Case{kSynthetic, {"training.schedule={kind: COSINE warmup_steps: 99}"}, ""},
        Case{kSynthetic,
             {"evaluation.num_select=33"},
             "--set evaluation.num_select=33: evaluation.num_select is 33, expected at most model.num_queries x "
             "model.num_classes (32)"},
        Case{kSynthetic, {"evaluation.num_select=32"}, ""},
        Case{kSynthetic,
             {"data.synthetic.train_images=10", "training.batch_size=11"},
             "--set training.batch_size=11: training.batch_size is 11, expected at most data.synthetic.train_images "
             "(10)"},
        Case{kCoco, {"data.synthetic.train_images=1"}, ""},
        Case{kCoco,
             {"data.synthetic.train_images=15", "pretraining.heatmap.steps=1"},
             "--set data.synthetic.train_images=15: pretraining.heatmap.batch_size is 16 by default, expected at most "
             "data.synthetic.train_images (15)"},
        Case{kCoco,
             {"data.synthetic.train_images=7", "pretraining.stage_one.steps=1"},
             "--set data.synthetic.train_images=7: pretraining.stage_one.batch_size is 8 by default, expected at most "
             "data.synthetic.train_images (7)"}));

// The place is the file's line where no override takes part.
TEST(Validation, NamesTheLineOfTheFile) {
  EXPECT_EQ(
      ErrorOf("data { augmentation { scales: 64 crop_probability: 0 } }\nmodel {\n  hidden_dim: 64\n  num_heads: 6\n}",
              {}),
      "run.textproto:4:3: model.hidden_dim is 64, expected a multiple of model.num_heads (6)");
}

}  // namespace
}  // namespace grouppose::experiments
