#include "tools/checkpoint_command.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "base/files.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/checkpoint/test_files.h"
#include "simdjson.h"

namespace grouppose {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TestPath(const std::string& name) { return base::JoinPath(::testing::TempDir(), name); }

struct Done {
  absl::Status status;
  std::string out;
};

Done Command(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  const absl::Status status = RunCheckpointCommand(arguments, out);
  return {status, out.str()};
}

// A training state of torch.save, by hand.
std::string State() {
  const std::string path = TestPath("state.pth");
  EXPECT_TRUE(base::WriteFileAtomically(path, checkpoint::TrainingState(/*legacy=*/true)).ok());
  return path;
}

TEST(CheckpointCommandTest, InspectShowsTensorsValuesAndTotals) {
  const Done all = Command({"inspect", State()});
  ASSERT_TRUE(all.status.ok()) << all.status;
  EXPECT_THAT(all.out, HasSubstr("torch.save (legacy)"));
  EXPECT_THAT(all.out, HasSubstr("model/module.transposed    float32  [4, 3]\n"));
  EXPECT_THAT(all.out, HasSubstr("model/module.count         int64    []\n"));
  EXPECT_THAT(all.out, HasSubstr("  epoch = 2\n"));
  EXPECT_THAT(all.out, HasSubstr("  args/backbone = \"resnet50\"\n"));
  EXPECT_THAT(all.out, HasSubstr("  optimizer/param_groups = [{\"lr\":1e-04,\"params\":[0]}]\n"));
  EXPECT_THAT(all.out, HasSubstr("total             8 tensors"));

  const Done some = Command({"inspect", State(), "--filter=half|^epoch"});
  ASSERT_TRUE(some.status.ok()) << some.status;
  EXPECT_THAT(some.out, HasSubstr("model/module.half"));
  EXPECT_THAT(some.out, HasSubstr("epoch = 2"));
  EXPECT_THAT(some.out, Not(HasSubstr("transposed")));
  EXPECT_THAT(std::string(Command({"inspect", State(), "--filter=("}).status.message()),
              HasSubstr("a regular expression"));
}

TEST(CheckpointCommandTest, InspectWritesJson) {
  const Done done = Command({"inspect", State(), "--json"});
  ASSERT_TRUE(done.status.ok()) << done.status;
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  ASSERT_FALSE(parser.parse(done.out).get(json)) << done.out;
  EXPECT_EQ(simdjson::minify(json.at_pointer("/tensors/0").value()),
            R"({"name":"model/module.weight","dtype":"float32","shape":[3,4]})");
  EXPECT_EQ(simdjson::minify(json.at_pointer("/values").value()["args/scales"].value()), "[480,512]");
  EXPECT_EQ(int64_t{json.at_pointer("/totals/model/tensors").value()}, 7);
}

TEST(CheckpointCommandTest, ConvertsThereAndBack) {
  const std::string safetensors = TestPath("out.safetensors"), pth = TestPath("out.pth");
  const Done there = Command({"convert", State(), safetensors});
  ASSERT_TRUE(there.status.ok()) << there.status;
  EXPECT_THAT(there.out, HasSubstr("out.safetensors: 7 tensors of "));
  EXPECT_THAT(there.out, HasSubstr("left out: optimizer, lr_scheduler, epoch\n"));
  const Done back = Command({"convert", safetensors, pth});
  ASSERT_TRUE(back.status.ok()) << back.status;
  const auto file = checkpoint::ReadSafetensors(safetensors);
  EXPECT_EQ(file->metadata.at("args"), R"({"backbone":"resnet50","note":null,"num_queries":100,"scales":[480,512]})");
  EXPECT_EQ(file->tensors.count("transposed"), 1) << "without module.";
  const Done same = Command({"diff", State(), pth});
  EXPECT_TRUE(same.status.ok()) << same.status;
  EXPECT_EQ(same.out, "equal: 7 tensors\n");
  EXPECT_THAT(std::string(Command({"convert", State(), TestPath("out.onnx")}).status.message()),
              HasSubstr(".safetensors"));
}

TEST(CheckpointCommandTest, DiffSaysWhere) {
  const std::string a = TestPath("a.safetensors"), b = TestPath("b.safetensors");
  const at::Tensor some = at::arange(4, at::kFloat);
  ASSERT_TRUE(checkpoint::WriteSafetensors(
                  a, {{"changed", some}, {"gone", some}, {"reshaped", some}, {"retyped", some}, {"same", some}})
                  .ok());
  ASSERT_TRUE(checkpoint::WriteSafetensors(b, {{"changed", some + 0.5},
                                               {"new", some},
                                               {"reshaped", some.view({2, 2})},
                                               {"retyped", some.to(at::kHalf)},
                                               {"same", some}})
                  .ok());
  const Done done = Command({"diff", a, b});
  EXPECT_EQ(done.status.code(), absl::StatusCode::kAborted);  // exit 1
  EXPECT_EQ(done.out,
            "values     changed  float32 [4], max |a - b| 0.5\n"
            "only in A  gone  float32 [4]\n"
            "only in B  new  float32 [4]\n"
            "shape      reshaped  float32 [4] -> float32 [2, 2]\n"
            "type       retyped  float32 [4] -> float16 [4], max |a - b| 0\n");
  EXPECT_EQ(Command({"diff", a, TestPath("absent.pth")}).status.code(), absl::StatusCode::kNotFound);
}

TEST(CheckpointCommandTest, RefusesOtherArguments) {
  EXPECT_THAT(std::string(Command({}).status.message()), HasSubstr("expected a subcommand"));
  EXPECT_THAT(std::string(Command({"inspekt"}).status.message()), HasSubstr("did you mean inspect?"));
  EXPECT_THAT(std::string(Command({"diff", "a"}).status.message()), HasSubstr("expected A and B"));
  EXPECT_THAT(Command({"--help"}).out, HasSubstr("convert IN OUT"));
}

}  // namespace
}  // namespace grouppose
