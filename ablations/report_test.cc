#include "ablations/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <limits>

#include "ablations/report_fixture.h"
#include "absl/strings/str_cat.h"
#include "simdjson.h"

namespace grouppose {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReportTest : public ReportFixture {
 protected:
  void MustReport() { ASSERT_EQ(RunReport(Arguments("two")), absl::OkStatus()); }
  std::string Text() const { return ReadText(folder_ + "/report.txt"); }
  std::string Html() const { return ReadText(folder_ + "/report.html"); }
  simdjson::dom::element Json() {
    json_ = ReadText(folder_ + "/report.json");
    return parser_.parse(json_);
  }
  simdjson::dom::element Variants() { return Json()["variants"]; }
  std::string Error() {
    const absl::Status status = RunReport(Arguments("two"));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    for (const char* file : {"/report.txt", "/report.json", "/report.html"}) {
      EXPECT_FALSE(base::FileExists(folder_ + file)) << file;
    }
    return std::string(status.message());
  }

  std::string json_;
  simdjson::dom::parser parser_;
};

TEST_F(ReportTest, MeanAndSpreadAreThoseOfTheLastEvaluations) {
  AddCell("two", 0, 0.4);
  AddCell("two", 1, 0.5);
  AddCell("two", 2, 0.6);
  MustReport();
  const simdjson::dom::element two = Variants().at(0);
  EXPECT_DOUBLE_EQ(two["mean_ap"].get_double().value(), 0.5);
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
  MustReport();
  const simdjson::dom::element one = Variants().at(1);
  const simdjson::dom::array differences = one["differences_to_baseline"], seeds = one["paired_seeds"];
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_NEAR(differences.at(0).get_double(), -0.1, 1e-15);
  ASSERT_EQ(seeds.size(), 1u);
  EXPECT_EQ(seeds.at(0).get_int64().value(), 2);
  EXPECT_TRUE(one["difference_interval"].is_null());
  EXPECT_EQ(std::string(one["verdict"].get_c_str()), "n/a");
  EXPECT_THAT(Text(), HasSubstr("-0.100 (1)"));
}

TEST_F(ReportTest, IntervalAndVerdictAreOfThePairsInAnyOrderOfSeeds) {
  // 0.443 - 0.209 and so on: base/statistics_test has the interval from SciPy
  AddCell("one", 2, 0.491);
  AddCell("one", 0, 0.443);
  AddCell("one", 1, 0.460);
  AddCell("two", 0, 0.209);
  AddCell("two", 1, 0.250);
  AddCell("two", 2, 0.203);
  MustReport();
  const simdjson::dom::element one = Variants().at(0);
  EXPECT_NEAR(one["mean_difference"].get_double(), 0.244, 1e-15);
  EXPECT_NEAR(one["difference_interval"].at(0).get_double(), 0.1447587761420664, 1e-13);
  EXPECT_NEAR(one["difference_interval"].at(1).get_double(), 0.3432412238579336, 1e-13);
  EXPECT_NEAR(one["p_value"].get_double(), 0.008817754283087223, 1e-14);
  EXPECT_THAT(Text(), HasSubstr("+0.244 (3)  [+0.145, +0.343]     0.009  better"));
  EXPECT_THAT(Html(), HasSubstr("verdict-better\">better"));
}

TEST_F(ReportTest, TwoPairsAreNoComparisonToAdjustFor) {
  for (int seed = 0; seed < 3; ++seed) {
    AddCell("two", seed, 0.40);
    AddCell("one", seed, 0.44 + 0.01 * seed);
    if (seed < 2) AddCell("few", seed, 0.44 + 0.01 * seed);
  }
  MustReport();
  const simdjson::dom::element one = Variants().at(1), few = Variants().at(2);
  EXPECT_EQ(one["p_value_holm"].get_double().value(), one["p_value"].get_double().value());
  EXPECT_TRUE(few["p_value_holm"].is_null());
  EXPECT_GT(few["p_value"].get_double().value(), 0);
}

TEST_F(ReportTest, AMetricThatDoesNotExistIsInNoMean) {
  const auto large_people = [](double ap) {
    return [=](CellFiles* files) {
      experiments::Metrics::Value* value = files->metrics.mutable_evaluations(1)->add_values();
      value->set_name("APl");
      value->set_value(ap);
    };
  };
  AddCell("two", 0, 0.4, large_people(-1));
  AddCell("two", 1, 0.4, large_people(0.75));
  AddCell("one", 0, 0.4, large_people(-1));
  MustReport();
  EXPECT_THAT(Html(), HasSubstr(">APl</th>"));
  EXPECT_THAT(Html(), HasSubstr("<td class=\"number\">0.750</td></tr>"));
  EXPECT_THAT(Html(), HasSubstr("<td class=\"number\">–</td></tr>"));
}

TEST_F(ReportTest, ALossThatFallsFarHasALogarithmicAxis) {
  const auto with_losses = [&](const char* first) {
    cells_.clear();
    AddCell("two", 0, 0.4);
    ASSERT_TRUE(base::WriteFileAtomically(CellFolder("two", 0) + "/log.jsonl",
                                          absl::StrCat("{\"phase\":\"training\",\"step\":1,\"loss\":", first,
                                                       "}\n{\"phase\":\"training\",\"step\":2,\"loss\":1}\n"))
                    .ok());
    MustReport();
  };
  with_losses("9");
  EXPECT_THAT(Html(), HasSubstr("weighted sum of all losses, logarithmic"));
  with_losses("7");
  EXPECT_THAT(Html(), HasSubstr("weighted sum of all losses<"));
}

int CountOf(const std::string& text, const std::string& word) {
  int count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST_F(ReportTest, ManyVariantsHaveSeveralPlotsEachWithTheBaseline) {
  AddCell("two", 0, 0.4);
  for (int i = 0; i < 9; ++i) AddCell(absl::StrCat("other", i), 0, 0.4);
  MustReport();
  const std::string html = Html();
  EXPECT_THAT(html, HasSubstr("AP on the test images (2 of 2)"));
  // a curve's last point
  EXPECT_EQ(CountOf(html, "<title>two: 0.4 at 20</title>"), 2);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(CountOf(html, absl::StrCat("<title>other", i, ": 0.4 at 20</title>")), 1) << i;
  EXPECT_THAT(html, HasSubstr("AP less that of two at equal seeds, continued"));
  for (int i = 0; i < 9; ++i) EXPECT_EQ(CountOf(html, absl::StrCat("<title>other", i, ", seed 0: ")), 1) << i;
}

TEST_F(ReportTest, APValueIsNeverShownAsZero) {
  for (const auto& [seed, more] : {std::pair(0, 0.2), std::pair(1, 0.2001), std::pair(2, 0.1999)}) {
    AddCell("two", seed, 0.3);
    AddCell("one", seed, 0.3 + more);
  }
  MustReport();
  EXPECT_THAT(Text(), HasSubstr("    <0.001  better"));
  EXPECT_THAT(Html(), HasSubstr(">&lt;0.001<"));
}

TEST_F(ReportTest, NoSeedInCommonIsNoDifference) {
  AddCell("two", 0, 0.4);
  AddCell("one", 1, 0.5);
  MustReport();
  const simdjson::dom::array differences = Variants().at(1)["differences_to_baseline"];
  EXPECT_EQ(differences.size(), 0u);
  EXPECT_TRUE(Variants().at(0)["ap_standard_deviation"].is_null()) << "one seed has no spread";
  EXPECT_TRUE(Variants().at(1)["mean_difference"].is_null());
}

TEST_F(ReportTest, ThePretrainingIsNoVariant) {
  AddCell("pretraining", 0, 0.3);
  AddCell("two", 0, 0.4);
  MustReport();
  const simdjson::dom::array variants = Variants();
  EXPECT_EQ(variants.size(), 1u);
  EXPECT_THAT(Text(), HasSubstr("stage one alone has AP 0.300 (7 CPU s each)"));
  EXPECT_THAT(Html(), HasSubstr("stage one alone has AP 0.300 (7 CPU s each)"));
}

TEST_F(ReportTest, JsonHasWhatTheCellsHave) {
  AddCell("two", 4, 0.4, [](CellFiles* files) {
    files->experiment.mutable_model()->set_hidden_dim(96);
    files->provenance.set_program_sha256("abc");
  });
  base::WriteFileAtomically(CellFolder("two", 4) + "/log.jsonl",
                            "{\"phase\":\"heatmap\",\"step\":5,\"loss\":9.5}\n{\"phase\":\"training\",\"step\":10,"
                            "\"loss\":2.5}\n{\"phase\":\"training\",\"step\":20,\"loss\":null}\n")
      .IgnoreError();
  MustReport();
  const simdjson::dom::element two = Variants().at(0), cell = two["cells"].at(0);
  EXPECT_EQ(two["experiment"]["model"]["hidden_dim"].get_int64().value(), 96);
  EXPECT_EQ(std::string(cell["provenance"]["program_sha256"].get_c_str()), "abc");
  const simdjson::dom::array losses = cell["losses"];
  ASSERT_EQ(losses.size(), 1u) << "of the training, and numbers only";
  EXPECT_EQ(losses.at(0).at(1).get_double().value(), 2.5);
  EXPECT_NEAR(cell["evaluations"].at(0)["AP"].get_double(), 0.38, 1e-15);
}

TEST_F(ReportTest, EvaluationNoiseIsOfTheSameImagesForBoth) {
  const eval::Dataset people = People(40);
  std::vector<double> good(40), bad(40), mixed(40);
  for (int i = 0; i < 40; ++i) {
    bad[i] = i % 2 == 0 ? 0 : 30;
    mixed[i] = i % 4 == 0 ? 30 : 0;
  }
  AddCellWithPoses("two", 0, people, bad);
  AddCellWithPoses("one", 0, people, mixed);
  AddCellWithPoses("same", 0, people, bad);
  MustReport();
  const simdjson::dom::element one = Variants().at(1);
  const simdjson::dom::element interval = one["evaluation_noise"].at(0)["interval"];
  const double difference = one["mean_difference"].get_double(), low = interval.at(0).get_double(),
               high = interval.at(1).get_double();
  EXPECT_LT(low, difference);
  EXPECT_GT(high, difference);
  // 40 images, half and three quarters found: a binomial's spread is about 0.1
  EXPECT_GT(high - low, 0.1);
  EXPECT_LT(high - low, 0.8);
  const simdjson::dom::element same = Variants().at(2)["evaluation_noise"].at(0)["interval"];
  EXPECT_EQ(same.at(0).get_double().value(), 0) << "both models see each resample";
  EXPECT_EQ(same.at(1).get_double().value(), 0);
  EXPECT_THAT(Text(), HasSubstr("Evaluation noise only"));
}

TEST_F(ReportTest, TheSameCellsGiveTheSameBytes) {
  const eval::Dataset people = People(10);
  AddCellWithPoses("two", 0, people, std::vector<double>(10, 3));
  AddCellWithPoses("one", 0, people, std::vector<double>(10, 2));
  MustReport();
  const std::string text = Text(), html = Html(), json = ReadText(folder_ + "/report.json");
  MustReport();
  EXPECT_EQ(Text(), text);
  EXPECT_EQ(Html(), html);
  EXPECT_EQ(ReadText(folder_ + "/report.json"), json);
}

TEST_F(ReportTest, PageStandsAloneAndTakesNamesAsText) {
  const std::string hostile = "<script>alert(1)</script>";
  AddCell("two", 0, 0.4, [&](CellFiles* files) { files->experiment.set_description(hostile); });
  std::vector<std::string> arguments = Arguments("two");
  arguments.push_back("--label=//ablations:\"" + hostile);
  ASSERT_EQ(RunReport(arguments), absl::OkStatus());
  const std::string html = Html();
  EXPECT_THAT(html, HasSubstr("reproduce:"));
  EXPECT_THAT(html, HasSubstr("./bazelw run //ablations:&quot;&lt;script&gt;"));
  for (const char* word : {"<script", "http://", "https://", "<link", "@import", "url(", " src=", "onload"}) {
    EXPECT_THAT(html, Not(HasSubstr(word)));
  }
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
}

TEST_F(ReportTest, ExamplesAreTheFirstImagesAndSayWhoWasFound) {
  eval::Dataset people = People(6);
  people.annotations[0].num_keypoints = 0;  // image 1 shows nobody
  AddCellWithPoses("two", 0, people, {0, 0, 30, 0, 0, 0});
  const std::string pictures = folder_ + "/pictures";
  ASSERT_TRUE(base::MakeDirectories(pictures).ok());
  for (const char* name : {"1", "2", "3", "5"}) {
    ASSERT_TRUE(base::WriteFileAtomically(pictures + "/" + name + ".png", "\x89PNG").ok());
  }
  std::vector<std::string> arguments = Arguments("two");
  arguments.push_back("--images=" + pictures);
  ASSERT_EQ(RunReport(arguments), absl::OkStatus());
  const std::string html = Html();
  EXPECT_THAT(html, Not(HasSubstr("<h3>Image 1<")));
  EXPECT_THAT(html, Not(HasSubstr("<h3>Image 4<"))) << "without a picture";
  for (const char* head : {"<h3>Image 2<", "<h3>Image 3<", "<h3>Image 5<"}) EXPECT_THAT(html, HasSubstr(head));
  EXPECT_THAT(html, HasSubstr("data:image/png;base64,iVBORw=="));
  EXPECT_THAT(html, HasSubstr("1 of 1 found, seed 0"));
  EXPECT_THAT(html, HasSubstr("0 of 1 found, seed 0"));
  EXPECT_THAT(html, HasSubstr("class=\"person-none\"")) << "image 3";
}

TEST_F(ReportTest, APictureThatIsNoneIsRefused) {
  AddCellWithPoses("two", 0, People(2), {0, 0});
  ASSERT_TRUE(base::WriteFileAtomically(folder_ + "/1.png", "GIF89a").ok());
  std::vector<std::string> arguments = Arguments("two");
  arguments.push_back("--images=" + folder_);
  EXPECT_THAT(std::string(RunReport(arguments).message()), HasSubstr("1.png: expected a PNG file"));
  EXPECT_FALSE(base::FileExists(folder_ + "/report.txt"));
}

TEST_F(ReportTest, CostIsATable) {
  AddCell("two", 0, 0.4);
  ASSERT_TRUE(base::WriteFileAtomically(folder_ + "/cost.textproto", R"(
      conditions { threads: 2 attention_block_rounds: 9 cpu_share: 0.5 }
      setting { num_queries: 100 num_body_points: 17 hidden_dim: 256 }
      schemes { name: "FULL" attention_block {
        forward { wall_seconds { first: 0.011 median: 0.012 third: 0.013 } peak_bytes: 1048576 }
        backward { wall_seconds { median: 0.028 } } flops: 2500000000 attention_pairs: 3240000 } }
      schemes { name: "GROUP" attention_block { forward { wall_seconds { median: 0.005 } }
        backward { wall_seconds { median: 0.005 } } } })")
                  .ok());
  std::vector<std::string> arguments = Arguments("two");
  arguments.push_back("--cost=" + folder_ + "/cost.textproto");
  ASSERT_EQ(RunReport(arguments), absl::OkStatus());
  const std::string html = Html();
  for (const char* text : {"Self-attention block, 9 rounds", "Milliseconds of wall time", "50 % of what was asked",
                           "N = 100, K = 17, d = 256", ">12.00<", ">11.00–13.00<", ">× 1.00<", ">× 0.25<", ">1.0<",
                           ">2.500<", ">3,240,000<"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  EXPECT_THAT(Text(), HasSubstr("12.00 + 28.00"));
  const simdjson::dom::element full = Json()["cost"]["schemes"].at(0);
  EXPECT_EQ(full["attention_block"]["forward"]["wall_seconds"]["median"].get_double().value(), 0.012);
}

TEST_F(ReportTest, FieldsThatDifferAreATableAndTheOthersAList) {
  AddCell("two", 0, 0.4, [](CellFiles* files) { files->experiment.set_name("an experiment's name is no field"); });
  AddCell("one", 0, 0.4, [](CellFiles* files) { files->experiment.mutable_model()->set_decoder_layers(1); });
  MustReport();
  const std::string html = Html();
  EXPECT_THAT(html, HasSubstr(">model.decoder_layers</th></tr>")) << "the only column";
  EXPECT_THAT(html, HasSubstr("<code class=\"differs\">1</code>"));
  EXPECT_THAT(html, HasSubstr("<code class=\"same\">6</code>"));
  EXPECT_THAT(html, HasSubstr("model.hidden_dim: 256\n"));
  EXPECT_THAT(html, Not(HasSubstr("model.decoder_layers: ")));
}

TEST_F(ReportTest, ControlsAreComparedWithTheControlOfTheBaseline) {
  const auto with_content = [](CellFiles* files) {
    files->experiment.mutable_model()->set_instance_query(experiments::Model::EMBEDDING_PLUS_MEMORY);
  };
  const auto full = [](CellFiles* files) {
    files->experiment.mutable_model()->set_self_attention(experiments::Model::FULL);
  };
  AddCell("two", 0, 0.2, full);
  AddCell("one", 0, 0.5);
  AddCell("two_with", 0, 0.4, [&](CellFiles* files) {
    full(files);
    with_content(files);
  });
  AddCell("one_with", 0, 0.45, with_content);
  MustReport();
  const simdjson::dom::array controls = Json()["content_controls"];
  ASSERT_EQ(controls.size(), 1u);
  const simdjson::dom::element control = controls.at(0);
  EXPECT_EQ(std::string(control["variant"].get_c_str()), "one");
  EXPECT_EQ(std::string(control["control"].get_c_str()), "one_with");
  EXPECT_EQ(std::string(control["control_of_baseline"].get_c_str()), "two_with");
  EXPECT_NEAR(control["mean_difference"].get_double(), 0.05, 1e-15);
  EXPECT_NEAR(control["mean_lost_with_content"].get_double(), 0.25, 1e-15);
  EXPECT_TRUE(control["lost_with_content_interval"].is_null()) << "of one seed";
  EXPECT_THAT(Html(), HasSubstr("With, to two_with"));
}

TEST_F(ReportTest, ACellWithoutItsFilesIsRefused) {
  AddCell("two", 0, 0.4);
  ASSERT_EQ(std::remove((CellFolder("two", 0) + "/metrics.textproto").c_str()), 0);
  const absl::Status status = RunReport(Arguments("two"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/two0/metrics.textproto"));
  EXPECT_FALSE(base::FileExists(folder_ + "/report.txt"));
}

TEST_F(ReportTest, ACellWithoutAnAPIsRefused) {
  AddCell("two", 0, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(Error(), HasSubstr("metrics.textproto: AP is nan, expected 0 to 1"));
  cells_.clear();
  AddCell("two", 0, -1);
  EXPECT_THAT(Error(), HasSubstr("AP is -1"));
  cells_.clear();
  AddCell("two", 0, 0.5,
          [](CellFiles* files) { files->metrics.mutable_evaluations(1)->mutable_values(0)->set_name("AR"); });
  EXPECT_THAT(Error(), HasSubstr("no AP in the last evaluation"));
  cells_.clear();
  AddCell("two", 0, 0.5, [](CellFiles* files) { files->metrics.clear_evaluations(); });
  EXPECT_THAT(Error(), HasSubstr("no evaluation in it"));
}

TEST_F(ReportTest, ResultsOfAnotherTrainingAreRefused) {
  AddCellWithPoses("two", 0, People(10), {0, 0, 0, 0, 30, 30, 30, 0, 0, 0});
  ASSERT_TRUE(eval::WriteDetections(CellFolder("two", 0) + "/results.json", {}).ok());
  EXPECT_THAT(Error(), HasSubstr("results.json: AP of these results is 0, expected 0."));
}

TEST_F(ReportTest, ABrokenLogIsRefused) {
  AddCell("two", 0, 0.4);
  ASSERT_TRUE(
      base::WriteFileAtomically(CellFolder("two", 0) + "/log.jsonl", "{\"phase\":\"training\",\"step\":1}\n{").ok());
  EXPECT_THAT(Error(), HasSubstr("log.jsonl:2: expected a JSON object"));
}

TEST_F(ReportTest, SeedsOfOneVariantAreOfOneExperiment) {
  AddCell("two", 0, 0.4);
  AddCell("two", 1, 0.4, [](CellFiles* files) { files->experiment.mutable_model()->set_num_queries(7); });
  EXPECT_THAT(Error(),
              HasSubstr("two has another experiment at seed 1 than at seed 0: model.num_queries is 7 and 100"));
}

TEST_F(ReportTest, WhatWouldCompareWithTheWrongThingIsRefused) {
  AddCell("one", 0, 0.4);
  EXPECT_THAT(Error(), HasSubstr("--baseline=two: expected a variant"));
  AddCell("two", 0, 0.4);
  AddCell("two", 0, 0.4);
  EXPECT_THAT(Error(), HasSubstr("two has seed 0 already"));
  cells_.back() = "two:zero:folder";
  EXPECT_EQ(Error(), "--cell=two:zero:folder: expected VARIANT:SEED:FOLDER");
}

TEST_F(ReportTest, NoCellIsRefused) {
  ASSERT_TRUE(base::MakeDirectories(folder_).ok());
  EXPECT_THAT(Error(), HasSubstr("at least one --cell"));
}

}  // namespace
}  // namespace grouppose
