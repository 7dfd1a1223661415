#include "experiments/differences.h"

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
  if (!field->is_repeated()) {
    if (!message.GetReflection()->HasField(message, field)) return "not set";
    std::string text;
    TextFormat::PrintFieldValueToString(message, field, -1, &text);
    return text;
  }
  std::vector<std::string> items(message.GetReflection()->FieldSize(message, field));
  for (size_t i = 0; i < items.size(); ++i) {
    TextFormat::PrintFieldValueToString(message, field, static_cast<int>(i), &items[i]);
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

void Compare(const Message& left, const Message& right, const std::string& parent, std::vector<Difference>* found) {
  const auto* type = left.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const std::string path = JoinFieldPath(parent, field->name());
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      Compare(left.GetReflection()->GetMessage(left, field), right.GetReflection()->GetMessage(right, field), path,
              found);
      continue;
    }
    const std::string left_text = ValueText(left, field), right_text = ValueText(right, field);
    if (left_text != right_text) found->push_back({path, left_text, right_text});
  }
}

Experiment Resolved(Experiment experiment) {
  FillDefaults(&experiment);
  experiment.clear_extends();
  return experiment;
}

}  // namespace

std::vector<Difference> Differences(const Experiment& left, const Experiment& right) {
  std::vector<Difference> found;
  Compare(Resolved(left), Resolved(right), "", &found);
  return found;
}

}  // namespace grouppose::experiments
