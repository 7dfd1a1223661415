#include "experiments/textproto.h"

#include "base/files.h"
#include "experiments/metrics.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace grouppose::experiments {
namespace {

using ::testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  Metrics metrics;
  return std::string(ParseTextproto(text, "metrics.textproto", &metrics).message());
}

TEST(Textproto, WritesTheSameBytesAndReadsThemBack) {
  Metrics metrics;
  metrics.set_experiment("tiny");
  metrics.set_seed(18446744073709551615u);
  auto* evaluation = metrics.add_evaluations();
  evaluation->set_step(300);
  auto* value = evaluation->add_values();
  value->set_name("AP");
  value->set_value(0.1 + 0.2);
  const std::string expected =
      "experiment: \"tiny\"\nseed: 18446744073709551615\nevaluations {\n  step: 300\n  values {\n    name: \"AP\"\n"
      "    value: 0.30000000000000004\n  }\n}\n";
  EXPECT_EQ(TextprotoOf(metrics), expected);

  const std::string path = base::JoinPath(::testing::TempDir(), "metrics.textproto");
  ASSERT_TRUE(WriteTextproto(path, metrics).ok());
  EXPECT_EQ(*base::ReadFile(path), expected);
  Metrics again;
  again.set_training_steps(9);  // what was there before goes
  ASSERT_TRUE(ReadTextproto(path, &again).ok());
  EXPECT_EQ(TextprotoOf(again), expected);
}

TEST(Textproto, KeepsWhatIsNoNumber) {
  Metrics metrics;
  metrics.set_final_loss(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(TextprotoOf(metrics), "final_loss: nan\n");
  Metrics again;
  ASSERT_TRUE(ParseTextproto("final_loss: -inf", "x", &again).ok());
  EXPECT_EQ(again.final_loss(), -std::numeric_limits<double>::infinity());
}

TEST(Textproto, RefusesWithPlaceAndSuggestion) {
  EXPECT_EQ(
      ErrorOf("seed: 1\nevaluations { step: 1 }\nevaluations {\n  values { nmae: \"AP\" }\n}"),
      "metrics.textproto:4:12: unknown field 'nmae' in evaluations.values; did you mean evaluations.values.name?");
  EXPECT_EQ(ErrorOf("seed: -1"), "metrics.textproto:1:7: seed: expected an integer, found '-'");
  EXPECT_EQ(ErrorOf("seed: 18446744073709551616"),
            "metrics.textproto:1:7: seed: 18446744073709551616 is out of range for uint64");
  EXPECT_EQ(ErrorOf("evaluations { values { value: high } }"),
            "metrics.textproto:1:31: evaluations.values.value: expected a number, found 'high'");
  EXPECT_EQ(ErrorOf("evaluations: [{ step: 1 }, { stpe: 2 }]"),
            "metrics.textproto:1:30: unknown field 'stpe' in evaluations; did you mean evaluations.step?");
  EXPECT_EQ(ErrorOf("experiment: tiny"), "metrics.textproto:1:13: experiment: expected a text in quotes, found 'tiny'");
  EXPECT_THAT(ErrorOf("experiment: \"tiny"), StartsWith("metrics.textproto:1:"));
  EXPECT_THAT(ErrorOf(std::string("\0\x01", 2)), StartsWith("metrics.textproto:1:1: "));
  EXPECT_EQ(ErrorOf(""), "");
}

TEST(Textproto, NamesTheFileThatIsMissing) {
  Metrics metrics;
  const absl::Status status = ReadTextproto("nowhere/metrics.textproto", &metrics);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), StartsWith("nowhere/metrics.textproto: "));
  EXPECT_FALSE(WriteTextproto("nowhere/metrics.textproto", metrics).ok());
}

}  // namespace
}  // namespace grouppose::experiments
