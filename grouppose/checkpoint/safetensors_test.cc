#include "grouppose/checkpoint/safetensors.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::HasSubstr;

std::string TestPath(const std::string& name) { return base::JoinPath(::testing::TempDir(), name); }

// A file of the format from its two parts.
std::string FileBytes(const std::string& json, const std::string& data) {
  std::string content;
  for (int i = 0; i < 8; ++i) content += static_cast<char>(uint64_t{json.size()} >> (8 * i));
  return content + json + data;
}

absl::StatusOr<TensorFile> ReadBytesAsFile(const std::string& content) {
  const std::string path = TestPath("given.safetensors");
  EXPECT_TRUE(base::WriteFileAtomically(path, content).ok());
  return ReadSafetensors(path);
}

void ExpectRefused(const std::string& json, const std::string& data, const std::string& place,
                   const std::string& text) {
  const auto file = ReadBytesAsFile(FileBytes(json, data));
  ASSERT_FALSE(file.ok()) << json;
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  const std::string message(file.status().message());
  EXPECT_THAT(message, HasSubstr("given.safetensors: "));
  EXPECT_THAT(message, HasSubstr(place));
  EXPECT_THAT(message, HasSubstr(text));
  EXPECT_THAT(message, HasSubstr("expected"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(SafetensorsTest, ReadsAFileWrittenByHand) {
  const std::string data("\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x80\x3f", 12);
  const auto file = ReadBytesAsFile(
      FileBytes(R"({"a":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"k":"v\u00e9"},)"
                R"("b.c":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}   )",
                data));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors.size(), 2);
  const at::Tensor a = file->tensors.at("a");
  EXPECT_EQ(a.scalar_type(), at::kInt);
  EXPECT_EQ(a.sizes(), (at::IntArrayRef{2, 1}));
  EXPECT_EQ(a.data_ptr<int32_t>()[0], 1);
  EXPECT_EQ(a.data_ptr<int32_t>()[1], -1);
  EXPECT_EQ(file->tensors.at("b.c").dim(), 0);
  EXPECT_EQ(file->tensors.at("b.c").item<float>(), 1.0f);
  EXPECT_EQ(file->metadata.at("k"), "v\xc3\xa9");
}

TEST(SafetensorsTest, EveryTypeSurvivesTheRoundTrip) {
  const std::string path = TestPath("types.safetensors");
  std::map<std::string, at::Tensor> tensors;
  for (const at::ScalarType type :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kFloat8_e4m3fn, at::kFloat8_e5m2, at::kComplexFloat,
        at::kLong, at::kInt, at::kShort, at::kChar, at::kUInt64, at::kUInt32, at::kUInt16, at::kByte, at::kBool}) {
    // odd counts, so that only the order of the data keeps them aligned
    tensors[absl::StrCat("tensor of ", at::toString(type))] = at::arange(7, at::kInt).to(type);
  }
  tensors["empty"] = at::empty({3, 0, 5});
  tensors["scalar"] = at::full({}, 2.5);
  tensors["quote\" backslash\\ newline\n tab\t \xc3\xa9"] = at::ones({1});
  const std::map<std::string, std::string> metadata = {{"", "empty key"}, {"format", "pt"}, {"line", "a\nb\"\\\x01"}};
  ASSERT_TRUE(WriteSafetensors(path, tensors, metadata).ok());
  const auto file = ReadSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata, metadata);
  ASSERT_EQ(file->tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    ASSERT_EQ(file->tensors.count(name), 1) << name;
    EXPECT_EQ(file->tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(file->tensors.at(name), tensor)) << name;
  }
}

TEST(SafetensorsTest, TensorsAreTheMappedFile) {
  const std::string path = TestPath("mapped.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{"a", at::ones({3})}, {"b", at::ones({2})}}).ok());
  const std::string before = *base::ReadFile(path);
  auto file = ReadSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.status();
  // side by side, as in the file
  at::Tensor a = file->tensors.at("a");
  EXPECT_EQ(static_cast<const float*>(a.const_data_ptr()) + 3, file->tensors.at("b").const_data_ptr());
  // they outlive what they came from, and may be written to
  file = absl::UnknownError("gone");
  ASSERT_TRUE(WriteSafetensors(path, {{"other", at::full({500}, 7.0)}}).ok());
  EXPECT_TRUE(at::equal(a, at::ones({3})));
  a.fill_(5);
  EXPECT_TRUE(at::equal(a, at::full({3}, 5.0)));
  EXPECT_TRUE(at::equal(ReadSafetensors(path)->tensors.at("other"), at::full({500}, 7.0)));
  EXPECT_TRUE(at::equal(ReadSafetensors(MappedFile::OfBytes("copy", before))->tensors.at("a"), at::ones({3})));
}

TEST(SafetensorsTest, ATensorThatIsNotAlignedIsCopied) {
  const auto file = ReadBytesAsFile(FileBytes(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                              R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                              std::string("\x07\x00\x00\x80\x3f", 5)));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(file->tensors.at("b").const_data_ptr()) % sizeof(float), 0);
  EXPECT_EQ(file->tensors.at("b").item<float>(), 1.0f);
  EXPECT_EQ(file->tensors.at("a").item<uint8_t>(), 7);
}

TEST(SafetensorsTest, AFileWithoutTensors) {
  const std::string path = TestPath("none.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {}).ok());
  EXPECT_EQ(*base::ReadFile(path), FileBytes("{}      ", ""));
  const auto file = ReadSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->tensors.empty());
}

TEST(SafetensorsTest, BytesDependOnTheValuesAlone) {
  const at::Tensor base = at::arange(12, at::kFloat).view({3, 4});
  const std::string one = TestPath("one.safetensors"), two = TestPath("two.safetensors");
  ASSERT_TRUE(WriteSafetensors(one, {{"b", base.t()}, {"a", at::ones({3}, at::kByte)}}).ok());
  ASSERT_TRUE(WriteSafetensors(two, {{"a", at::ones({3}, at::kByte)}, {"b", base.t().contiguous()}}).ok());
  const std::string content = *base::ReadFile(one);
  EXPECT_EQ(content, *base::ReadFile(two));
  // names sorted; the larger elements lie first
  const std::string json = R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[48,51]},)"
                           R"("b":{"dtype":"F32","shape":[4,3],"data_offsets":[0,48]}})";
  EXPECT_EQ(content.substr(8, json.size()), json);
}

TEST(SafetensorsTest, AWriterThatFailsLeavesTheOldFile) {
  const std::string path = TestPath("kept.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{"a", at::ones({2})}}).ok());
  const std::string before = *base::ReadFile(path);
  for (const auto& [name, tensor, text] : std::vector<std::tuple<std::string, at::Tensor, std::string>>{
           {"complex", at::ones({2}, at::kComplexDouble), "ComplexDouble"},
           {"undefined", at::Tensor(), "no tensor"},
           {"\xff", at::ones({2}), "UTF-8"},
           {"__metadata__", at::ones({2}), "own name"}}) {
    const absl::Status status = WriteSafetensors(path, {{name, tensor}});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
  EXPECT_EQ(*base::ReadFile(path), before);
  EXPECT_FALSE(WriteSafetensors(TestPath("no/such/folder/x"), {{"a", at::ones({2})}}).ok());
}

TEST(SafetensorsTest, RefusesHostileHeaders) {
  const std::string data(8, '\0');
  const std::string good = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  ASSERT_TRUE(ReadBytesAsFile(FileBytes("{" + good + "}", data)).ok());

  // JSON
  ExpectRefused("", data, "header", "other text");
  ExpectRefused(" {}", "", "header", "other text");
  ExpectRefused("[]", "", "header", "other text");
  ExpectRefused("{" + good, data, "header", "found");
  ExpectRefused("{" + good + "} x", data, "header", "found");
  ExpectRefused("{\"a\xff\":{}}", data, "header", "UTF-8");
  ExpectRefused(std::string(2000, '{'), data, "header", "found");

  // names and fields
  ExpectRefused("{" + good + "," + good + "}", data, "tensor \"a\"", "twice");
  ExpectRefused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data, "tensor \"a\"",
                "twice");
  ExpectRefused(R"({"__metadata__":{},"__metadata__":{}})", "", "__metadata__", "twice");
  ExpectRefused(R"({"__metadata__":{"k":"1","k":"2"}})", "", "__metadata__", "twice");
  ExpectRefused(R"({"__metadata__":{"k":1}})", "", "__metadata__", "\"k\"");
  ExpectRefused(R"({"__metadata__":[]})", "", "__metadata__", "object of strings");
  ExpectRefused(R"({"a":1})", data, "tensor \"a\"", "an object");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2]}})", data, "tensor \"a\"", "{dtype, shape}");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":0}})", data, "tensor \"a\"", "\"x\"");

  // types and shapes
  ExpectRefused(R"({"a":{"dtype":"F4","shape":[8],"data_offsets":[0,8]}})", data, "tensor \"a\"", "F4");
  ExpectRefused(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", data, "tensor \"a\"", "no string");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", data, "tensor \"a\"", "no array");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", data, "tensor \"a\"", "-2");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", data, "tensor \"a\"", "2.0");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", data, "tensor \"a\"",
                "18446744073709551615");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", data, "tensor \"a\"", "12 for shape [3]");
  // 4 * 2^62 wraps around to 0
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", "", "tensor \"a\"",
                "2^63");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", "", "tensor \"a\"",
                "2^63");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  ExpectRefused(absl::StrCat(R"({"a":{"dtype":"F32","shape":[)", ones, R"(],"data_offsets":[0,4]}})"), data.substr(4),
                "tensor \"a\"", "65 dimensions");

  // offsets
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", data, "tensor \"a\"", "[0]");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", data, "tensor \"a\"", "[8,0]");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", data, "tensor \"a\"", "[-8,0]");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", data, "tensor \"a\"", "[8,16]");
  ExpectRefused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615]}})", data,
                "tensor \"a\"", "18446744073709551608");
}

TEST(SafetensorsTest, RefusesOverlapsHolesAndLeftoverData) {
  const std::string twelve(12, '\0');
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":)";
  ExpectRefused(a + R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", twelve, "tensor \"b\"", "overlap");
  ExpectRefused(a + R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", twelve, "tensor \"b\"", "overlap");
  ExpectRefused(a + R"({"dtype":"U8","shape":[2],"data_offsets":[10,12]}})", twelve, "tensor \"b\"", "hole");
  ExpectRefused(a + R"({"dtype":"U8","shape":[2],"data_offsets":[8,10]}})", twelve, "header", "tensors of 10 bytes");
}

TEST(SafetensorsTest, RefusesBytesThatAreNoBool) {
  const std::string json = R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})";
  EXPECT_TRUE(ReadBytesAsFile(FileBytes(json, std::string("\x01\x00\x01", 3))).ok());
  ExpectRefused(json, std::string("\x01\x00\x02", 3), "tensor \"a\"", "the byte 2 at index 2");
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const std::string path = TestPath("whole.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{"a", at::arange(5)}, {"b", at::ones({3}, at::kChar)}}).ok());
  const std::string content = *base::ReadFile(path);
  for (size_t size = 0; size < content.size(); ++size) {
    const auto file = ReadBytesAsFile(content.substr(0, size));
    ASSERT_FALSE(file.ok()) << size;
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << size << " " << file.status();
  }
}

TEST(SafetensorsTest, RefusesAHeaderLongerThanTheFileOrTheLimit) {
  const auto longer = ReadBytesAsFile(std::string(8, '\xff') + "{}");
  EXPECT_THAT(std::string(longer.status().message()), HasSubstr("header of 18446744073709551615 bytes"));
  const auto over = ReadBytesAsFile(FileBytes("{}" + std::string(100'000'001, ' '), ""));
  EXPECT_THAT(std::string(over.status().message()), HasSubstr("at most 100000000"));
}

TEST(SafetensorsTest, NoSuchFile) {
  EXPECT_EQ(ReadSafetensors(TestPath("absent.safetensors")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadSafetensors(::testing::TempDir()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace grouppose::checkpoint
