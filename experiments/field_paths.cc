#include "experiments/field_paths.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/flags.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

bool IsMessage(const FieldDescriptor* field) { return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

void CollectPaths(const Descriptor* type, const std::string& parent, bool leaves_only,
                  std::vector<std::string>* paths) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const std::string path = JoinFieldPath(parent, field->name());
    if (!IsMessage(field) || !leaves_only) paths->push_back(path);
    if (IsMessage(field)) CollectPaths(field->message_type(), path, leaves_only, paths);
  }
}

std::string LastName(const std::string& path) { return path.substr(path.rfind('.') + 1); }

// How many leading names two paths share.
int SharedNames(const std::string& a, const std::string& b) {
  const std::vector<std::string> left = absl::StrSplit(a, '.'), right = absl::StrSplit(b, '.');
  const size_t n = std::min(left.size(), right.size());
  size_t shared = 0;
  while (shared < n && left[shared] == right[shared]) ++shared;
  return static_cast<int>(shared);
}

// Paths whose last name is `name`, of those only the ones that lie closest to `parent`.
std::vector<std::string> SameNameElsewhere(const std::vector<std::string>& paths, const std::string& parent,
                                           const std::string& name) {
  std::vector<std::string> best;
  int best_shared = -1;
  for (const std::string& path : paths) {
    if (LastName(path) != name) continue;
    const int shared = SharedNames(path, parent);
    if (shared > best_shared) {
      best.clear();
      best_shared = shared;
    }
    if (shared == best_shared) best.push_back(path);
  }
  return best;
}

}  // namespace

std::string JoinFieldPath(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : absl::StrCat(parent, ".", name);
}

absl::StatusOr<std::vector<const FieldDescriptor*>> FindFieldPath(const Descriptor* root, const std::string& path) {
  std::vector<const FieldDescriptor*> fields;
  const Descriptor* type = root;
  std::string parent;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    if (type == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(parent, " is ", ExpectedText(fields.back()), " and has no field '", name, "'"));
    }
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("unknown field '", name, "'",
                                                     parent.empty() ? "" : absl::StrCat(" in ", parent),
                                                     DidYouMean(SuggestFields(root, parent, name))));
    }
    fields.push_back(field);
    type = IsMessage(field) ? field->message_type() : nullptr;
    parent = JoinFieldPath(parent, name);
  }
  return fields;
}

std::vector<std::string> AllFieldPaths(const Descriptor* root, bool leaves_only) {
  std::vector<std::string> paths;
  CollectPaths(root, "", leaves_only, &paths);
  return paths;
}

std::vector<std::string> SuggestFields(const Descriptor* root, const std::string& parent, const std::string& name) {
  const std::vector<std::string> paths = AllFieldPaths(root, /*leaves_only=*/false);
  std::vector<std::string> suggestions = SameNameElsewhere(paths, parent, name);
  if (!suggestions.empty()) return suggestions;
  // the nearest among the neighbours, then among all
  std::vector<std::string> neighbours, names;
  for (const std::string& path : paths) {
    names.push_back(LastName(path));
    if (path == JoinFieldPath(parent, names.back())) neighbours.push_back(names.back());
  }
  const std::string neighbour = base::NearestName(name, neighbours);
  if (!neighbour.empty()) return {JoinFieldPath(parent, neighbour)};
  const std::string nearest = base::NearestName(name, names);
  if (nearest.empty()) return {};
  return SameNameElsewhere(paths, parent, nearest);
}

std::string DidYouMean(const std::vector<std::string>& suggestions) {
  if (suggestions.empty()) return "";
  const std::vector<std::string> first(suggestions.begin(), suggestions.end() - 1);
  return absl::StrCat("; did you mean ", absl::StrJoin(first, ", "), first.empty() ? "" : " or ", suggestions.back(),
                      "?");
}

std::string NearestEnumValue(const EnumDescriptor* type, const std::string& name) {
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return base::NearestName(absl::AsciiStrToUpper(name), names);
}

std::string EnumValueNames(const EnumDescriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return absl::StrJoin(names, ", ");
}

std::string ExpectedText(const FieldDescriptor* field) {
  const bool list = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return list ? "a list of messages in braces" : "a message in braces";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(list ? "a list [a, b] of " : "one of ", EnumValueNames(field->enum_type()));
    case FieldDescriptor::CPPTYPE_BOOL:
      return list ? "a list [a, b] of true or false" : "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return list ? "a list [\"a\", \"b\"] of texts" : "a text in quotes";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return list ? "a list [a, b] of numbers" : "a number";
    default:
      return list ? "a list [a, b] of integers" : "an integer";
  }
}

}  // namespace grouppose::experiments
