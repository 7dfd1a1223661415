#include "grouppose/checkpoint/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "grouppose/checkpoint/storage.h"

namespace grouppose::checkpoint {
namespace {

namespace dom = simdjson::dom;

constexpr char kMetadataKey[] = "__metadata__";
// The format's own limit: a longer header is an attack on the JSON parser, not a model.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
// The length of the header in front of it: a 64-bit integer.
constexpr uint64_t kLengthBytes = 8;

struct Dtype {
  const char* name;
  at::ScalarType type;
};
constexpr Dtype kDtypes[] = {
    {"F64", at::kDouble},          {"F32", at::kFloat},        {"F16", at::kHalf},
    {"BF16", at::kBFloat16},       {"I64", at::kLong},         {"I32", at::kInt},
    {"I16", at::kShort},           {"I8", at::kChar},          {"U64", at::kUInt64},
    {"U32", at::kUInt32},          {"U16", at::kUInt16},       {"U8", at::kByte},
    {"BOOL", at::kBool},           {"C64", at::kComplexFloat}, {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
};

std::string AllDtypes() {
  return absl::StrJoin(kDtypes, ", ", [](std::string* out, const Dtype& dtype) { absl::StrAppend(out, dtype.name); });
}

// One tensor of the header; its bytes are data[begin, end).
struct Entry {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<int64_t> sizes;
  uint64_t begin = 0, end = 0;
};

struct Header {
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
};

std::string Text(std::string_view view) { return std::string(view); }

// Reads a header's JSON; remembers where it is for the messages.
class HeaderParser {
 public:
  HeaderParser(const std::string& path, uint64_t data_bytes) : path_(path), data_bytes_(data_bytes) {}

  absl::StatusOr<Header> Parse(const std::string& json) {
    dom::parser parser;
    dom::element root;
    if (const auto error = parser.parse(json).get(root)) {
      return Refuse("header", simdjson::error_message(error), "a JSON object");
    }
    dom::object object;
    if (root.get(object)) return Refuse("header", "other JSON", "an object");
    Header header;
    std::set<std::string> names;
    for (const auto [key, value] : object) {
      const std::string name = Text(key);
      if (!names.insert(name).second) return Refuse(Place(name), "the name twice", "every name once");
      if (name == kMetadataKey) {
        RETURN_IF_ERROR(ParseMetadata(value, &header.metadata));
      } else {
        ASSIGN_OR_RETURN(Entry entry, ParseEntry(name, value));
        header.entries.push_back(std::move(entry));
      }
    }
    RETURN_IF_ERROR(CheckCoverage(&header.entries));
    return header;
  }

 private:
  static std::string Place(const std::string& name) { return absl::StrCat("tensor \"", name, "\""); }

  absl::Status Refuse(const std::string& place, const std::string& found, const std::string& expected) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", place, ": found ", found, ", expected ", expected));
  }

  absl::Status ParseMetadata(dom::element value, std::map<std::string, std::string>* metadata) const {
    dom::object object;
    if (value.get(object)) return Refuse(kMetadataKey, "other JSON", "an object of strings");
    for (const auto [key, element] : object) {
      std::string_view text;
      if (element.get(text)) {
        return Refuse(kMetadataKey, absl::StrCat("another type at \"", Text(key), "\""), "an object of strings");
      }
      if (!metadata->emplace(Text(key), Text(text)).second) {
        return Refuse(kMetadataKey, absl::StrCat("the key \"", Text(key), "\" twice"), "every key once");
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Entry> ParseEntry(const std::string& name, dom::element value) const {
    const std::string place = Place(name);
    dom::object object;
    if (value.get(object)) return Refuse(place, "other JSON", "an object");
    Entry entry;
    entry.name = name;
    std::set<std::string> seen;
    for (const auto [key, element] : object) {
      const std::string field = Text(key);
      if (!seen.insert(field).second) return Refuse(place, absl::StrCat("\"", field, "\" twice"), "it once");
      if (field == "dtype") {
        RETURN_IF_ERROR(ParseDtype(place, element, &entry.type));
      } else if (field == "shape") {
        RETURN_IF_ERROR(ParseShape(place, element, &entry.sizes));
      } else if (field == "data_offsets") {
        RETURN_IF_ERROR(ParseOffsets(place, element, &entry));
      } else {
        return Refuse(place, absl::StrCat("\"", field, "\""), "dtype, shape and data_offsets");
      }
    }
    if (seen.size() != 3) {
      return Refuse(place, absl::StrCat("only {", absl::StrJoin(seen, ", "), "}"), "dtype, shape and data_offsets");
    }
    RETURN_IF_ERROR(CheckBytes(place, entry));
    return entry;
  }

  absl::Status ParseDtype(const std::string& place, dom::element value, at::ScalarType* type) const {
    std::string_view text;
    if (value.get(text)) return Refuse(place, "a dtype that is no string", absl::StrCat("one of ", AllDtypes()));
    for (const Dtype& dtype : kDtypes) {
      if (text == dtype.name) {
        *type = dtype.type;
        return absl::OkStatus();
      }
    }
    return Refuse(place, absl::StrCat("dtype \"", Text(text), "\""), absl::StrCat("one of ", AllDtypes()));
  }

  absl::Status ParseShape(const std::string& place, dom::element value, std::vector<int64_t>* sizes) const {
    dom::array array;
    if (value.get(array)) return Refuse(place, "a shape that is no array", "an array of sizes");
    for (dom::element element : array) {
      int64_t size = 0;
      if (!element.is_int64() || element.get(size) || size < 0) {
        return Refuse(place, absl::StrCat("size ", simdjson::minify(element), " in the shape"), "integers from 0");
      }
      sizes->push_back(size);
    }
    if (sizes->size() > kMaxDimensions) {
      return Refuse(place, absl::StrCat(sizes->size(), " dimensions"), absl::StrCat("at most ", kMaxDimensions));
    }
    return absl::OkStatus();
  }

  absl::Status ParseOffsets(const std::string& place, dom::element value, Entry* entry) const {
    dom::array array;
    if (value.get(array) || array.size() != 2 || array.at(0).get(entry->begin) || array.at(1).get(entry->end)) {
      return Refuse(place, absl::StrCat("data_offsets ", simdjson::minify(value)), "[begin, end]");
    }
    if (entry->begin > entry->end || entry->end > data_bytes_) {
      return Refuse(place, absl::StrCat("data_offsets ", simdjson::minify(value)),
                    absl::StrCat("0 <= begin <= end <= ", data_bytes_, ", the bytes of data in the file"));
    }
    return absl::OkStatus();
  }

  // The bytes at the offsets are those of the shape.
  absl::Status CheckBytes(const std::string& place, const Entry& entry) const {
    int64_t bytes = static_cast<int64_t>(at::elementSize(entry.type));
    int64_t span = bytes;  // without the zeros: strides must not overflow either
    bool overflow = false;
    for (int64_t size : entry.sizes) {
      overflow |= __builtin_mul_overflow(span, std::max<int64_t>(size, 1), &span);
      if (!overflow) bytes *= size;
    }
    const std::string shape = absl::StrCat("[", absl::StrJoin(entry.sizes, ", "), "] of ", at::toString(entry.type));
    if (overflow) return Refuse(place, absl::StrCat("shape ", shape), "fewer than 2^63 bytes");
    if (entry.end - entry.begin != static_cast<uint64_t>(bytes)) {
      return Refuse(place, absl::StrCat(entry.end - entry.begin, " bytes at its data_offsets"),
                    absl::StrCat(bytes, " for shape ", shape));
    }
    return absl::OkStatus();
  }

  // Sorts the entries by their place; together they must be the data, byte for byte.
  absl::Status CheckCoverage(std::vector<Entry>* entries) const {
    std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t covered = 0;
    for (const Entry& entry : *entries) {
      if (entry.begin != covered) {
        return Refuse(Place(entry.name),
                      absl::StrCat(entry.begin < covered ? "an overlap" : "a hole", " at data offset ", entry.begin),
                      absl::StrCat("the offset ", covered, " where the tensor before it ends"));
      }
      covered = entry.end;
    }
    if (covered != data_bytes_) {
      return Refuse("header", absl::StrCat("tensors of ", covered, " bytes"),
                    absl::StrCat(data_bytes_, ", the bytes of data in the file"));
    }
    return absl::OkStatus();
  }

  const std::string path_;
  const uint64_t data_bytes_;
};

absl::StatusOr<Header> ReadHeader(const std::string& path, std::string_view file) {
  const auto refuse = [&path](const std::string& text) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": header: ", text));
  };
  if (file.size() < kLengthBytes) {
    return refuse(absl::StrCat("found a file of ", file.size(), " bytes, expected a safetensors file of at least ",
                               kLengthBytes));
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{static_cast<unsigned char>(file[i])} << (8 * i);
  const uint64_t limit = std::min<uint64_t>(file.size() - kLengthBytes, kMaxHeaderBytes);
  if (length > limit) {
    return refuse(
        absl::StrCat("found a header of ", length, " bytes, expected a safetensors file with at most ", limit));
  }
  const std::string json(file.substr(kLengthBytes, length));
  if (json.empty() || json[0] != '{') return refuse("found other text, expected a JSON object from the first byte");
  return HeaderParser(path, file.size() - kLengthBytes - length).Parse(json);
}

// `data_offset`: where the tensors' bytes begin in the file.
absl::StatusOr<at::Tensor> TensorOf(const std::shared_ptr<const MappedFile>& file, uint64_t data_offset,
                                    const Entry& entry) {
  const uint64_t offset = data_offset + entry.begin, size = entry.end - entry.begin;
  if (entry.type == at::kBool) {
    const std::string_view bytes = file->bytes().substr(offset, size);
    const std::optional<uint64_t> wrong = FirstByteThatIsNoBool(bytes);
    if (wrong.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(file->path(), ": tensor \"", entry.name, "\": found the byte ",
                                                     static_cast<unsigned char>(bytes[*wrong]), " at index ", *wrong,
                                                     ", expected 0 or 1 in a BOOL"));
    }
  }
  return TensorOn(StorageAt(file, offset, size, at::elementSize(entry.type)), entry.type, /*offset=*/0, entry.sizes,
                  DenseStrides(entry.sizes));
}

std::string JsonString(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string MetadataJson(const std::map<std::string, std::string>& metadata) {
  return absl::StrCat("{",
                      absl::StrJoin(metadata, ",",
                                    [](std::string* out, const auto& pair) {
                                      absl::StrAppend(out, JsonString(pair.first), ":", JsonString(pair.second));
                                    }),
                      "}");
}

absl::StatusOr<std::string> DtypeName(at::ScalarType type) {
  for (const Dtype& dtype : kDtypes) {
    if (dtype.type == type) return std::string(dtype.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("found type ", at::toString(type), ", expected one of ", AllDtypes()));
}

absl::Status CheckWritable(const std::string& name, const at::Tensor& tensor) {
  if (!simdjson::validate_utf8(name))
    return absl::InvalidArgumentError("found a name that is not UTF-8, expected UTF-8");
  if (name == kMetadataKey) return absl::InvalidArgumentError("found the format's own name, expected another");
  if (!tensor.defined()) return absl::InvalidArgumentError("found no tensor, expected a defined one");
  if (tensor.layout() != at::kStrided) return absl::InvalidArgumentError("found a sparse tensor, expected a dense one");
  return DtypeName(tensor.scalar_type()).status();
}

// Name and place of every tensor, by name.
std::string HeaderJson(const std::map<std::string, at::Tensor>& tensors, const std::map<std::string, uint64_t>& begins,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> parts;
  if (!metadata.empty()) parts.push_back(absl::StrCat(JsonString(kMetadataKey), ":", MetadataJson(metadata)));
  for (const auto& [name, tensor] : tensors) {
    const uint64_t begin = begins.at(name);
    parts.push_back(absl::StrCat(JsonString(name), ":{\"dtype\":\"", *DtypeName(tensor.scalar_type()), "\",\"shape\":[",
                                 absl::StrJoin(tensor.sizes(), ","), "],\"data_offsets\":[", begin, ",",
                                 begin + tensor.nbytes(), "]}"));
  }
  std::string json = absl::StrCat("{", absl::StrJoin(parts, ","), "}");
  // the data begins at a multiple of 8, the largest element
  json.append((8 - json.size() % 8) % 8, ' ');
  return json;
}

}  // namespace

absl::StatusOr<TensorFile> ReadSafetensors(const std::string& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  return ReadSafetensors(file);
}

absl::StatusOr<TensorFile> ReadSafetensors(const std::shared_ptr<const MappedFile>& file) {
  ASSIGN_OR_RETURN(Header header, ReadHeader(file->path(), file->bytes()));
  uint64_t data_bytes = 0;
  for (const Entry& entry : header.entries) data_bytes = std::max(data_bytes, entry.end);
  TensorFile result;
  result.metadata = std::move(header.metadata);
  for (const Entry& entry : header.entries) {
    // the data is what the file ends with
    ASSIGN_OR_RETURN(result.tensors[entry.name], TensorOf(file, file->bytes().size() - data_bytes, entry));
  }
  return result;
}

absl::Status WriteSafetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  for (const auto& [key, text] : metadata) {
    if (!simdjson::validate_utf8(key) || !simdjson::validate_utf8(text)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": metadata: found text that is not UTF-8, expected UTF-8"));
    }
  }
  std::vector<std::pair<std::string, at::Tensor>> by_place;
  for (const auto& [name, tensor] : tensors) {
    const absl::Status status = CheckWritable(name, tensor);
    if (!status.ok())
      return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", name, "\": ", status.message()));
    by_place.emplace_back(name, tensor);
  }
  // largest elements first: each tensor is aligned to its element
  std::stable_sort(by_place.begin(), by_place.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  std::map<std::string, uint64_t> begins;
  uint64_t data_bytes = 0;
  for (const auto& [name, tensor] : by_place) {
    begins[name] = data_bytes;
    data_bytes += tensor.nbytes();
  }
  const std::string json = HeaderJson(tensors, begins, metadata);
  std::string content;
  content.reserve(kLengthBytes + json.size() + data_bytes);
  for (size_t i = 0; i < kLengthBytes; ++i) content += static_cast<char>(uint64_t{json.size()} >> (8 * i));
  content += json;
  for (const auto& [name, tensor] : by_place) {
    const at::Tensor dense = tensor.detach().to(at::kCPU).contiguous();
    content.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
  }
  return base::WriteFileAtomically(path, content);
}

}  // namespace grouppose::checkpoint
