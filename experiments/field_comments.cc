#include "experiments/field_comments.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/status.h"
#include "experiments/dataset_proto_source.h"
#include "experiments/experiment_proto_source.h"
#include "experiments/field_paths.h"
#include "google/protobuf/compiler/parser.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::SourceLocation;

// The source was compiled once already, so an error here is a broken build.
class FailOnError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FailOnError(const char* file) : file_(file) {}
  void AddError(int line, google::protobuf::io::ColumnNumber, const std::string& message) override {
    GROUPPOSE_CHECK(false, file_, ":", line + 1, ": ", message);
  }

 private:
  const char* file_;
};

// Of a file whose imports are in the pool already.
const google::protobuf::FileDescriptor* Build(const char* name, const char* source, DescriptorPool* pool) {
  google::protobuf::io::ArrayInputStream input(source, static_cast<int>(std::strlen(source)));
  FailOnError errors(name);
  google::protobuf::io::Tokenizer tokenizer(&input, &errors);
  google::protobuf::FileDescriptorProto file;
  google::protobuf::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  GROUPPOSE_CHECK(parser.Parse(&tokenizer, &file), name);
  file.set_name(name);
  const auto* built = pool->BuildFile(file);
  GROUPPOSE_CHECK(built != nullptr, name);
  return built;
}

// Experiment as its source has it: compiled-in descriptors carry no comments.
const Descriptor* ExperimentWithComments() {
  static const Descriptor* const type = [] {
    // lives as long as the program
    auto* pool = new DescriptorPool;
    Build("experiments/dataset.proto", kDatasetProtoSource, pool);
    return Build("experiments/experiment.proto", kExperimentProtoSource, pool)->FindMessageTypeByName("Experiment");
  }();
  return type;
}

template <typename DescriptorType>
std::string CommentOf(const DescriptorType* descriptor) {
  SourceLocation location;
  if (!descriptor->GetSourceLocation(&location)) return "";
  std::vector<std::string> words =
      absl::StrSplit(absl::StrCat(location.leading_comments, " ", location.trailing_comments), absl::ByAnyChar(" \n"),
                     absl::SkipEmpty());
  return absl::StrJoin(words, " ");
}

std::string DefaultText(const FieldDescriptor* field) {
  if (field->is_repeated()) return "empty by default";
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "";
    case FieldDescriptor::CPPTYPE_STRING:
      return absl::StrCat("\"", field->default_value_string(), "\" by default");
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(field->default_value_enum()->name(), " by default");
    case FieldDescriptor::CPPTYPE_BOOL:
      return field->default_value_bool() ? "true by default" : "false by default";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(field->default_value_double(), " by default");
    default:
      // a member of a oneof other than the first has no value until it is chosen
      if (field->real_containing_oneof() != nullptr && field->index_in_oneof() > 0) return "not set by default";
      return absl::StrCat(field->default_value_int32(), " by default");
  }
}

// "one of FULL, GROUP; GROUP by default"
std::string TypeText(const FieldDescriptor* field) {
  const std::string default_text = DefaultText(field);
  return absl::StrCat(ExpectedText(field), default_text.empty() ? "" : "; ", default_text);
}

using Rows = std::vector<std::pair<std::string, std::string>>;

// Two columns, indented.
std::string Table(const Rows& rows) {
  size_t width = 0;
  for (const auto& [name, text] : rows) width = std::max(width, name.size());
  std::string table;
  for (const auto& [name, text] : rows) {
    absl::StrAppend(&table, "  ", name, std::string(width - name.size(), ' '), "  ", text, "\n");
  }
  return table;
}

Rows ValueRows(const EnumDescriptor* type) {
  Rows rows;
  for (int i = 0; i < type->value_count(); ++i) rows.emplace_back(type->value(i)->name(), CommentOf(type->value(i)));
  return rows;
}

Rows FieldRows(const Descriptor* type) {
  Rows rows;
  for (int i = 0; i < type->field_count(); ++i) {
    const std::string comment = CommentOf(type->field(i));
    rows.emplace_back(type->field(i)->name(),
                      absl::StrCat(TypeText(type->field(i)), comment.empty() ? "" : ": ", comment));
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::string> FieldComment(const std::string& path) {
  ASSIGN_OR_RETURN(const auto fields, FindFieldPath(ExperimentWithComments(), path));
  return CommentOf(fields.back());
}

absl::StatusOr<std::string> ExplainField(const std::string& path) {
  const Descriptor* root = ExperimentWithComments();
  if (path.empty()) return absl::StrCat("An experiment:\n\n", Table(FieldRows(root)));
  ASSIGN_OR_RETURN(const auto fields, FindFieldPath(root, path));
  const FieldDescriptor* field = fields.back();
  std::string text = absl::StrCat(path, ": ", TypeText(field), "\n");
  const std::string comment = CommentOf(field);
  if (!comment.empty()) absl::StrAppend(&text, "  ", comment, "\n");
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    absl::StrAppend(&text, "\n", Table(ValueRows(field->enum_type())));
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const std::string of_type = CommentOf(field->message_type());
    if (!of_type.empty()) absl::StrAppend(&text, "  ", of_type, "\n");
    absl::StrAppend(&text, "\n", Table(FieldRows(field->message_type())));
  }
  return text;
}

}  // namespace grouppose::experiments
