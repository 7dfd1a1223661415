#include "grouppose/checkpoint/read_checkpoint.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "grouppose/checkpoint/contents.h"
#include "grouppose/checkpoint/difference.h"
#include "grouppose/checkpoint/pth.h"
#include "grouppose/checkpoint/pth_writer.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/checkpoint/zip_writer.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tensors = std::map<std::string, at::Tensor>;

std::string TestPath(const std::string& name) { return base::JoinPath(::testing::TempDir(), name); }

std::string Recorded(const std::string& name) { return testing::TestDataFolder() + "/fixtures/ckpt/" + name; }

Tensors Some() {
  const at::Tensor shared = at::arange(6, at::kFloat).view({2, 3});
  return {{"a", shared},
          {"alias", shared},
          {"transposed", shared.t()},
          {"counter", at::full({}, 5, at::kLong)},
          {"mask", at::ones({3}, at::kBool)},
          {"half", at::full({3}, 0.5, at::kHalf)},
          {"none", at::ones({0, 4})},
          {"größe", at::full({1}, -1, at::kInt)}};
}

void ExpectEqual(const Tensors& actual, const Tensors& expected) {
  EXPECT_THAT(Differences(actual, expected), IsEmpty());
  EXPECT_EQ(actual.size(), expected.size());
}

TEST(WritePthTest, ReadsBackWhatItWrote) {
  const std::string path = TestPath("written.pth");
  ASSERT_TRUE(WritePth(path, Some()).ok());
  const auto checkpoint = ReadCheckpoint(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->format, FileFormat::kZip);
  EXPECT_EQ(checkpoint->taken, "model");
  EXPECT_EQ(checkpoint->Source(), path + ", 'model'");
  ExpectEqual(checkpoint->tensors, Some());
  // shared memory is written once, and the tensors are the mapped file
  EXPECT_EQ(checkpoint->tensors.at("a").const_data_ptr(), checkpoint->tensors.at("alias").const_data_ptr());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(checkpoint->tensors.at("mask").const_data_ptr()) % 64, 0);
}

TEST(WritePthTest, BytesDependOnTheValuesAlone) {
  const std::string one = TestPath("one.pth"), two = TestPath("two.pth");
  ASSERT_TRUE(WritePth(one, Some()).ok());
  ASSERT_TRUE(WritePth(two, Some()).ok());
  EXPECT_EQ(*base::ReadFile(one), *base::ReadFile(two));
}

TEST(WritePthTest, RefusesWhatTheFormatLacks) {
  const std::string path = TestPath("kept.pth");
  ASSERT_TRUE(WritePth(path, Some()).ok());
  const std::string before = *base::ReadFile(path);
  EXPECT_THAT(std::string(WritePth(path, {{"x", at::ones({2}, at::kFloat).to(at::kFloat8_e5m2)}}).message()),
              HasSubstr("storage class"));
  EXPECT_THAT(std::string(WritePth(path, {{"\xff", at::ones({2})}}).message()), HasSubstr("UTF-8"));
  EXPECT_THAT(std::string(WritePth(path, {{"x", at::Tensor()}}).message()), HasSubstr("no tensor"));
  EXPECT_EQ(*base::ReadFile(path), before);
}

TEST(Crc32Test, KnowsTheChecksumsOfTheStandard) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926);
  EXPECT_EQ(Crc32(""), 0);
  EXPECT_EQ(Crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339);
}

TEST(ReadCheckpointTest, SafetensorsWithoutTheStateOfTheOptimiser) {
  const std::string path = TestPath("state.bin");  // the name says nothing
  Tensors tensors = Some();
  tensors["optimizer.a.step"] = tensors["average.a"] = at::ones({1});
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"args", R"({"num_queries": 100, "name": "x", "list": [1, 2]})"}}).ok());
  const auto checkpoint = ReadCheckpoint(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->format, FileFormat::kSafetensors);
  ExpectEqual(checkpoint->tensors, Some());
  EXPECT_THAT(checkpoint->left_out, ElementsAre("average.", "optimizer."));
  EXPECT_EQ(checkpoint->arguments.at("num_queries"), "100");
  EXPECT_EQ(checkpoint->arguments.at("list"), "[1,2]");
  EXPECT_THAT(std::string(ReadCheckpoint(path, {"ema_model"}).status().message()), HasSubstr("'ema_model'"));
}

TEST(ReadCheckpointTest, OtherFilesAreRefusedByWhatTheyStartWith) {
  const std::string path = TestPath("other.pth");
  for (const auto& [content, text] : std::map<std::string, std::string>{
           {"", "an empty file"}, {"<!DOCTYPE html><html>", "'<!DOCTYPE html><'"}, {"\x80", "cut short"}}) {
    ASSERT_TRUE(base::WriteFileAtomically(path, content).ok());
    const auto checkpoint = ReadCheckpoint(path);
    EXPECT_EQ(checkpoint.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(checkpoint.status().message()), HasSubstr(path));
    EXPECT_THAT(std::string(checkpoint.status().message()), HasSubstr(text));
  }
  EXPECT_EQ(ReadCheckpoint(TestPath("absent.pth")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCheckpoint(::testing::TempDir()).status().code(), absl::StatusCode::kInvalidArgument);
}

// A zip file of torch.save's shape around a pickle without tensors.
absl::StatusOr<Checkpoint> ReadPickled(const std::string& body) {
  ZipWriter zip;
  zip.Add("x/data.pkl", "\x80\x02" + body + ".");
  const std::string path = TestPath("pickled.pth");
  EXPECT_TRUE(base::WriteFileAtomically(path, *std::move(zip).Finish()).ok());
  return ReadCheckpoint(path);
}

TEST(ReadCheckpointTest, AFileWithoutAStateDictIsRefusedByItsKeys) {
  const auto message = [](const std::string& body) {
    const auto checkpoint = ReadPickled(body);
    EXPECT_FALSE(checkpoint.ok());
    return std::string(checkpoint.status().message());
  };
  EXPECT_THAT(message("}U\x05"
                      "epochK\x01s"),
              HasSubstr("found the keys epoch, expected a state dict under 'model'"));
  EXPECT_THAT(message("}"), HasSubstr("an empty dict"));
  EXPECT_THAT(message("]"), HasSubstr("a dict of tensors"));
  EXPECT_THAT(message("}U\x05"
                      "model}U\x01"
                      "aK\x01ss"),
              HasSubstr("found 1 at 'a', expected a tensor"));
  EXPECT_THAT(message("}U\x05"
                      "model}K\x01K\x01ss"),
              HasSubstr("the key 1"));
}

TEST(ReadCheckpointTest, OfficialTrainingStates) {
  SKIP_WITHOUT_TEST_DATA();
  const auto expected = ReadSafetensors(Recorded("main.expected.safetensors"));
  ASSERT_TRUE(expected.ok());
  for (const char* weights : {"model", "ema_model"}) {
    Tensors wanted;
    const std::string prefix = absl::StrCat(weights, "/");
    for (const auto& [name, tensor] : expected->tensors) {
      if (name.rfind(prefix, 0) == 0) wanted[name.substr(prefix.size())] = tensor;
    }
    for (const char* file : {"main_zip.pth", "main_legacy.pth", "main_zip_cuda.pth", "main_legacy_cuda.pth"}) {
      ReadOptions options;
      if (std::string(weights) != "model") options.weights = weights;
      const auto checkpoint = ReadCheckpoint(Recorded(file), options);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
      EXPECT_EQ(checkpoint->taken, weights);
      ExpectEqual(checkpoint->tensors, wanted);
      EXPECT_EQ(checkpoint->arguments.at("num_queries"), "100");
      EXPECT_EQ(checkpoint->arguments.at("backbone"), "\"resnet50\"");
      EXPECT_THAT(checkpoint->left_out, ::testing::IsSupersetOf({"optimizer", "lr_scheduler", "epoch", "args"}));
    }
  }
}

TEST(ReadCheckpointTest, PrefixesOfDistributedTrainingAreDropped) {
  SKIP_WITHOUT_TEST_DATA();
  for (const char* file : {"old_ddp_zip.pth", "old_ddp_legacy.pth"}) {
    const auto checkpoint = ReadCheckpoint(Recorded(file));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->tensors.count("transformer.level_embed"), 1);
    for (const auto& [name, tensor] : checkpoint->tensors) EXPECT_NE(name.rfind("module.", 0), 0) << name;
  }
  const auto bare = ReadCheckpoint(Recorded("bare_state_dict_legacy.pth"));
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(bare->taken, "");
  EXPECT_EQ(bare->tensors.count("bn1.num_batches_tracked"), 1);
}

TEST(ListContentsTest, NamesEveryTensorAndValue) {
  SKIP_WITHOUT_TEST_DATA();
  const auto contents = ListContents(Recorded("main_legacy.pth"));
  ASSERT_TRUE(contents.ok()) << contents.status();
  const auto expected = ReadSafetensors(Recorded("main.expected.safetensors"));
  ASSERT_EQ(contents->tensors.size(), expected->tensors.size());
  for (const Contents::Tensor& tensor : contents->tensors) {
    ASSERT_EQ(expected->tensors.count(tensor.name), 1) << tensor.name;
    EXPECT_EQ(expected->tensors.at(tensor.name).sizes(), at::IntArrayRef(tensor.sizes)) << tensor.name;
    EXPECT_EQ(tensor.group, tensor.name.substr(0, tensor.name.find('/')));
  }
  const std::map<std::string, std::string> values(contents->values.begin(), contents->values.end());
  EXPECT_EQ(values.at("epoch"), "2");
  EXPECT_EQ(values.at("args/hidden_dim"), "256");
  EXPECT_THAT(values.at("optimizer/param_groups"), HasSubstr("\"betas\":[0.9,0.999]"));
}

TEST(DifferencesTest, NamesShapesTypesAndValues) {
  using Kind = TensorDifference::Kind;
  const Tensors first = {{"gone", at::ones({1})},
                         {"same", at::ones({2})},
                         {"shape", at::ones({2})},
                         {"type", at::ones({2})},
                         {"values", at::full({3}, 1.0)}};
  const Tensors second = {{"new", at::ones({1})},
                          {"same", at::ones({2})},
                          {"shape", at::ones({3})},
                          {"type", at::ones({2}, at::kHalf)},
                          {"values", at::full({3}, 1.5)}};
  const auto differences = Differences(first, second);
  ASSERT_EQ(differences.size(), 5);
  EXPECT_EQ(differences[0].kind, Kind::kOnlyInFirst);
  EXPECT_EQ(differences[1].kind, Kind::kOnlyInSecond);
  EXPECT_EQ(differences[2].second, "float32 [3]");
  EXPECT_EQ(differences[3].kind, Kind::kType);
  EXPECT_EQ(differences[3].max_difference, 0);
  EXPECT_EQ(differences[4].name, "values");
  EXPECT_EQ(differences[4].max_difference, 0.5);
  EXPECT_THAT(Differences(first, first), IsEmpty());
}

}  // namespace
}  // namespace grouppose::checkpoint
