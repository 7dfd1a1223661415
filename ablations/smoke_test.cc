// Looks at what the smallest study left: the whole path from drawing to report, two schemes, a few steps.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/files.h"
#include "experiments/experiment.pb.h"
#include "experiments/metrics.pb.h"
#include "experiments/textproto.h"
#include "simdjson.h"

namespace grouppose {
namespace {

using experiments::Metrics;

std::string ReadOutput(const std::string& path) {
  const auto content = base::ReadFile("ablations/" + path);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *content : "";
}

template <typename Message>
Message Read(const std::string& path) {
  Message message;
  const absl::Status status = experiments::ReadTextproto("ablations/" + path, &message);
  EXPECT_TRUE(status.ok()) << status;
  return message;
}

class CellTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CellTest, TrainedAllItsStepsAndLearned) {
  const std::string folder = std::string("smoke.") + GetParam() + ".seed0/";
  simdjson::dom::parser parser;
  std::vector<double> losses;
  int64_t step = 0;
  const simdjson::padded_string log(ReadOutput(folder + "log.jsonl"));
  for (simdjson::dom::element record : parser.parse_many(log)) {
    EXPECT_EQ(std::string(record["phase"].get_c_str()), "training");
    step = record["step"].get_int64();
    losses.push_back(record["loss"].get_double());
  }
  EXPECT_EQ(step, 60);
  ASSERT_EQ(losses.size(), 6u) << "a line every 10 steps";
  for (double loss : losses) EXPECT_TRUE(std::isfinite(loss));
  EXPECT_LT(losses.back(), losses.front());
}

TEST_P(CellTest, LeavesMetricsOfItsScheme) {
  const std::string name = GetParam(), folder = "smoke." + name + ".seed0/";
  const auto metrics = Read<Metrics>(folder + "metrics.textproto");
  EXPECT_EQ(metrics.training_steps(), 60);
  ASSERT_EQ(metrics.evaluations_size(), 2) << "at step 30 and at the end";
  EXPECT_EQ(metrics.evaluations(1).step(), 60);
  EXPECT_EQ(metrics.evaluations(1).split(), "test");
  EXPECT_EQ(metrics.evaluations(1).images(), 40);
  ASSERT_EQ(metrics.evaluations(1).values_size(), 10);
  EXPECT_EQ(metrics.evaluations(1).values(0).name(), "AP");
  EXPECT_GE(metrics.evaluations(1).values(0).value(), 0);
  EXPECT_LE(metrics.evaluations(1).values(0).value(), 1);
  // N = 16, K = 17, two layers: everything with everything, or within 16 instances and across 18 types
  EXPECT_EQ(metrics.attention_pairs(), name == "full" ? 2 * 288 * 288 : 2 * (16 * 18 * 18 + 18 * 16 * 16));
  // an attention of width d has 4 (d^2 + d) parameters and a norm 2 d; GROUP has two of each
  EXPECT_EQ(metrics.attention_parameters(), 2 * (name == "full" ? 1 : 2) * (4 * (64 * 64 + 64) + 2 * 64));
  const auto experiment = Read<experiments::Experiment>(folder + "experiment.textproto");
  EXPECT_EQ(experiment.model().self_attention(), name == "full" ? experiments::Model::FULL : experiments::Model::GROUP);
}

INSTANTIATE_TEST_SUITE_P(Variants, CellTest, ::testing::Values("full", "group"),
                         [](const auto& info) { return std::string(info.param); });

TEST(StudyTest, VariantsShareWhatTheyHaveInCommon) {
  const auto full = Read<experiments::Provenance>("smoke.full.seed0/provenance.textproto");
  const auto group = Read<experiments::Provenance>("smoke.group.seed0/provenance.textproto");
  EXPECT_EQ(full.data_sha256(), group.data_sha256());
  EXPECT_EQ(full.torch_sha256(), group.torch_sha256());
  EXPECT_EQ(full.initial_checkpoint_sha256(), group.initial_checkpoint_sha256());
  EXPECT_EQ(full.initial_checkpoint_sha256().size(), 64u);
  EXPECT_NE(full.program_sha256(), group.program_sha256()) << "each trainer links its own scheme";
  EXPECT_NE(full.experiment_sha256(), group.experiment_sha256());
}

TEST(StudyTest, ReportHasBothVariantsAndTheirPairedDifference) {
  simdjson::dom::parser parser;
  const std::string json = ReadOutput("smoke_report/report.json");
  const simdjson::dom::element report = parser.parse(json);
  EXPECT_EQ(std::string(report["baseline"].get_c_str()), "full");
  const simdjson::dom::array variants = report["variants"];
  ASSERT_EQ(variants.size(), 2u);
  const simdjson::dom::element full = variants.at(0), group = variants.at(1);
  EXPECT_EQ(std::string(full["variant"].get_c_str()), "full");
  EXPECT_EQ(std::string(group["variant"].get_c_str()), "group");
  EXPECT_DOUBLE_EQ(group["differences_to_baseline"].at(0).get_double(),
                   group["mean_ap"].get_double() - full["mean_ap"].get_double());
  const std::string text = ReadOutput("smoke_report/report.txt");
  for (const char* word : {"full", "group", "AP by seed", "pairs", "CPU s"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word << " in\n" << text;
  }
}

}  // namespace
}  // namespace grouppose
