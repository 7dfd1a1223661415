#include "experiments/differences.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/experiment.h"
#include "experiments/field_paths.h"
#include "experiments/layers.h"
#include "google/protobuf/text_format.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

std::string ValueText(const Message& message, const FieldDescriptor* field) {
  TextFormat::Printer printer;
  printer.SetSingleLineMode(true);  // of a message
  if (!field->is_repeated()) {
    if (!message.GetReflection()->HasField(message, field)) return "not set";
    std::string text;
    printer.PrintFieldValueToString(message, field, -1, &text);
    return text;
  }
  std::vector<std::string> items(message.GetReflection()->FieldSize(message, field));
  for (size_t i = 0; i < items.size(); ++i) {
    printer.PrintFieldValueToString(message, field, static_cast<int>(i), &items[i]);
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

void Collect(const Message& message, const std::string& parent, std::vector<FieldValue>* values) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const std::string path = JoinFieldPath(parent, field->name());
    // a message that may be absent is one value
    const bool is_optional = field->real_containing_oneof() != nullptr;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated() && !is_optional) {
      Collect(message.GetReflection()->GetMessage(message, field), path, values);
    } else {
      values->push_back({path, ValueText(message, field)});
    }
  }
}

Experiment Resolved(Experiment experiment) {
  FillDefaults(&experiment);
  experiment.clear_extends();
  return experiment;
}

}  // namespace

std::vector<FieldValue> FieldValues(const Experiment& experiment) {
  std::vector<FieldValue> values;
  Collect(Resolved(experiment), "", &values);
  values.erase(
      std::remove_if(values.begin(), values.end(), [](const FieldValue& field) { return field.path == "extends"; }),
      values.end());
  return values;
}

std::vector<Difference> Differences(const Experiment& left, const Experiment& right) {
  // the same message type: the same paths in the same order
  const std::vector<FieldValue> left_values = FieldValues(left), right_values = FieldValues(right);
  std::vector<Difference> found;
  for (size_t i = 0; i < left_values.size(); ++i) {
    if (left_values[i].value == right_values[i].value) continue;
    found.push_back({left_values[i].path, left_values[i].value, right_values[i].value});
  }
  return found;
}

}  // namespace grouppose::experiments
