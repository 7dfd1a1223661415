#include "experiments/layers.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "experiments/field_paths.h"
#include "experiments/textproto.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

bool IsMessage(const FieldDescriptor* field) { return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

// Whether a text mentions a field: sets it, or empties a list with [].
bool IsMentioned(const FieldDescriptor* field, const TextFormat::ParseInfoTree& locations) {
  return locations.GetLocation(field, field->is_repeated() ? 0 : -1).line >= 0;
}

void RecordOrigins(const Message& layer, const TextFormat::ParseInfoTree& locations, const PlaceOf& place_of,
                   const std::string& parent, Origins* origins) {
  const auto* type = layer.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!IsMentioned(field, locations)) continue;
    const std::string path = JoinFieldPath(parent, field->name());
    const auto location = locations.GetLocation(field, field->is_repeated() ? 0 : -1);
    origins->Set(path, place_of(location.line + 1, location.column + 1));
    if (!IsMessage(field) || field->is_repeated()) continue;
    RecordOrigins(layer.GetReflection()->GetMessage(layer, field), *locations.GetTreeForNested(field, -1), place_of,
                  path, origins);
  }
}

// A list that a layer sets replaces the list below, so that one goes first.
void ClearMentionedLists(const Message& layer, const TextFormat::ParseInfoTree& locations, Message* message) {
  const auto* type = layer.GetDescriptor();
  const Reflection* reflection = message->GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!IsMentioned(field, locations)) continue;
    if (field->is_repeated()) {
      reflection->ClearField(message, field);
    } else if (IsMessage(field) && reflection->HasField(*message, field)) {
      ClearMentionedLists(reflection->GetMessage(layer, field), *locations.GetTreeForNested(field, -1),
                          reflection->MutableMessage(message, field));
    }
  }
}

// "model.dropout", "0.1" -> "model {\ndropout: 0.1\n}\n"
std::string OverrideAsText(const std::vector<const FieldDescriptor*>& fields, const std::string& value) {
  const FieldDescriptor* leaf = fields.back();
  std::string text;
  for (size_t i = 0; i + 1 < fields.size(); ++i) absl::StrAppend(&text, fields[i]->name(), " {\n");
  const bool bare_text = leaf->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !leaf->is_repeated() &&
                         (value.empty() || (value[0] != '"' && value[0] != '\''));
  absl::StrAppend(&text, leaf->name(), ": ", bare_text ? absl::StrCat("\"", absl::CEscape(value), "\"") : value, "\n");
  for (size_t i = 0; i + 1 < fields.size(); ++i) absl::StrAppend(&text, "}\n");
  return text;
}

// Whether a layer mentions nothing besides one field.
bool MentionsOnly(const Message& layer, const TextFormat::ParseInfoTree& locations,
                  const std::vector<const FieldDescriptor*>& fields, size_t depth) {
  const auto* type = layer.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (IsMentioned(type->field(i), locations) != (type->field(i) == fields[depth])) return false;
  }
  if (depth + 1 == fields.size()) return true;
  return MentionsOnly(layer.GetReflection()->GetMessage(layer, fields[depth]),
                      *locations.GetTreeForNested(fields[depth], -1), fields, depth + 1);
}

void SetToDefault(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(message, field, field->default_value_int32());
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(message, field, field->default_value_int64());
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(message, field, field->default_value_uint32());
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(message, field, field->default_value_uint64());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetDouble(message, field, field->default_value_double());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->SetFloat(message, field, field->default_value_float());
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, field->default_value_bool());
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnum(message, field, field->default_value_enum());
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(message, field, field->default_value_string());
    case FieldDescriptor::CPPTYPE_MESSAGE:
      FillDefaults(reflection->MutableMessage(message, field));
  }
}

}  // namespace

void Origins::Set(const std::string& path, const std::string& place) { origins_[path] = {place, next_order_++}; }

bool Origins::IsSet(const std::string& path) const { return origins_.count(path) > 0; }

std::string Origins::Latest(std::vector<std::string> paths) const {
  while (!paths.empty()) {
    const Origin* latest = nullptr;
    std::vector<std::string> parents;
    for (const std::string& path : paths) {
      const auto found = origins_.find(path);
      if (found != origins_.end() && (latest == nullptr || found->second.order > latest->order)) {
        latest = &found->second;
      }
      const size_t dot = path.rfind('.');
      if (dot != std::string::npos) parents.push_back(path.substr(0, dot));
    }
    if (latest != nullptr) return latest->place;
    paths = std::move(parents);
  }
  return fallback_;
}

void MergeLayer(const Message& layer, const TextFormat::ParseInfoTree& locations, const PlaceOf& place_of,
                Message* message, Origins* origins) {
  ClearMentionedLists(layer, locations, message);
  message->MergeFrom(layer);
  RecordOrigins(layer, locations, place_of, "", origins);
}

absl::Status ApplyOverride(const std::string& override_text, Message* message, Origins* origins) {
  const std::string place = absl::StrCat("--set ", override_text);
  const auto refuse = [&place](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(place, ": ", what));
  };
  const size_t equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0) return refuse("expected path=value");
  const std::string path(absl::StripAsciiWhitespace(override_text.substr(0, equals)));
  const std::string value(absl::StripAsciiWhitespace(override_text.substr(equals + 1)));

  const auto fields = FindFieldPath(message->GetDescriptor(), path);
  if (!fields.ok()) return refuse(std::string(fields.status().message()));
  const FieldDescriptor* leaf = fields->back();
  for (size_t i = 0; i + 1 < fields->size(); ++i) {
    if (!(*fields)[i]->is_repeated()) continue;
    return refuse(absl::StrCat((*fields)[i]->name(), " is a list: expected a field of which there is one"));
  }
  const bool is_text = leaf->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const bool in_braces = !value.empty() && (value[0] == '{' || value[0] == '<');
  if ((value.empty() && !is_text) || (IsMessage(leaf) != in_braces)) {
    return refuse(absl::StrCat(path, ": expected ", ExpectedText(leaf), ", found ",
                               value.empty() ? "nothing" : absl::StrCat("'", value, "'")));
  }
  // an override is a small textproto: it is parsed and merged as a file is
  std::unique_ptr<Message> layer(message->New());
  TextFormat::ParseInfoTree locations;
  const auto error = ParseText(OverrideAsText(*fields, value), layer.get(), &locations);
  if (error.has_value()) return refuse(error->message);
  if (!MentionsOnly(*layer, locations, *fields, 0)) return refuse(absl::StrCat(path, ": expected one value"));
  MergeLayer(
      *layer, locations, [&place](int, int) { return place; }, message, origins);
  return absl::OkStatus();
}

void FillDefaults(Message* message) {
  const auto* type = message->GetDescriptor();
  const Reflection* reflection = message->GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const auto* oneof = field->real_containing_oneof();
    if (field->is_repeated()) continue;
    if (oneof != nullptr && reflection->HasOneof(*message, oneof) && !reflection->HasField(*message, field)) continue;
    if (!reflection->HasField(*message, field)) {
      SetToDefault(message, field);
    } else if (IsMessage(field)) {
      FillDefaults(reflection->MutableMessage(message, field));
    }
  }
}

}  // namespace grouppose::experiments
