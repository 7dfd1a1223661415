// A small folder of recordings, written here: what is right passes, and everything that is wrong fails, alone.
#include "grouppose/parity/parity.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/nn/position_encoding.h"
#include "grouppose/parity/recipe.h"
#include "grouppose/parity/tolerances.h"

namespace grouppose::parity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Tensors = std::map<std::string, at::Tensor>;

class ParityTest : public ::testing::Test {
 protected:
  ParityTest()
      : folder_(base::JoinPath(::testing::TempDir(), ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    EXPECT_TRUE(base::MakeDirectories(folder_).ok());
    Write("index.json", "[]");
  }

  void Write(const std::string& file, const std::string& text) {
    EXPECT_TRUE(base::WriteFileAtomically(base::JoinPath(folder_, file), text).ok());
  }

  // NAME.json and NAME.safetensors; `listed` are the tensors that the JSON lists, all where it is null.
  void WriteRecording(const std::string& name, const std::string& meta, const Tensors& tensors,
                      const Tensors* listed = nullptr) {
    std::vector<std::string> entries;
    for (const auto& [tensor, value] : listed == nullptr ? tensors : *listed) {
      entries.push_back(absl::StrCat("\"", tensor, "\": {\"shape\": [", absl::StrJoin(value.sizes(), ", "), "]}"));
    }
    Write(name + ".json", absl::StrCat("{\"name\": \"", name, "\", \"meta\": ", meta, ", \"tensors\": {",
                                       absl::StrJoin(entries, ", "), "}}"));
    EXPECT_TRUE(checkpoint::WriteSafetensors(base::JoinPath(folder_, name + ".safetensors"), tensors).ok());
  }

  // An encoding of points under a name that no recording of the official program has.
  Tensors Encoding() const {
    const at::Tensor points = RecipeTensor("points", {2, 3, 2}, 7, 0.5, 0.5);
    return {{"pos_tensor", points}, {"out", nn::PointPositionEncoding(points, 64)}};
  }

  std::string Verdict(const std::string& name) const { return CheckOne(folder_, name).report.Verdict(); }

  std::string folder_;
};

constexpr char kName[] = "mod_gen_sineembed_of_64_channels";

TEST_F(ParityTest, EqualOutputsPass) {
  WriteRecording(kName, R"({"tol": 1e-6})", Encoding());
  const Outcome outcome = CheckOne(folder_, kName);
  EXPECT_EQ(outcome.report.Verdict(), "passed");
  EXPECT_THAT(Line(outcome), StartsWith(kName));
  EXPECT_THAT(Line(outcome), HasSubstr("abs 0.0e+00 rel 0.0e+00  tolerance 1e-06 (out)"));
}

TEST_F(ParityTest, AWrongValueFailsWithItsPlace) {
  Tensors tensors = Encoding();
  tensors["out"] = tensors["out"].clone();
  tensors["out"][1][2][3].add_(1e-5);
  WriteRecording(kName, R"({"tol": 1e-6})", tensors);
  EXPECT_THAT(Verdict(kName), StartsWith("FAILED: out: max |difference| "));
  EXPECT_THAT(Verdict(kName), HasSubstr("at [1, 2, 3]"));
  EXPECT_THAT(Verdict(kName), HasSubstr("1 of 384 elements"));
  // and passes under the tolerance that the recording then has
  WriteRecording(kName, R"~({"tol": {"out": "abs 2e-5 (wider)"}})~", tensors);
  EXPECT_EQ(Verdict(kName), "passed");
}

TEST_F(ParityTest, AnotherShapeAMissingTensorAndAnUnreadOneFail) {
  const Tensors whole = Encoding();
  Tensors tensors = whole;
  tensors.erase("pos_tensor");
  WriteRecording(kName, R"({"tol": 1e-6})", tensors);
  EXPECT_THAT(Verdict(kName), HasSubstr("no tensor pos_tensor"));
  WriteRecording(kName, R"({"tol": 1e-6})", tensors, &whole);
  EXPECT_THAT(Verdict(kName), HasSubstr("no tensor pos_tensor, which " + std::string(kName) + ".json lists"));
  tensors = whole;
  tensors["more"] = at::zeros({1});
  WriteRecording(kName, R"({"tol": 1e-6})", tensors);
  EXPECT_THAT(Verdict(kName), HasSubstr("nothing of ours was compared with more"));
  tensors = whole;
  tensors["out"] = tensors["out"].narrow(0, 0, 1);
  WriteRecording(kName, R"({"tol": 1e-6})", tensors);
  EXPECT_THAT(Verdict(kName), HasSubstr("shape [2, 3, 64], expected [1, 3, 64]"));
}

TEST_F(ParityTest, MissingFieldsAndBrokenFilesFailInOneLine) {
  WriteRecording(kName, "{}", Encoding());
  EXPECT_THAT(Verdict(kName), HasSubstr("no tolerance meta/tol/out"));
  WriteRecording("backbone_of_ours", R"({"prefix": "backbone.", "tol": 1})",
                 {{"feat0", at::zeros({1, 7, 2, 2})}, {"images", at::zeros({1, 3, 64, 64})}});
  EXPECT_THAT(Verdict("backbone_of_ours"), HasSubstr("no backbone has levels of 7 channels"));
  Write(std::string(kName) + ".json", "{\"meta\": ");
  EXPECT_THAT(Verdict(kName), HasSubstr(".json: no JSON: "));
  WriteRecording(kName, R"({"tol": 1e-6})", Encoding());
  Write(std::string(kName) + ".safetensors", "no tensors at all");
  EXPECT_THAT(Verdict(kName), HasSubstr(".safetensors"));
  std::remove(base::JoinPath(folder_, std::string(kName) + ".safetensors").c_str());
  EXPECT_THAT(Verdict(kName), HasSubstr("No such file"));
  for (const char* name : {"names_model_x", "lr_schedule", "resize_sizes", "recipe_vectors", "ema_x", "official_errors",
                           "train_x_engine_stats", "data_x_val", "ckpt/x.pth", "ckpt/x.expected"}) {
    EXPECT_THAT(Verdict(name), StartsWith("FAILED: stopped: ")) << name;
    EXPECT_EQ(Verdict(name).find('\n'), std::string::npos) << name;
  }
}

TEST_F(ParityTest, AnUnknownKindFails) {
  EXPECT_EQ(Verdict("segmentation_x"), "FAILED: kind: no check for recordings of this name");
}

TEST_F(ParityTest, TablesOfWrongNumbersFail) {
  Write("resize_sizes.json", R"({"columns": ["w", "h", "size", "max_size", "out_w", "out_h"],
                                 "rows": [[640, 480, 800, 1333, 1066, 800], [30, 40, 10, null, 10, 13]]})");
  EXPECT_EQ(Verdict("resize_sizes"), "passed");
  Write("resize_sizes.json", R"({"columns": ["w", "h", "size", "max_size", "out_w", "out_h"],
                                 "rows": [[640, 480, 800, 1333, 1067, 800]]})");
  EXPECT_THAT(Verdict("resize_sizes"), HasSubstr("number 0 is 1066, expected 1067"));
  Write("lr_schedule_of_ours.json", R"({"StepLR(lr_drop=1), lr at epochs 0..1": [[0.5, 0.25], [0.05, 0.025]],
                                        "resumed with lr_drop=7, lr at epochs 2..2": [[0.5, 0.25]]})");
  EXPECT_EQ(Verdict("lr_schedule_of_ours"), "passed");
  Write("lr_schedule_of_ours.json", R"({"StepLR(lr_drop=1), lr at epochs 0..1": [[0.5, 0.25], [0.04, 0.025]]})");
  EXPECT_THAT(Verdict("lr_schedule_of_ours"), StartsWith("FAILED: lr_drop=1 epoch 1"));
  Write("official_errors.json", R"({"label 2": "IndexError: out of bounds", "moonshine": "ValueError"})");
  EXPECT_THAT(Verdict("official_errors"), HasSubstr("situation 'moonshine' is not known"));
}

TEST_F(ParityTest, EveryRecordingIsCheckedListedOrNot) {
  WriteRecording("mod_gen_sineembed_a", R"({"tol": 1e-6})", Encoding());
  Tensors wrong = Encoding();
  wrong["out"] = wrong["out"] + 1;
  WriteRecording("mod_gen_sineembed_b", R"({"tol": 1e-6})", wrong);
  Write("unknown_kind.json", "{}");
  Write("index.json", R"([{"name": "mod_gen_sineembed_a", "n_tensors": 2}, {"name": "lsa_lost"}])");
  std::vector<std::string> names;
  ParityHooks hooks;
  hooks.after = [&](const Outcome& outcome) { names.push_back(outcome.name); };
  auto counts = RunParity({folder_, ""}, hooks);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_THAT(names, ElementsAre("lsa_lost", "mod_gen_sineembed_a", "mod_gen_sineembed_b", "unknown_kind"));
  EXPECT_EQ(counts->passed, 1);
  EXPECT_EQ(counts->failed, 3);
  EXPECT_EQ(counts->skipped, 0);

  counts = RunParity({folder_, "embed_a$"}, {});
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->passed, 1);
  EXPECT_EQ(counts->skipped, 3);

  Write("index.json", R"([{"name": "mod_gen_sineembed_a", "n_tensors": 3}])");
  EXPECT_THAT(Verdict("mod_gen_sineembed_a"), HasSubstr("2 tensors, the index says 3"));
}

TEST_F(ParityTest, ImpossibleRunsAreRefused) {
  EXPECT_EQ(RunParity({folder_ + "/nowhere", ""}, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(RunParity({folder_, ""}, {}).status().message()), HasSubstr("found no recordings"));
  Write("unknown_kind.json", "{}");
  EXPECT_EQ(RunParity({folder_, "["}, {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(RunParity({folder_, "zebra"}, {}).status().message()), HasSubstr("matches none of the 1"));
  Write("index.json", "{");
  EXPECT_THAT(std::string(RunParity({folder_, ""}, {}).status().message()), HasSubstr("index.json: no JSON"));
}

TEST(ReportTest, SaysHowItCameToPass) {
  Report report;
  report.Compare("grad", 0.5, 0, Tolerance::Absolute(1));
  EXPECT_EQ(report.Verdict(), "passed");
  report.Note("at the second try");
  EXPECT_EQ(report.Verdict(), "passed (at the second try)");
  report.Compare("loss", 2, 0, Tolerance::Absolute(1));
  EXPECT_THAT(report.Verdict(), StartsWith("FAILED: loss: 2"));
}

TEST(DescribedInputTest, IsReadFromWords) {
  const std::string words = "memory=r('memory',(2,340,256),100) transposed; srcs[l]=r('src'+l,(2,(H),W_l),7) * 1.5 (x)";
  EXPECT_EQ(FindDescribedInput(words, "memory")->seed, 100u);
  EXPECT_EQ(FindDescribedInput(words, "memory")->scale, 1);
  EXPECT_EQ(FindDescribedInput(words, "src")->seed, 7u);
  EXPECT_EQ(FindDescribedInput(words, "src")->scale, 1.5);
  EXPECT_EQ(FindDescribedInput("r('grad_out', shape of out, seed 12) (offset 0)", "grad_out")->seed, 12u);
  EXPECT_FALSE(FindDescribedInput(words, "pos").has_value());
  EXPECT_FALSE(FindDescribedInput("r('pos', (2", "pos").has_value());
}

TEST(ToleranceTest, IsReadFromWords) {
  EXPECT_EQ(ParseTolerance("rel 2e-3 (the first: 1e-4)")->relative, 2e-3);
  EXPECT_EQ(ParseTolerance("abs 1e-5 * max|grad|")->of_largest, 1e-5);
  EXPECT_EQ(ParseTolerance("1e-6 rel")->relative, 1e-6);
  EXPECT_EQ(ParseTolerance("1e-6")->absolute, 1e-6);
  EXPECT_EQ(ParseTolerance("exact (PIL 2-pass)")->Text(), "exact");
  EXPECT_FALSE(ParseTolerance("depends on the library; exact with libjpeg-turbo").has_value());
  EXPECT_EQ((Tolerance{1e-12, 1e-10, 0}).Text(), "1e-12 + 1e-10 relative");
}

}  // namespace
}  // namespace grouppose::parity
