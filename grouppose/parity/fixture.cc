#include "grouppose/parity/fixture.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "grouppose/checkpoint/safetensors.h"

namespace grouppose::parity {
namespace {

namespace dom = simdjson::dom;

// The largest integer below which every integer is a double.
constexpr double kTwoTo53 = 9007199254740992.0;

std::string Stem(const std::string& folder, const std::string& name) { return base::JoinPath(folder, name); }

std::string InMeta(const std::string& pointer) { return pointer.empty() ? "meta" : "meta/" + pointer; }

std::map<std::string, at::Tensor> ReadTensors(const std::string& path) {
  auto file = checkpoint::ReadSafetensors(path);
  if (!file.ok()) throw FixtureError(std::string(file.status().message()));
  return std::move(file->tensors);
}

}  // namespace

JsonFile::JsonFile(const std::string& path) : path_(path), parser_(std::make_unique<dom::parser>()) {
  const auto text = base::ReadFile(path);
  if (!text.ok()) throw FixtureError(std::string(text.status().message()));
  const simdjson::error_code error = parser_->parse(*text).get(root_);
  if (error) throw FixtureError(absl::StrCat(path, ": no JSON: ", simdjson::error_message(error)));
}

bool JsonFile::Has(const std::string& pointer) const {
  dom::element element;
  return !root_.at_pointer(pointer.empty() ? "" : "/" + pointer).get(element);
}

dom::element JsonFile::At(const std::string& pointer) const {
  dom::element element;
  if (root_.at_pointer(pointer.empty() ? "" : "/" + pointer).get(element)) {
    throw FixtureError(absl::StrCat(path_, ": no field ", pointer));
  }
  return element;
}

double JsonFile::Number(const std::string& pointer) const {
  const dom::element element = At(pointer);
  double number = 0;
  bool flag = false;
  if (!element.get(number)) return number;
  if (!element.get(flag)) return flag ? 1 : 0;
  if (element.is_null()) return std::numeric_limits<double>::quiet_NaN();
  throw FixtureError(absl::StrCat(path_, ": ", pointer, " is no number"));
}

std::string JsonFile::Text(const std::string& pointer) const {
  std::string_view text;
  if (At(pointer).get(text)) throw FixtureError(absl::StrCat(path_, ": ", pointer, " is no string"));
  return std::string(text);
}

std::vector<std::string> JsonFile::Keys(const std::string& pointer) const {
  dom::object object;
  if (At(pointer).get(object)) throw FixtureError(absl::StrCat(path_, ": ", pointer, " is no object"));
  std::vector<std::string> keys;
  for (const auto field : object) keys.emplace_back(field.key);
  return keys;
}

std::vector<std::string> JsonFile::Strings(const std::string& pointer) const {
  dom::array array;
  if (At(pointer).get(array)) throw FixtureError(absl::StrCat(path_, ": ", pointer, " is no array"));
  std::vector<std::string> strings;
  for (dom::element element : array) {
    std::string_view text;
    if (element.get(text)) throw FixtureError(absl::StrCat(path_, ": ", pointer, " holds something that is no string"));
    strings.emplace_back(text);
  }
  return strings;
}

std::vector<double> JsonFile::Numbers(const std::string& pointer) const {
  dom::array array;
  if (At(pointer).get(array)) throw FixtureError(absl::StrCat(path_, ": ", pointer, " is no array"));
  std::vector<double> numbers;
  for (size_t i = 0; i < array.size(); ++i) numbers.push_back(Number(absl::StrCat(pointer, "/", i)));
  return numbers;
}

Fixture::Fixture(const std::string& folder, const std::string& name)
    : folder_(folder),
      name_(name),
      json_(Stem(folder, name) + ".json"),
      tensors_(ReadTensors(Stem(folder, name) + ".safetensors")) {
  CheckListed();
}

void Fixture::CheckListed() const {
  std::set<std::string> listed;
  for (const std::string& tensor : json_.Keys("tensors")) {
    listed.insert(tensor);
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end()) {
      throw FixtureError(absl::StrCat(name_, ".safetensors: no tensor ", tensor, ", which ", name_, ".json lists"));
    }
    dom::array shape;
    std::vector<int64_t> sizes;
    if (dom::object(json_.At("tensors"))[tensor]["shape"].get(shape)) {
      throw FixtureError(absl::StrCat(json_.path(), ": tensor ", tensor, " has no shape"));
    }
    for (dom::element size : shape) {
      int64_t value = -1;
      if (!size.get(value)) sizes.push_back(value);
    }
    if (found->second.sizes() != at::IntArrayRef(sizes)) {
      throw FixtureError(absl::StrCat(name_, ".safetensors: ", tensor, " is [",
                                      absl::StrJoin(found->second.sizes(), ", "), "], and in ", name_, ".json [",
                                      absl::StrJoin(sizes, ", "), "]"));
    }
  }
  for (const auto& [tensor, value] : tensors_) {
    if (listed.count(tensor) == 0) {
      throw FixtureError(absl::StrCat(name_, ".safetensors: tensor ", tensor, " is not listed in ", name_, ".json"));
    }
  }
}

at::Tensor Fixture::Get(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end()) throw FixtureError(absl::StrCat(name_, ".safetensors: no tensor ", tensor));
  read_.insert(tensor);
  return found->second;
}

bool Fixture::Has(const std::string& tensor) const { return tensors_.count(tensor) > 0; }

std::vector<std::string> Fixture::Unread() const {
  std::vector<std::string> unread;
  for (const auto& [tensor, value] : tensors_) {
    if (read_.count(tensor) == 0) unread.push_back(tensor);
  }
  return unread;
}

double Fixture::Number(const std::string& pointer) const { return json_.Number(InMeta(pointer)); }

double Fixture::Number(const std::string& pointer, double otherwise) const {
  return HasMeta(pointer) ? Number(pointer) : otherwise;
}

int64_t Fixture::Integer(const std::string& pointer) const {
  const double number = Number(pointer);
  if (!(std::abs(number) <= kTwoTo53) || number != std::floor(number)) {
    throw FixtureError(absl::StrCat(json_.path(), ": meta/", pointer, " is ", number, ", expected a whole number"));
  }
  return static_cast<int64_t>(number);
}

bool Fixture::HasMeta(const std::string& pointer) const { return json_.Has(InMeta(pointer)); }
std::string Fixture::Text(const std::string& pointer) const { return json_.Text(InMeta(pointer)); }
std::string Fixture::Text(const std::string& pointer, const std::string& otherwise) const {
  return HasMeta(pointer) ? Text(pointer) : otherwise;
}
std::vector<std::string> Fixture::Keys(const std::string& pointer) const { return json_.Keys(InMeta(pointer)); }
std::vector<std::string> Fixture::Strings(const std::string& pointer) const { return json_.Strings(InMeta(pointer)); }
std::vector<double> Fixture::Numbers(const std::string& pointer) const { return json_.Numbers(InMeta(pointer)); }
dom::element Fixture::Meta(const std::string& pointer) const { return json_.At(InMeta(pointer)); }

}  // namespace grouppose::parity
