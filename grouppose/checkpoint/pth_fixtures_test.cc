// Every file of the recorded checkpoints, written by the official programs' torch.save or by those who mean harm.
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "grouppose/checkpoint/pth.h"
#include "grouppose/checkpoint/safetensors.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::HasSubstr;
using Tensors = std::map<std::string, at::Tensor>;

std::string Folder() { return testing::TestDataFolder() + "/fixtures/ckpt/"; }

// A list of ckpt/index.json.
std::vector<std::string> Names(const char* list) {
  simdjson::dom::parser parser;
  simdjson::dom::element index;
  EXPECT_FALSE(parser.load(Folder() + "index.json").get(index));
  std::vector<std::string> names;
  for (const simdjson::dom::element name : index[list]) names.emplace_back(std::string_view(name));
  return names;
}

absl::StatusOr<PthFile> Open(const std::string& name) {
  const auto file = MappedFile::Open(Folder() + name);
  if (!file.ok()) return file.status();
  return PthFile::Open(*file);
}

// Every tensor below a value, by its path.
void Collect(const Value& value, const std::string& path, PthFile* file, Tensors* tensors) {
  switch (value.kind) {
    case Value::Kind::kTensor:
      (*tensors)[path] = file->Tensor(value);
      return;
    case Value::Kind::kDict:
      for (const auto& [key, item] : value.AsPairs()) {
        const std::string name = key->kind == Value::Kind::kString ? key->AsText() : ToText(*key);
        Collect(*item, path.empty() ? name : absl::StrCat(path, "/", name), file, tensors);
      }
      return;
    default:
      return;
  }
}

// main_zip_cuda.pth -> main.expected.safetensors, where there is one.
std::string ExpectedFile(std::string name) {
  for (const char* suffix : {".pth", "_cuda", "_proto3", "_proto4", "_proto5", "_zip", "_legacy"}) {
    name = std::string(absl::StripSuffix(name, suffix));
  }
  if (name == "model_only") name = "main";
  return Folder() + name + ".expected.safetensors";
}

void ExpectTheExpectedTensors(const std::string& name) {
  SCOPED_TRACE(name);
  auto file = Open(name);
  ASSERT_TRUE(file.ok()) << file.status();
  Tensors tensors;
  Collect(file->root(), "", &*file, &tensors);
  ASSERT_FALSE(tensors.empty());
  if (!base::FileExists(ExpectedFile(name))) return;
  const auto expected = ReadSafetensors(ExpectedFile(name));
  ASSERT_TRUE(expected.ok()) << expected.status();
  size_t compared = 0;
  for (const auto& [path, tensor] : expected->tensors) {
    std::string local(absl::StripPrefix(path, "/"));
    if (absl::StrContains(name, "kinds")) local = "tensors/" + local;
    if (absl::StrContains(name, "model_only") && !absl::StartsWith(local, "model/")) continue;
    ASSERT_EQ(tensors.count(local), 1) << local;
    EXPECT_EQ(tensors.at(local).scalar_type(), tensor.scalar_type()) << local;
    EXPECT_TRUE(at::equal(tensors.at(local), tensor)) << local;
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST(PthFixturesTest, WhatMustLoadHasTheExpectedTensors) {
  SKIP_WITHOUT_TEST_DATA();
  for (const std::string& name : Names("must_load")) ExpectTheExpectedTensors(name);
}

TEST(PthFixturesTest, OtherProtocolsLoadAndCompressedEntriesAreRefused) {
  SKIP_WITHOUT_TEST_DATA();
  for (const std::string& name : Names("optional")) {
    if (name != "zip_deflated.pth") {
      ExpectTheExpectedTensors(name);
      continue;
    }
    const auto file = Open(name);
    ASSERT_FALSE(file.ok());
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("save it again"));
  }
}

TEST(PthFixturesTest, WhatMustBeRefusedIsInOneLine) {
  SKIP_WITHOUT_TEST_DATA();
  for (const std::string& name : Names("must_refuse")) {
    const auto file = Open(name);
    ASSERT_FALSE(file.ok()) << name;
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
    const std::string message(file.status().message());
    EXPECT_THAT(message, HasSubstr(name + ": "));
    EXPECT_THAT(message, HasSubstr("found"));
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 400) << message;
    const char* const reason = absl::StartsWith(name, "evil") ? "nothing in the file was executed" : "expected";
    EXPECT_THAT(message, HasSubstr(reason));
  }
  EXPECT_FALSE(base::FileExists("/tmp/ref_evil_marker_fixtures"));  // what the evil ones would make
}

TEST(PthFixturesTest, PlainDataAndSharedStorages) {
  SKIP_WITHOUT_TEST_DATA();
  for (const char* name : {"main_zip.pth", "main_legacy_cuda.pth"}) {
    const auto file = Open(name);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->root().Find("epoch")->AsInt(), 2);
    const Value* const args = file->root().Find("args");
    ASSERT_EQ(args->kind, Value::Kind::kObject);
    EXPECT_EQ(args->Find("num_queries")->AsInt(), 100);
    EXPECT_EQ(args->Find("unicode_note")->AsText(), "Größe 人");
    EXPECT_EQ(ToText(*args->Find("return_interm_indices")), "[1, 2, 3]");
    EXPECT_EQ(args->Find("lr")->AsFloat(), 1e-4);
    EXPECT_EQ(args->Find("data_aug_scale_overlap")->kind, Value::Kind::kNone);
  }
  for (const char* name : {"kinds_zip.pth", "kinds_legacy.pth", "kinds_zip_proto5.pth"}) {
    auto file = Open(name);
    ASSERT_TRUE(file.ok()) << file.status();
    const Value& root = file->root();
    const auto tensor = [&](const char* key) { return file->Tensor(*root.Find("tensors")->Find(key)); };
    for (const char* view : {"transposed", "strided", "offset", "row", "expanded"}) {
      EXPECT_EQ(tensor(view).storage().data(), tensor("f32").storage().data()) << view;
    }
    EXPECT_FALSE(tensor("transposed").is_contiguous());
    EXPECT_EQ(ToText(*root.Find("list")), "[1, 2.5, 's', None, True, (1, 2), {'a': {1: 2}}]");
    EXPECT_EQ(ToText(*root.Find("big")), "1180591620717411303424");
    EXPECT_EQ(root.Find("neg")->AsInt(), -1099511627776);
    EXPECT_EQ(root.Find("bytes")->AsText(), std::string("\0\xff", 2));
    EXPECT_EQ(ToText(*root.Find("set")), "{1, 2}");
    EXPECT_EQ(ToText(*root.Find("float_inf")), "inf");
    EXPECT_EQ(root.Find("np_scalar_free")->AsFloat(), 1e-300);
    EXPECT_EQ(tensor("complex64").scalar_type(), at::kComplexFloat);
  }
}

}  // namespace
}  // namespace grouppose::checkpoint
