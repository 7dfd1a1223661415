#include "grouppose/checkpoint/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grouppose/checkpoint/test_files.h"

namespace grouppose::checkpoint {
namespace {

using ::testing::HasSubstr;
using std::string_literals::operator""s;

constexpr PickleLimits kLimits = {/*max_storage_bytes=*/1000, /*max_tensor_bytes=*/10'000};

absl::StatusOr<Pickle> Read(const std::string& body) { return ReadPickle("\x80\x02" + body + ".", kLimits); }

std::string TextOf(const std::string& body) {
  const auto pickle = Read(body);
  return pickle.ok() ? ToText(*pickle->root) : std::string(pickle.status().message());
}

void ExpectRefused(const std::string& body, const std::string& text) {
  const auto pickle = Read(body);
  ASSERT_FALSE(pickle.ok()) << text;
  EXPECT_EQ(pickle.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(pickle.status().message());
  EXPECT_THAT(message, HasSubstr(text));
  EXPECT_THAT(message, HasSubstr("expected"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(PickleTest, Scalars) {
  EXPECT_EQ(TextOf("N"), "None");
  EXPECT_EQ(TextOf("\x88"), "True");
  EXPECT_EQ(TextOf("\x89"), "False");
  EXPECT_EQ(TextOf(Int(0xfffffffe)), "-2");
  EXPECT_EQ(TextOf("K\xff"), "255");
  EXPECT_EQ(TextOf("M\x01\x02"), "513");
  EXPECT_EQ(TextOf("\x8a\x00"s), "0");
  EXPECT_EQ(TextOf("\x8a\x01\xff"s), "-1");
  EXPECT_EQ(TextOf("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01"s), "18446744073709551616");
  EXPECT_EQ(TextOf("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff"s), "-18446744073709551616");
  EXPECT_EQ(TextOf("G\x3f\xf8\x00\x00\x00\x00\x00\x00"s), "1.5");
  EXPECT_EQ(TextOf("G\xff\xf0\x00\x00\x00\x00\x00\x00"s), "-inf");
  EXPECT_EQ(TextOf("X\x02\x00\x00\x00hi"s), "'hi'");
  EXPECT_EQ(TextOf("C\x02\x00\xff"s), "b'\\x00\\xff'");
  EXPECT_EQ(TextOf(absl::StrCat(Name("_codecs", "encode"), Text("\xc3\xbfz"), Text("latin1"), "\x86R")), "b'\\xffz'");
}

TEST(PickleTest, ContainersAndPlainObjects) {
  EXPECT_EQ(TextOf(")"), "()");
  EXPECT_EQ(TextOf("K\x01\x85"), "(1,)");
  EXPECT_EQ(TextOf("](K\x01K\x02"
                   "e"),
            "[1, 2]");
  EXPECT_EQ(TextOf("}" + Text("a") + "K\x01s"), "{'a': 1}");
  EXPECT_EQ(TextOf("(K\x01K\x02"
                   "d"),
            "{1: 2}");
  EXPECT_EQ(TextOf(Name("__builtin__", "set") + "](K\x01K\x02"
                                                "e\x85R"),
            "{1, 2}");
  EXPECT_EQ(TextOf(Name("torch", "Size") + "K\x03\x85\x85R"), "(3,)");
  EXPECT_EQ(TextOf(absl::StrCat(Name("torch", "device"), Text("cuda"), "K\x01\x86R")), "'cuda:1'");
  EXPECT_EQ(TextOf(Name("torch", "float16")), "torch float16");
  EXPECT_EQ(TextOf(absl::StrCat(Name("pathlib", "PosixPath"), "(", Text("/"), Text("data"), Text("coco"), "tR")),
            "'/data/coco'");

  const auto namespace_ = Read(Name("argparse", "Namespace") + ")\x81}" + Text("lr") + "K\x05sb");
  ASSERT_TRUE(namespace_.ok()) << namespace_.status();
  EXPECT_EQ(namespace_->root->kind, Value::Kind::kObject);
  EXPECT_EQ(namespace_->root->Find("lr")->AsInt(), 5);

  // a state dict's own attribute is no entry of it
  EXPECT_EQ(TextOf(Name("collections", "OrderedDict") + ")R" + Text("w") + "K\x01s}" + Text("_metadata") + "Nsb"),
            "{'w': 1}");
  // a key twice, as in Python: the last
  EXPECT_EQ(Read("}(" + Text("a") + "K\x01" + Text("a") + "K\x02u")->root->Find("a")->AsInt(), 2);
}

TEST(PickleTest, TensorsAreViewsOfStorages) {
  const std::string storage = StorageText("HalfStorage", 12);
  const auto pickle = Read("(" + TensorText(storage, 1, {2, 3}, {4, 1}) + TensorText(storage, 0, {4, 3}, {1, 4}) +
                           TensorText(storage, 12, {0}, {1}) + "t");
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  ASSERT_EQ(pickle->storages.size(), 1);
  EXPECT_EQ(pickle->storages[0].location, "cuda:0");
  EXPECT_EQ(pickle->storages[0].bytes, 24);
  ASSERT_EQ(pickle->tensors.size(), 3);
  EXPECT_EQ(pickle->tensors[0].offset, 1);
  EXPECT_EQ(pickle->tensors[0].type, c10::ScalarType::Half);
  EXPECT_EQ(pickle->tensors[1].strides, (std::vector<int64_t>{1, 4}));
}

TEST(PickleTest, ViewsOutsideOfTheirStorageAreRefused) {
  const std::string storage = StorageText("FloatStorage", 12);
  EXPECT_TRUE(Read(TensorText(storage, 0, {12}, {1})).ok());
  ExpectRefused(TensorText(storage, 0, {13}, {1}), "shape [13]");
  ExpectRefused(TensorText(storage, 1, {12}, {1}), "offset 1");
  ExpectRefused(TensorText(storage, 0, {2}, {12}), "strides [12]");
  ExpectRefused(TensorText(storage, 13, {0}, {1}), "offset 13");
  ExpectRefused(TensorText(storage, 0, {0xfffffffe}, {1}), "-2");
  ExpectRefused(TensorText(storage, 0, {2}, {0xffffffff}), "-1");
  ExpectRefused(TensorText(storage, 0, {2, 2}, {1}), "as many strides");
  // products that wrap around
  const std::vector<uint32_t> large(3, 0x7fffffff);
  ExpectRefused(TensorText(storage, 0, large, {0, 0, 0}), "2^63");
  ExpectRefused(TensorText(storage, 0, {0, 0x7fffffff, 0x7fffffff, 4}, {0, 0, 0, 0}), "2^63");
  ExpectRefused(TensorText(storage, 0, {2, 2, 2}, large), "within the 12 elements");
  ExpectRefused(TensorText(storage, 0, std::vector<uint32_t>(65, 1), std::vector<uint32_t>(65, 1)), "65 dimensions");
  // a view that repeats: small in the file, large for everybody who copies it
  ExpectRefused(TensorText(storage, 0, {3000}, {0}), "10000 bytes");
  ExpectRefused(TensorText(StorageText("FloatStorage", 251), 0, {1}, {1}), "1000 bytes of the file");
  ExpectRefused("(" + StorageText("FloatStorage", 2) + StorageText("FloatStorage", 3) + "t", "another type or size");
  ExpectRefused(storage, "a storage by itself");
  ExpectRefused(Text("storage") + "Q", "'storage'");
}

TEST(PickleTest, OtherGlobalsAreRefusedHoweverTheyAreNamed) {
  for (const std::string& body :
       {Name("posix", "system") + Text("true") + "\x85R", Name("os", "system"), Text("os") + Text("system") + "\x93",
        Name("__builtin__", "eval"), Name("builtins", "getattr"), Name("torch", "load"),
        Name("torch.storage", "_load_from_bytes"), Name("copyreg", "_reconstructor"), Name("torch", "os\nsystem"),
        Name("torch._utils", "_rebuild_tensor_v2.__globals__"), Name("numpy.core.multiarray", "_reconstruct"),
        Name(std::string(5000, 'm'), std::string(5000, 'n'))}) {
    ExpectRefused(body, "nothing in the file was executed");
  }
  // INST, OBJ, EXT1, EXT4, PERSID, NEWOBJ_EX, buffers of protocol 5, text of protocol 0
  for (const char code :
       {'i', 'o', '\x82', '\x84', 'P', '\x92', '\x97', '\x98', 'I', 'S', 'V', 'p', 'g', '0', '1', '2'}) {
    ExpectRefused("(NN" + std::string(1, code) + "a\nb\n", "the instruction");
  }
  ExpectRefused(Name("torch", "FloatStorage") + ")R", "a call");
  ExpectRefused(Name("torch", "FloatStorage"), "plain data");
  ExpectRefused("K\x01)R", "a global to call");
}

TEST(PickleTest, DataThatGrowsOutOfAFewBytesIsRefused) {
  // a list in itself
  ExpectRefused(
      "]q\x01h\x01"
      "a",
      "contains itself");
  ExpectRefused("}q\x01K\x01h\x01s", "contains itself");
  // twice the list before, forty times
  std::string doubled = "(]";
  for (int i = 0; i < 40; ++i) doubled += "q\x01(h\x01h\x01l";
  ExpectRefused(doubled + "t", "nested into itself");
  std::string deep = "]";
  for (int i = 0; i < 100'000; ++i) deep += "\x85";
  ExpectRefused(deep, "nesting");
  // a set of the same thousand values, over and over
  std::string sets = Name("builtins", "set") + "q\x01](" + std::string(1000, 'N') + "e\x85q\x02";
  for (int i = 0; i < 100'000; ++i) sets += "h\x01h\x02R";
  ExpectRefused(sets, "more data than a checkpoint has");
  ExpectRefused(std::string(5'000'000, ']'), "more data than a checkpoint has");
  ExpectRefused("X\xff\xff\xff\xff", "cut short");
  ExpectRefused("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "cut short");
  ExpectRefused("\x8a\xff" + std::string(255, '\x01'), "255 bytes");
}

TEST(PickleTest, WhatPythonWouldRefuseIsRefused) {
  ExpectRefused("", "0 values");
  ExpectRefused("NN", "2 values");
  ExpectRefused("(N", "at its end");
  ExpectRefused("a", "empty stack");
  ExpectRefused("t", "no mark");
  ExpectRefused("(t\x85\x86", "empty stack");
  ExpectRefused("}(Nu", "a key without a value");
  ExpectRefused("h\x07", "nothing at 7");
  ExpectRefused("K\x01Na", "a list to append to");
  ExpectRefused("K\x01K\x02K\x03s", "a dict to fill");
  ExpectRefused("N}b", "a state");
  EXPECT_FALSE(ReadPickle("", kLimits).ok());
  EXPECT_FALSE(ReadPickle("N.", kLimits).ok());
  EXPECT_FALSE(ReadPickle("\x80\x06N.", kLimits).ok());
  const std::string whole = "\x80\x02" + TensorText(StorageText("FloatStorage", 12), 0, {12}, {1}) + ".";
  ASSERT_TRUE(ReadPickle(whole, kLimits).ok());
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(ReadPickle(whole.substr(0, size), kLimits).ok()) << size;
}

}  // namespace
}  // namespace grouppose::checkpoint
