#include "experiments/config_command.h"

#include <sstream>

#include "base/files.h"
#include "base/status.h"
#include "experiments/experiment.h"
#include "experiments/field_comments.h"
#include "experiments/field_paths.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTiny[] = "experiments/tiny.textproto";
constexpr char kPublished[] = "experiments/grouppose_r50_coco.textproto";

struct Result {
  absl::Status status;
  std::string out;
};

Result RunConfig(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  absl::Status status = RunConfigCommand(arguments, out);
  return {status, out.str()};
}

TEST(Show, PrintsTheResolvedText) {
  const Result result = RunConfig({"show", kTiny, "--set", "model.num_heads=2"});
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.out, ResolvedText(*LoadExperiment(kTiny, {"model.num_heads=2"})));
  EXPECT_EQ(RunConfig({"show", std::string("--experiment=") + kTiny}).out, RunConfig({"show", kTiny}).out);
}

TEST(Show, RefusesWrongUsage) {
  EXPECT_EQ(base::ExitCodeOf(RunConfig({"show"}).status), base::kUsage);
  EXPECT_EQ(base::ExitCodeOf(RunConfig({"show", kTiny, kTiny}).status), base::kUsage);
  EXPECT_EQ(base::ExitCodeOf(RunConfig({"show", "nowhere.textproto"}).status), base::kUsage);
  EXPECT_EQ(RunConfig({"show", kTiny, "--set=model.num_head=2"}).status.message(),
            "--set model.num_head=2: unknown field 'num_head' in model; did you mean model.num_heads?");
}

TEST(Explain, SaysTypeDefaultCommentAndValues) {
  EXPECT_EQ(RunConfig({"explain", "model.instance_query"}).out,
            "model.instance_query: one of EMBEDDING, EMBEDDING_PLUS_MEMORY; EMBEDDING by default\n"
            "  what an instance token starts from\n"
            "\n"
            "  EMBEDDING              one shared embedding for all instances, as published\n"
            "  EMBEDDING_PLUS_MEMORY  plus the instance's selected encoder memory\n");
  EXPECT_THAT(RunConfig({"explain", "training.optimizer.learning_rate"}).out,
              StartsWith("training.optimizer.learning_rate: a number; 0.0001 by default\n  of everything but"));
  EXPECT_THAT(RunConfig({"explain", "data.augmentation.scales"}).out,
              StartsWith("data.augmentation.scales: a list [a, b] of integers; empty by default\n"));
  EXPECT_THAT(RunConfig({"explain", "training.steps"}).out,
              StartsWith("training.steps: an integer; not set by default\n"));
}

TEST(Explain, ListsTheFieldsOfAMessage) {
  const std::string text = RunConfig({"explain", "data.train_filter"}).out;
  EXPECT_THAT(text, HasSubstr("0 switches a rule off."));
  EXPECT_THAT(text, HasSubstr("\n  min_num_keypoints  an integer; 0 by default: that every labelled person has\n"));
  EXPECT_THAT(RunConfig({"explain"}).out, HasSubstr("\n  pretraining  "));
}

TEST(Explain, SuggestsTheNearestField) {
  EXPECT_EQ(RunConfig({"explain", "model.selfattention"}).status.message(),
            "unknown field 'selfattention' in model; did you mean model.self_attention?");
}

TEST(Explain, EveryFieldHasAComment) {
  for (const std::string& path : AllFieldPaths(Experiment::descriptor(), /*leaves_only=*/false)) {
    const auto comment = FieldComment(path);
    ASSERT_TRUE(comment.ok()) << path;
    EXPECT_NE(*comment, "") << path;
  }
}

TEST(Diff, PrintsFieldsThatDiffer) {
  const Result result =
      RunConfig({"diff", kPublished, "--set=model.self_attention=FULL", "--set=data.augmentation.scales=[640, 800]",
                 "--set=training.steps=10", "--set=model.num_heads=8"});
  EXPECT_EQ(result.out,
            "data.augmentation.scales: [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800] -> [640, 800]\n"
            "model.self_attention: GROUP -> FULL\n"
            "training.epochs: 60 -> not set\n"
            "training.steps: not set -> 10\n");
  EXPECT_EQ(result.status.message(), "config diff: 4 fields differ");
  EXPECT_EQ(base::ExitCodeOf(result.status), base::kFailed);
}

TEST(Diff, OfTheSameRunIsEmpty) {
  EXPECT_TRUE(RunConfig({"diff", kTiny, kTiny}).status.ok());
  EXPECT_EQ(RunConfig({"diff", kTiny, kTiny}).out, "");
  EXPECT_THAT(RunConfig({"diff", kTiny, kPublished}).out, HasSubstr("name: \"tiny\" -> \"grouppose_r50_coco\"\n"));
}

TEST(Diff, TakesFoldersOfRuns) {
  const std::string first = ::testing::TempDir() + "/first", second = ::testing::TempDir() + "/second";
  for (const auto& [folder, layers] : {std::pair(first, "2"), std::pair(second, "3")}) {
    ASSERT_TRUE(base::MakeDirectories(folder).ok());
    const auto experiment = LoadExperiment(kTiny, {std::string("model.decoder_layers=") + layers});
    ASSERT_TRUE(base::WriteFileAtomically(folder + "/experiment.textproto", ResolvedText(*experiment)).ok());
  }
  EXPECT_EQ(RunConfig({"diff", first, second}).out, "model.decoder_layers: 2 -> 3\n");
  EXPECT_EQ(RunConfig({"diff", kTiny, second, "--set=model.decoder_layers=2"}).out, "");
  EXPECT_THAT(RunConfig({"show", second}).out, HasSubstr("decoder_layers: 3\n"));
  EXPECT_THAT(std::string(RunConfig({"diff", first, ::testing::TempDir()}).status.message()),
              HasSubstr("experiment.textproto"));
}

TEST(Command, RefusesUnknownSubcommands) {
  EXPECT_EQ(RunConfig({"shwo"}).status.message(),
            "config: unknown subcommand 'shwo'; did you mean show? (show, explain, diff)");
  EXPECT_EQ(base::ExitCodeOf(RunConfig({}).status), base::kUsage);
  EXPECT_THAT(RunConfig({"--help"}).out, HasSubstr("explain [PATH]"));
}

}  // namespace
}  // namespace grouppose::experiments
