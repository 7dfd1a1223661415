#include "grouppose/checkpoint/test_files.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "grouppose/checkpoint/zip_writer.h"

namespace grouppose::checkpoint {
namespace {

std::string LittleEndian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string Entry(const std::string& key, const std::string& value) { return Text(key) + value + "s"; }

}  // namespace

std::string Text(const std::string& text) {
  GROUPPOSE_CHECK(text.size() < 256, text.size());
  return absl::StrCat("U", std::string(1, static_cast<char>(text.size())), text);
}

std::string Int(uint32_t value) { return "J" + LittleEndian(value, 4); }

std::string Ints(const std::vector<uint32_t>& values) {
  std::string out = "(";
  for (const uint32_t value : values) out += Int(value);
  return out + "t";
}

std::string Name(const std::string& module, const std::string& name) {
  return absl::StrCat("c", module, "\n", name, "\n");
}

std::string StorageText(const std::string& type, uint32_t elements, const std::string& key, bool legacy) {
  return absl::StrCat("(", Text("storage"), Name("torch", type), Text(key), Text("cuda:0"), Int(elements),
                      legacy ? "N" : "", "tQ");
}

std::string TensorText(const std::string& storage, uint32_t offset, const std::vector<uint32_t>& sizes,
                       const std::vector<uint32_t>& strides) {
  return absl::StrCat(Name("torch._utils", "_rebuild_tensor_v2"), "(", storage, Int(offset), Ints(sizes), Ints(strides),
                      "\x89", Name("collections", "OrderedDict"), ")RtR");
}

std::string Pickled(const std::string& instructions) { return absl::StrCat("\x80\x02", instructions, "."); }

std::string ZipFile(const std::string& pickle, const KeyedBytes& storages) {
  ZipWriter zip;
  zip.Add("file/data.pkl", pickle);
  zip.Add("file/byteorder", "little");
  for (const auto& [key, bytes] : storages) zip.Add("file/data/" + key, bytes);
  zip.Add("file/version", "3\n");
  return *std::move(zip).Finish();
}

std::string LegacyFile(const std::string& pickle, const KeyedBytes& storages, const std::vector<uint32_t>& elements) {
  std::string file = Pickled("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");  // the magic number
  file += Pickled("M\xe9\x03");                                                    // version 1001
  file += Pickled("}" + Entry("little_endian", "\x88"));
  file += pickle;
  std::string keys = "](";
  for (const auto& [key, bytes] : storages) keys += Text(key);
  file += Pickled(keys + "e");
  for (size_t i = 0; i < storages.size(); ++i) file += LittleEndian(elements[i], 8) + storages[i].second;
  return file;
}

std::string TrainingState(bool legacy) {
  const std::string weights = StorageText("FloatStorage", 12, "0", legacy);
  const std::string halves = StorageText("HalfStorage", 5, "1", legacy);
  const std::string counter = StorageText("LongStorage", 1, "2", legacy);
  const std::string mask = StorageText("BoolStorage", 3, "3", legacy);
  const std::string ordered = Name("collections", "OrderedDict") + ")R";
  const std::string model =
      ordered + Entry("module.weight", TensorText(weights, 0, {3, 4}, {4, 1})) +
      Entry("module.shared", TensorText(weights, 0, {3, 4}, {4, 1})) +
      Entry("module.transposed", TensorText(weights, 0, {4, 3}, {1, 4})) +
      Entry("module.row", TensorText(weights, 4, {4}, {1})) + Entry("module.half", TensorText(halves, 0, {5}, {1})) +
      Entry("module.count", TensorText(counter, 0, {}, {})) + Entry("module.mask", TensorText(mask, 0, {3}, {1})) +
      "}" + Entry("_metadata", ordered) + "b";
  const std::string moment = "}" + Entry("step", Int(7)) + Entry("exp_avg", TensorText(halves, 1, {2, 2}, {2, 1}));
  const std::string optimizer =
      "}" + Entry("state", "}" + Int(0) + moment + "s") +
      Entry("param_groups", "](}" + Entry("lr", std::string("G\x3f\x1a\x36\xe2\xeb\x1c\x43\x2d", 9)) +
                                Entry("params", "](" + Int(0) + "e") + "e");
  const std::string arguments = Name("argparse", "Namespace") + ")\x81}" + Entry("num_queries", "K\x64") +
                                Entry("backbone", Text("resnet50")) + Entry("scales", Ints({480, 512})) +
                                Entry("note", "N") + "b";
  const std::string state =
      "}q\x01" + Entry("model", model) + Entry("optimizer", optimizer) +
      Entry("lr_scheduler", "}" + Entry("gamma", std::string("G\x3f\xb9\x99\x99\x99\x99\x99\x9a", 9))) +
      Entry("epoch", "K\x02") + Entry("args", arguments);
  std::string floats;
  for (int i = 0; i < 12; ++i) floats += std::string("\x00\x00\x80\x3f", 4);  // 1.0f
  const KeyedBytes storages = {
      {"0", floats}, {"1", std::string(10, '\x3c')}, {"2", LittleEndian(40, 8)}, {"3", std::string("\x01\x00\x01", 3)}};
  return legacy ? LegacyFile(Pickled(state), storages, {12, 5, 1, 3}) : ZipFile(Pickled(state), storages);
}

}  // namespace grouppose::checkpoint
