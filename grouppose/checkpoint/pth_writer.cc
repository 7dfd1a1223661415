#include "grouppose/checkpoint/pth_writer.h"

#include <simdjson.h>

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "grouppose/checkpoint/globals.h"
#include "grouppose/checkpoint/storage.h"
#include "grouppose/checkpoint/zip_writer.h"

namespace grouppose::checkpoint {
namespace {

// The archive's folder: torch.save names it after the file, which would make the bytes depend on the path.
constexpr char kFolder[] = "archive/";

// Protocol 2, of which weights_only=True reads this much.
class PickleWriter {
 public:
  PickleWriter() { text_ = "\x80\x02"; }

  void Op(char code) { text_ += code; }
  void Global(const std::string& module, const std::string& name) {
    absl::StrAppend(&text_, "c", module, "\n", name, "\n");
  }
  void Text(const std::string& text) {
    text_ += 'X';
    Bytes(text.size(), 4);
    text_ += text;
  }
  void Integer(int64_t value) {
    if (value >= 0 && value <= INT32_MAX) {
      text_ += 'J';
      Bytes(static_cast<uint64_t>(value), 4);
      return;
    }
    text_ += "\x8a\x08";  // eight bytes
    Bytes(static_cast<uint64_t>(value), 8);
  }
  void Integers(at::IntArrayRef values) {
    Op('(');
    for (const int64_t value : values) Integer(value);
    Op('t');
  }
  // OrderedDict(), without its items.
  void OrderedDict() {
    Global("collections", "OrderedDict");
    absl::StrAppend(&text_, ")R");
  }
  const std::string& text() const { return text_; }

 private:
  void Bytes(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text_ += static_cast<char>(value >> (8 * i));
  }
  std::string text_;
};

absl::Status CheckWritable(const std::string& name, const at::Tensor& tensor) {
  if (!simdjson::validate_utf8(name)) {
    return absl::InvalidArgumentError("found a name that is not UTF-8, expected UTF-8");
  }
  if (!tensor.defined()) return absl::InvalidArgumentError("found no tensor, expected a defined one");
  if (tensor.layout() != at::kStrided) return absl::InvalidArgumentError("found a sparse tensor, expected a dense one");
  if (!StorageClass(tensor.scalar_type()).empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("found type ", at::toString(tensor.scalar_type()),
                                                 ", expected one that has a storage class in torch"));
}

// torch._utils._rebuild_tensor_v2(storage, 0, sizes, strides, False, OrderedDict())
void WriteTensor(const at::Tensor& tensor, const std::string& key, PickleWriter* pickle) {
  pickle->Global("torch._utils", "_rebuild_tensor_v2");
  pickle->Op('(');
  pickle->Op('(');
  pickle->Text("storage");
  pickle->Global("torch", StorageClass(tensor.scalar_type()));
  pickle->Text(key);
  pickle->Text("cpu");
  pickle->Integer(tensor.numel());
  pickle->Op('t');
  pickle->Op('Q');
  pickle->Integer(0);
  pickle->Integers(tensor.sizes());
  pickle->Integers(DenseStrides(tensor.sizes()));
  pickle->Op('\x89');
  pickle->OrderedDict();
  pickle->Op('t');
  pickle->Op('R');
}

// The storages' keys: one for all tensors that are the same memory.
class Keys {
 public:
  // The key, and whether it is a new one.
  std::pair<std::string, bool> Of(const at::Tensor& tensor) {
    // tensors without elements share nothing
    const void* const memory = tensor.numel() == 0 ? nullptr : tensor.const_data_ptr();
    const auto [it, is_new] =
        known_.emplace(std::make_tuple(memory, tensor.scalar_type(), tensor.sizes().vec(), tensor.strides().vec()),
                       absl::StrCat(known_.size()));
    return {it->second, is_new};
  }

 private:
  std::map<std::tuple<const void*, at::ScalarType, std::vector<int64_t>, std::vector<int64_t>>, std::string> known_;
};

}  // namespace

absl::Status WritePth(const std::string& path, const std::map<std::string, at::Tensor>& tensors) {
  PickleWriter pickle;
  std::vector<std::pair<std::string, at::Tensor>> storages;
  Keys keys;
  pickle.Op('}');
  pickle.Text("model");
  pickle.OrderedDict();
  pickle.Op('(');
  for (const auto& [name, tensor] : tensors) {
    const absl::Status status = CheckWritable(name, tensor);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", name, "\": ", std::string(status.message())));
    }
    const auto [key, is_new] = keys.Of(tensor);
    if (is_new) storages.emplace_back(key, tensor);
    pickle.Text(name);
    WriteTensor(tensor, key, &pickle);
  }
  pickle.Op('u');
  pickle.Op('s');
  pickle.Op('.');

  ZipWriter zip;
  zip.Add(absl::StrCat(kFolder, "data.pkl"), pickle.text());
  zip.Add(absl::StrCat(kFolder, "byteorder"), "little");
  for (const auto& [key, tensor] : storages) {
    const at::Tensor dense = tensor.detach().to(at::kCPU).contiguous();
    zip.Add(absl::StrCat(kFolder, "data/", key), {static_cast<const char*>(dense.const_data_ptr()), dense.nbytes()});
  }
  zip.Add(absl::StrCat(kFolder, "version"), "3\n");
  absl::StatusOr<std::string> content = std::move(zip).Finish();
  if (!content.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(content.status().message())));
  }
  return base::WriteFileAtomically(path, *content);
}

}  // namespace grouppose::checkpoint
