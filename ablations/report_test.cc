#include "ablations/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"
#include "simdjson.h"

namespace grouppose {
namespace {

using ::testing::HasSubstr;

// The folder of one test: cells in it, and the report on them.
class ReportTest : public ::testing::Test {
 protected:
  ReportTest()
      : folder_(base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name())),
        arguments_({"--study=depth", "--baseline=two", "--text=" + folder_ + "/report.txt",
                    "--json=" + folder_ + "/report.json"}) {}

  // A cell whose first evaluation is not its result.
  void AddCell(const std::string& variant, int64_t seed, double ap) {
    const std::string cell = absl::StrCat(folder_, "/", variant, seed);
    ASSERT_TRUE(base::MakeDirectories(cell).ok());
    experiments::Metrics metrics;
    AddEvaluation(10, 0.9, &metrics);
    AddEvaluation(20, ap, &metrics);
    metrics.set_training_steps(20);
    metrics.set_final_loss(12.5);
    metrics.set_attention_pairs(288);
    experiments::Times times;
    times.set_cpu_seconds(7);
    Write(cell + "/metrics.textproto", metrics);
    Write(cell + "/times.textproto", times);
    Write(cell + "/experiment.textproto", experiments::Experiment());
    Write(cell + "/provenance.textproto", experiments::Provenance());
    arguments_.push_back(absl::StrCat("--cell=", variant, ":", seed, ":", cell));
  }

  static void AddEvaluation(int64_t step, double ap, experiments::Metrics* metrics) {
    experiments::Metrics::Evaluation* evaluation = metrics->add_evaluations();
    evaluation->set_step(step);
    evaluation->set_split("test");
    evaluation->set_images(40);
    experiments::Metrics::Value* value = evaluation->add_values();
    value->set_name("AP");
    value->set_value(ap);
  }

  static void Write(const std::string& path, const google::protobuf::Message& message) {
    ASSERT_TRUE(experiments::WriteTextproto(path, message).ok()) << path;
  }

  std::string Text() const { return *base::ReadFile(folder_ + "/report.txt"); }
  // The variants of report.json.
  simdjson::dom::element Variants() {
    json_ = *base::ReadFile(folder_ + "/report.json");
    return parser_.parse(json_)["variants"];
  }
  std::string Error() {
    const absl::Status status = RunReport(arguments_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_FALSE(base::FileExists(folder_ + "/report.txt"));
    EXPECT_FALSE(base::FileExists(folder_ + "/report.json"));
    return std::string(status.message());
  }

  std::string folder_;
  std::vector<std::string> arguments_;
  std::string json_;
  simdjson::dom::parser parser_;
};

TEST_F(ReportTest, MeanAndSpreadAreThoseOfTheLastEvaluations) {
  AddCell("two", 0, 0.4);
  AddCell("two", 1, 0.5);
  AddCell("two", 2, 0.6);
  ASSERT_EQ(RunReport(arguments_), absl::OkStatus());
  const simdjson::dom::element two = Variants().at(0);
  EXPECT_DOUBLE_EQ(two["mean_ap"].get_double(), 0.5);
  EXPECT_NEAR(two["ap_standard_deviation"].get_double(), 0.1, 1e-15) << "n - 1 in the denominator";
  EXPECT_EQ(two["cells"].at(2)["seed"].get_int64().value(), 2);
  EXPECT_THAT(Text(), HasSubstr("0.400 0.500 0.600  0.500   0.100"));
  EXPECT_THAT(Text(), HasSubstr("20 steps, AP on 40 test images"));
}

TEST_F(ReportTest, DifferencesAreTakenAtTheSeedsThatBothHave) {
  // by the means alone, `one` would be 0.2 better; at equal seeds it is 0.1 worse
  AddCell("two", 0, 0.1);
  AddCell("two", 2, 0.6);
  AddCell("two", 5, 0.2);
  AddCell("one", 2, 0.5);
  AddCell("one", 3, 0.5);
  ASSERT_EQ(RunReport(arguments_), absl::OkStatus());
  const simdjson::dom::element one = Variants().at(1);
  const simdjson::dom::array differences = one["differences_to_baseline"], seeds = one["paired_seeds"];
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_NEAR(differences.at(0).get_double(), -0.1, 1e-15);
  ASSERT_EQ(seeds.size(), 1u);
  EXPECT_EQ(seeds.at(0).get_int64().value(), 2);
  EXPECT_THAT(Text(), HasSubstr("-0.100 (1)"));
}

TEST_F(ReportTest, ManyPairsHaveAMeanAndADeviationInAnyOrderOfSeeds) {
  AddCell("one", 1, 0.7);
  AddCell("one", 0, 0.5);
  AddCell("two", 0, 0.4);
  AddCell("two", 1, 0.5);
  ASSERT_EQ(RunReport(arguments_), absl::OkStatus());
  EXPECT_THAT(Text(), HasSubstr("+0.150 +- 0.071 (2)"));
}

TEST_F(ReportTest, NoSeedInCommonIsNoDifference) {
  AddCell("two", 0, 0.4);
  AddCell("one", 1, 0.5);
  ASSERT_EQ(RunReport(arguments_), absl::OkStatus());
  const simdjson::dom::array differences = Variants().at(1)["differences_to_baseline"];
  EXPECT_EQ(differences.size(), 0u);
  EXPECT_TRUE(Variants().at(0)["ap_standard_deviation"].is_null()) << "one seed has no spread";
}

TEST_F(ReportTest, ThePretrainingIsNoVariant) {
  AddCell("pretraining", 0, 0.3);
  AddCell("two", 0, 0.4);
  ASSERT_EQ(RunReport(arguments_), absl::OkStatus());
  const simdjson::dom::array variants = Variants();
  EXPECT_EQ(variants.size(), 1u);
  EXPECT_THAT(Text(), HasSubstr("stage one alone has AP 0.300 (7 CPU s each)"));
}

TEST_F(ReportTest, ACellWithoutItsFilesIsRefused) {
  AddCell("two", 0, 0.4);
  ASSERT_EQ(std::remove((folder_ + "/two0/metrics.textproto").c_str()), 0);
  const absl::Status status = RunReport(arguments_);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/two0/metrics.textproto"));
  EXPECT_FALSE(base::FileExists(folder_ + "/report.txt"));
}

TEST_F(ReportTest, AnApThatIsNoneIsRefused) {
  AddCell("two", 0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Error(), HasSubstr("/two0/metrics.textproto: AP is nan, expected 0 to 1"));
}

TEST_F(ReportTest, TheApOfNobodyIsRefused) {
  AddCell("two", 0, -1);
  EXPECT_THAT(Error(), HasSubstr("AP is -1, expected 0 to 1"));
}

TEST_F(ReportTest, AnEvaluationWithoutApIsRefused) {
  AddCell("two", 0, 0.5);
  experiments::Metrics metrics;
  Write(folder_ + "/two0/metrics.textproto", metrics);
  EXPECT_THAT(Error(), HasSubstr("no evaluation in it"));
  metrics.add_evaluations()->add_values()->set_name("AR");
  Write(folder_ + "/two0/metrics.textproto", metrics);
  EXPECT_THAT(Error(), HasSubstr("no AP in the last evaluation"));
}

TEST_F(ReportTest, WhatWouldCompareWithTheWrongThingIsRefused) {
  AddCell("one", 0, 0.4);
  EXPECT_THAT(Error(), HasSubstr("--baseline=two: expected a variant"));
  AddCell("two", 0, 0.4);
  AddCell("two", 0, 0.4);
  EXPECT_THAT(Error(), HasSubstr("two has seed 0 already"));
  arguments_.back() = "--cell=two:zero:folder";
  EXPECT_EQ(Error(), "--cell=two:zero:folder: expected VARIANT:SEED:FOLDER");
}

TEST_F(ReportTest, NoCellIsRefused) { EXPECT_THAT(Error(), HasSubstr("at least one --cell")); }

}  // namespace
}  // namespace grouppose
