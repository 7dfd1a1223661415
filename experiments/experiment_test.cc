#include "experiments/experiment.h"

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/random.h"
#include "experiments/field_paths.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The shortest valid run.
constexpr char kMinimal[] = "data { augmentation { scales: [480, 800] crop_probability: 0 } }\n";

Experiment Parsed(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const auto experiment = ParseExperiment(kMinimal + text, "run.textproto", overrides);
  EXPECT_TRUE(experiment.ok()) << experiment.status();
  return experiment.ok() ? *experiment : Experiment();
}

std::string ErrorOf(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const auto experiment = ParseExperiment(text, "run.textproto", overrides);
  EXPECT_EQ(experiment.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(experiment.status().message());
}

std::string OverrideError(const std::string& text) {
  const std::string error = ErrorOf(kMinimal, {text});
  const std::string prefix = "--set " + text + ": ";
  EXPECT_THAT(error, StartsWith(prefix));
  return error.substr(std::min(error.size(), prefix.size()));
}

// A folder of textprotos.
class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    // without the double slash that TempDir() may end in
    folder_ = base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name());
    folder_ = std::filesystem::path(folder_).lexically_normal().string();
    ASSERT_TRUE(base::MakeDirectories(folder_ + "/below").ok());
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(base::WriteFileAtomically(Path(name), text).ok());
  }
  std::string LoadError(const std::string& name, const std::vector<std::string>& overrides = {}) const {
    return std::string(LoadExperiment(Path(name), overrides).status().message());
  }
  std::string folder_;
};

TEST(Resolved, SetsEveryField) {
  const Experiment experiment = Parsed("");
  EXPECT_TRUE(experiment.pretraining().stage_one().has_num_queries());
  EXPECT_EQ(experiment.training().epochs(), 60);
  EXPECT_FALSE(experiment.training().has_steps());
  const std::string text = ResolvedText(experiment);
  for (const std::string& path : AllFieldPaths(Experiment::descriptor(), /*leaves_only=*/false)) {
    if (path == "extends" || path == "training.steps" || path == "data.augmentation.crop_resize_scales" ||
        path == "model.backbone.stage_channels" || path == "model.backbone.output_stages" ||
        path == "model.backbone.freeze_keywords" || path.rfind("data.dataset", 0) == 0) {
      continue;
    }
    EXPECT_THAT(text, HasSubstr(path.substr(path.rfind('.') + 1))) << path;
  }
  EXPECT_THAT(text, HasSubstr("hidden_dim: 256\n"));
  EXPECT_THAT(text, HasSubstr("scales: [480, 800]\n"));
  EXPECT_THAT(text, HasSubstr("learning_rate: 0.0001\n"));
  EXPECT_THAT(text, HasSubstr("self_attention: GROUP\n"));
}

TEST(Resolved, ParsesBackToTheSameBytes) {
  const std::string text =
      ResolvedText(Parsed("", {"description=a \"quoted\" \\ text, ü", "model.dropout=0.1", "training.steps=7",
                               "training.optimizer.learning_rate=0.30000000000000004", "loss.auxiliary_losses=false"}));
  EXPECT_THAT(text, HasSubstr("learning_rate: 0.30000000000000004\n"));
  const auto again = ParseExperiment(text, "resolved");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ResolvedText(*again), text);
}

TEST(Resolved, IsTheSameWhereverAValueCameFrom) {
  EXPECT_EQ(ResolvedText(Parsed("model { hidden_dim: 256 }")), ResolvedText(Parsed("")));
  EXPECT_EQ(ResolvedText(Parsed("", {"model.hidden_dim=64"})), ResolvedText(Parsed("model { hidden_dim: 64 }")));
  EXPECT_NE(ResolvedText(Parsed("", {"model.hidden_dim=64"})), ResolvedText(Parsed("")));
  // of a message whose fields were set or not
  EXPECT_EQ(ResolvedText(Experiment()), ResolvedText(*[] {
              static Experiment experiment;
              experiment.mutable_model()->mutable_backbone();
              experiment.set_extends("gone");
              return &experiment;
            }()));
}

TEST(Overrides, SetEveryKindOfField) {
  const Experiment experiment = Parsed(
      "", {"training.optimizer.learning_rate=1e-3", "model.self_attention=FULL", "data.augmentation.scales=[64,96]",
           "model.num_queries=85", "loss.auxiliary_losses=false", "name=plain text", "description=\"in quotes\"",
           "training.batch_size = 3", "model.backbone.stage_channels=32"});
  EXPECT_EQ(experiment.training().optimizer().learning_rate(), 1e-3);
  EXPECT_EQ(experiment.model().self_attention(), Model::FULL);
  EXPECT_THAT(experiment.data().augmentation().scales(), ElementsAre(64, 96));
  EXPECT_FALSE(experiment.loss().auxiliary_losses());
  EXPECT_EQ(experiment.name(), "plain text");
  EXPECT_EQ(experiment.description(), "in quotes");
  EXPECT_EQ(experiment.training().batch_size(), 3);
  EXPECT_THAT(experiment.model().backbone().stage_channels(), ElementsAre(32));
}

TEST(Overrides, MergeAMessageInBraces) {
  const Experiment experiment = Parsed("training { optimizer { weight_decay: 0.5 } steps: 9 }",
                                       {"training.optimizer={ learning_rate: 1 clip_max_norm: 2 }"});
  EXPECT_EQ(experiment.training().optimizer().weight_decay(), 0.5);
  EXPECT_EQ(experiment.training().optimizer().learning_rate(), 1);
  EXPECT_EQ(experiment.training().optimizer().clip_max_norm(), 2);
}

TEST(Overrides, TheLastOneWins) {
  EXPECT_EQ(
      Parsed("", {"model.num_queries=20", "model.num_queries=30", "evaluation.num_select=10"}).model().num_queries(),
      30);
}

TEST(Overrides, EpochsAndStepsUnsetEachOther) {
  const Experiment steps = Parsed("training { epochs: 5 }", {"training.steps=10"});
  EXPECT_TRUE(steps.training().has_steps());
  EXPECT_FALSE(steps.training().has_epochs());
  EXPECT_EQ(Parsed("training { steps: 5 }", {"training.epochs=7"}).training().epochs(), 7);
  EXPECT_EQ(ErrorOf("training { steps: 5\n epochs: 3 }"),
            "run.textproto:2:2: training.epochs: expected alone, found together with training.steps");
}

TEST(Overrides, RefuseUnknownPaths) {
  EXPECT_EQ(OverrideError("model.num_head=4"), "unknown field 'num_head' in model; did you mean model.num_heads?");
  EXPECT_EQ(OverrideError("modle.num_heads=4"), "unknown field 'modle'; did you mean model?");
  EXPECT_EQ(OverrideError("hidden_dim=4"), "unknown field 'hidden_dim'; did you mean model.hidden_dim?");
  EXPECT_EQ(OverrideError("training.learning_rate=4"),
            "unknown field 'learning_rate' in training; did you mean training.optimizer.learning_rate?");
  EXPECT_EQ(OverrideError("steps=4"),
            "unknown field 'steps'; did you mean training.steps, pretraining.heatmap.steps or "
            "pretraining.stage_one.steps?");
  EXPECT_EQ(OverrideError("zzzzzzzzzzzzzzz=4"), "unknown field 'zzzzzzzzzzzzzzz'");
  EXPECT_EQ(OverrideError("model.hidden_dim.size=4"), "model.hidden_dim is an integer and has no field 'size'");
  EXPECT_EQ(OverrideError("model..hidden_dim=4"), "unknown field '' in model");
  EXPECT_EQ(OverrideError("model.hidden_dim"), "expected path=value");
  EXPECT_EQ(OverrideError("=4"), "expected path=value");
}

TEST(Overrides, RefuseWrongValues) {
  EXPECT_EQ(OverrideError("model.hidden_dim=abc"), "model.hidden_dim: expected an integer, found 'abc'");
  EXPECT_EQ(OverrideError("model.hidden_dim=64.5"), "model.hidden_dim: expected an integer, found '64.5'");
  EXPECT_EQ(OverrideError("model.hidden_dim="), "model.hidden_dim: expected an integer, found nothing");
  EXPECT_EQ(OverrideError("model.hidden_dim=99999999999"), "model.hidden_dim: 99999999999 is out of range for int32");
  EXPECT_EQ(OverrideError("model.dropout=high"), "model.dropout: expected a number, found 'high'");
  EXPECT_EQ(OverrideError("loss.auxiliary_losses=maybe"),
            "loss.auxiliary_losses: expected true or false, found 'maybe'");
  EXPECT_EQ(
      OverrideError("model.self_attention=GRUOP"),
      "model.self_attention: unknown value 'GRUOP'; did you mean GROUP? (one of FULL, GROUP, FULL_2X, WITHIN, ACROSS, "
      "GROUP_REVERSED, GROUP_PARALLEL, GROUP_MASKED, NONE, CUSTOM)");
  EXPECT_EQ(
      OverrideError("model.self_attention=group"),
      "model.self_attention: unknown value 'group'; did you mean GROUP? (one of FULL, GROUP, FULL_2X, WITHIN, ACROSS, "
      "GROUP_REVERSED, GROUP_PARALLEL, GROUP_MASKED, NONE, CUSTOM)");
  EXPECT_EQ(OverrideError("model.hidden_dim=64px"), "near model.hidden_dim: need space between number and identifier");
  EXPECT_EQ(OverrideError("data.augmentation.scales=[64, big]"),
            "data.augmentation.scales: expected a list [a, b] of integers, found 'big'");
  EXPECT_EQ(OverrideError("model.backbone=RESNET50"), "model.backbone: expected a message in braces, found 'RESNET50'");
  EXPECT_EQ(OverrideError("model.backbone={kind: RESNET51}"),
            "model.backbone.kind: unknown value 'RESNET51'; did you mean RESNET50? (one of RESNET50, SMALL_RESNET, "
            "SWIN_T_224_1K, SWIN_B_224_22K, SWIN_B_384_22K, SWIN_L_224_22K, SWIN_L_384_22K)");
  EXPECT_EQ(OverrideError("model.backbone={knid: RESNET50}"),
            "unknown field 'knid' in model.backbone; did you mean model.backbone.kind?");
  EXPECT_EQ(OverrideError("model.hidden_dim={}"), "model.hidden_dim: expected an integer, found '{}'");
  EXPECT_EQ(OverrideError("extends=other.textproto"), "extends belongs into a file and cannot be set");
}

// A value must not smuggle other fields in.
TEST(Overrides, RefuseMoreThanOneValue) {
  EXPECT_EQ(OverrideError("model.hidden_dim=64 num_heads: 4"), "model.hidden_dim: expected one value");
  EXPECT_EQ(OverrideError("model.hidden_dim=64 } training { steps: 4"), "model.hidden_dim: expected one value");
  EXPECT_EQ(OverrideError("model.hidden_dim=64 }} {"), "near model: expected identifier, found '}'");
}

TEST(Texts, AreRefusedWithLineAndColumn) {
  EXPECT_EQ(ErrorOf("name: \"x\"\nmodel {\n  hiden_dim: 64\n}"),
            "run.textproto:3:3: unknown field 'hiden_dim' in model; did you mean model.hidden_dim?");
  EXPECT_EQ(
      ErrorOf("model {\n  backbone {\n    kind: RESNET51\n  }\n}"),
      "run.textproto:3:11: model.backbone.kind: unknown value 'RESNET51'; did you mean RESNET50? (one of RESNET50, "
      "SMALL_RESNET, SWIN_T_224_1K, SWIN_B_224_22K, SWIN_B_384_22K, SWIN_L_224_22K, SWIN_L_384_22K)");
  EXPECT_EQ(ErrorOf("model {\n  hidden_dim: \"64\"\n}"),
            "run.textproto:2:15: model.hidden_dim: expected an integer, found '\"64\"'");
  EXPECT_EQ(ErrorOf("model {\n  hidden_dim: 64\n  # once is enough\n  hidden_dim: 64 }"),
            "run.textproto:4:3: model.hidden_dim: given twice");
  EXPECT_EQ(ErrorOf("data { source: COCO }\nmodel {}\ndata { image_root: \"x\" }"),
            "run.textproto:3:1: data: given twice");
  EXPECT_EQ(ErrorOf("training <\n optimizer { weight_decay: 0 } optimizer: {} >"),
            "run.textproto:2:32: training.optimizer: given twice");
  EXPECT_EQ(ErrorOf("training { optimizer { learning_rate: fast } }"),
            "run.textproto:1:39: training.optimizer.learning_rate: expected a number, found 'fast'");
  EXPECT_EQ(ErrorOf("loss {\n  auxiliary_losses: perhaps\n}\n"),
            "run.textproto:2:21: loss.auxiliary_losses: expected true or false, found 'perhaps'");
  EXPECT_THAT(ErrorOf("model {\n  hidden_dim: 64\n"), StartsWith("run.textproto:3:1: "));
  EXPECT_THAT(ErrorOf("model }"), StartsWith("run.textproto:1:7: "));
  EXPECT_THAT(ErrorOf("extends: \"a.textproto\""), StartsWith("run.textproto:1:1: extends needs a file"));
}

// `text` with up to three pieces removed, doubled or exchanged; every fourth is unchanged.
std::string Broken(std::string text, uint64_t index) {
  base::RandomStream random("broken texts", {index});
  for (uint64_t changes = random.NextBelow(4); changes > 0 && !text.empty(); --changes) {
    const size_t at = random.NextBelow(text.size()), length = 1 + random.NextBelow(8);
    const std::string piece = text.substr(at, length);
    switch (random.NextBelow(3)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(random.NextBelow(text.size()), piece);
        break;
      default:
        std::swap(text[at], text[random.NextBelow(text.size())]);
    }
  }
  return text;
}

// Either an experiment that stands for itself or one line that says where.
TEST(Texts, AreNeverTooBroken) {
  const std::string whole =
      "name: \"x\" # a comment\ndata { augmentation { scales: [480, 800] crop_probability: 0 } }\n"
      "model { backbone { kind: SMALL_RESNET stage_channels: 32 stage_channels: 64 } hidden_dim: 64 num_queries: 9 }\n"
      "training { optimizer { learning_rate: 1e-3 } steps: 9 schedule < kind: COSINE, warmup_steps: 3 > }\n"
      "evaluation { num_select: 4 }\n";
  int accepted = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const std::string text = Broken(whole, i);
    const auto experiment = ParseExperiment(text, "run.textproto");
    if (!experiment.ok()) {
      EXPECT_EQ(experiment.status().code(), absl::StatusCode::kInvalidArgument) << text;
      EXPECT_THAT(std::string(experiment.status().message()), StartsWith("run.textproto")) << text;
      continue;
    }
    ++accepted;
    const auto again = ParseExperiment(ResolvedText(*experiment), "resolved");
    ASSERT_TRUE(again.ok()) << again.status() << text;
    EXPECT_EQ(ResolvedText(*again), ResolvedText(*experiment)) << text;
  }
  // a quarter is unchanged, and of the rest most are refused
  EXPECT_GT(accepted, 600);
  EXPECT_LT(accepted, 2000);
}

TEST(Overrides, AreNeverTooBroken) {
  for (uint64_t i = 0; i < 1000; ++i) {
    for (const char* whole :
         {"training.schedule={ kind: COSINE warmup_steps: 3 }", "data.augmentation.scales=[64, 96]"}) {
      const std::string text = Broken(whole, i);
      const auto experiment = ParseExperiment(std::string(kMinimal) + "training { steps: 9 }", "run.textproto", {text});
      if (experiment.ok()) continue;
      EXPECT_EQ(experiment.status().code(), absl::StatusCode::kInvalidArgument) << text;
      EXPECT_THAT(std::string(experiment.status().message()), StartsWith("--set " + text + ": ")) << text;
    }
  }
}

constexpr char kHand[] = R"(
name: "hand"
keypoints { name: "wrist" sigma: 0.1 }
keypoints { name: "tip" sigma: 0.05 }
)";

TEST_F(Files, ADescriptionIsTakenIn) {
  Write("below/hand.textproto", kHand);
  Write("run.textproto",
        "data { augmentation { scales: [480, 800] crop_probability: 0 } description: \"below/hand.textproto\" }\n"
        "model { num_body_points: 2 }");
  Write("extending.textproto", "extends: \"run.textproto\" name: \"x\"");
  const auto experiment = LoadExperiment(Path("extending.textproto"));
  ASSERT_TRUE(experiment.ok()) << experiment.status();
  EXPECT_EQ(experiment->data().dataset().keypoints(1).name(), "tip");
  EXPECT_FALSE(experiment->data().has_description());
  // the resolved text needs no other file
  const auto again = ParseExperiment(ResolvedText(*experiment), "resolved");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ResolvedText(*again), ResolvedText(*experiment));
  // back to the data set's own, and another on top: nothing of the first remains
  const auto own = LoadExperiment(Path("extending.textproto"), {"data.description=", "model.num_body_points=17"});
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_FALSE(own->data().has_dataset());
  Write("one.textproto", "name: \"one\" keypoints { name: \"middle\" sigma: 0.2 }");
  const auto other = LoadExperiment(Path("extending.textproto"),
                                    {"data.description=" + Path("one.textproto"), "model.num_body_points=1"});
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_EQ(other->data().dataset().keypoints_size(), 1);
  EXPECT_EQ(other->data().dataset().keypoints(0).name(), "middle");
}

TEST_F(Files, ADescriptionThatCannotBeTakenInIsRefused) {
  const std::string run =
      "data { augmentation { scales: [480, 800] crop_probability: 0 }\n  description: \"a.textproto\" }";
  Write("run.textproto", run);
  EXPECT_EQ(
      LoadError("run.textproto"),
      Path("run.textproto") + ":2:3: data.description is \"a.textproto\": there is no file " + Path("a.textproto"));
  Write("a.textproto", "name: \"a\"\nkeypoints { name: \"tip\" sigma: -1 }");
  EXPECT_EQ(LoadError("run.textproto"),
            Path("a.textproto") + ":2:1: keypoints[0].sigma is -1, expected a positive number");
  EXPECT_EQ(ErrorOf(run), "run.textproto:2:3: data.description needs a file to start from");
  EXPECT_EQ(OverrideError("data.dataset.keypoints.sigma=1"),
            "keypoints is a list: expected a field of which there is one");
}

TEST_F(Files, ExtendReplacesFieldsAndWholeLists) {
  Write("base.textproto",
        "name: \"base\"\ndata { augmentation { scales: [480, 800] crop_probability: 0 } }\n"
        "model { hidden_dim: 64 num_heads: 4 }\ntraining { epochs: 3 }\n");
  Write("below/middle.textproto", "extends: \"../base.textproto\"\nname: \"middle\"\nmodel { num_heads: 2 }\n");
  Write("top.textproto",
        "extends: \"below/middle.textproto\"\ndata { augmentation { scales: [96] } }\ntraining { steps: 5 }\n");
  const auto experiment = LoadExperiment(Path("top.textproto"), {"model.num_queries=20", "evaluation.num_select=1"});
  ASSERT_TRUE(experiment.ok()) << experiment.status();
  EXPECT_EQ(experiment->name(), "middle");
  EXPECT_THAT(experiment->data().augmentation().scales(), ElementsAre(96));
  EXPECT_EQ(experiment->data().augmentation().crop_probability(), 0);
  EXPECT_EQ(experiment->model().hidden_dim(), 64);
  EXPECT_EQ(experiment->model().num_heads(), 2);
  EXPECT_EQ(experiment->model().num_queries(), 20);
  EXPECT_TRUE(experiment->training().has_steps());
  EXPECT_FALSE(experiment->has_extends());
}

TEST_F(Files, AnEmptyListEmptiesTheListBelow) {
  Write("base.textproto", "data { augmentation { scales: [480, 800] crop_probability: 0 crop_resize_scales: 400 } }\n");
  Write("top.textproto", "extends: \"base.textproto\"\ndata { augmentation { crop_resize_scales: [] } }\n");
  const auto experiment = LoadExperiment(Path("top.textproto"));
  ASSERT_TRUE(experiment.ok()) << experiment.status();
  EXPECT_EQ(experiment->data().augmentation().crop_resize_scales_size(), 0);
  EXPECT_EQ(experiment->data().augmentation().scales_size(), 2);
}

TEST_F(Files, AnImpossibleValueIsNamedWhereItWasSet) {
  Write("base.textproto", "data { augmentation { scales: 480 crop_probability: 0 } }\nmodel {\n  hidden_dim: 64 }\n");
  Write("top.textproto", "extends: \"base.textproto\"\n\nmodel { num_heads: 5 }\n");
  Write("broken.textproto", "extends: \"top.textproto\"\nmodel { num_heads: 4 hidden_dim: 6 }\n");
  EXPECT_EQ(LoadError("top.textproto"),
            Path("top.textproto") + ":3:9: model.hidden_dim is 64, expected a multiple of model.num_heads (5)");
  EXPECT_THAT(LoadError("broken.textproto"), StartsWith(Path("broken.textproto") + ":2:22: model.hidden_dim is 6"));
  EXPECT_THAT(LoadError("base.textproto", {"model.num_heads=3"}),
              StartsWith("--set model.num_heads=3: model.hidden_dim is 64"));
}

TEST_F(Files, CirclesAndMissingFilesAreRefused) {
  Write("a.textproto", "name: \"a\"\nextends: \"below/b.textproto\"\n");
  Write("below/b.textproto", "extends: \"../a.textproto\"\n");
  Write("self.textproto", "extends: \"./self.textproto\"\n");
  Write("lost.textproto", "# nothing\nextends: \"nowhere.textproto\"\n");
  EXPECT_EQ(LoadError("a.textproto"), Path("below/b.textproto") +
                                          ":1:1: extends goes in a circle: " + Path("a.textproto") + " -> " +
                                          Path("below/b.textproto") + " -> " + Path("a.textproto"));
  EXPECT_THAT(LoadError("self.textproto"), HasSubstr(":1:1: extends goes in a circle: "));
  EXPECT_EQ(
      LoadError("lost.textproto"),
      Path("lost.textproto") + ":2:1: extends 'nowhere.textproto': there is no file " + Path("nowhere.textproto"));
  EXPECT_THAT(LoadError("missing.textproto"), StartsWith(Path("missing.textproto") + ": cannot open"));
  EXPECT_EQ(LoadExperiment(Path("a.textproto")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LoadExperiment(Path("lost.textproto")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadExperiment(Path("missing.textproto")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Files, AnErrorInAnExtendedFileNamesThatFile) {
  Write("base.textproto", "name: \"base\"\nmodle { }\n");
  Write("top.textproto", "extends: \"base.textproto\"\n");
  EXPECT_EQ(LoadError("top.textproto"), Path("base.textproto") + ":2:1: unknown field 'modle'; did you mean model?");
}

// What a second text of the same run is compared with must not depend on the folder.
TEST_F(Files, TheTextDoesNotDependOnTheFolder) {
  Write("a.textproto", kMinimal);
  Write("below/a.textproto", "extends: \"../a.textproto\"\n");
  EXPECT_EQ(ResolvedText(*LoadExperiment(Path("a.textproto"))),
            ResolvedText(*LoadExperiment(Path("below/a.textproto"))));
}

}  // namespace
}  // namespace grouppose::experiments
