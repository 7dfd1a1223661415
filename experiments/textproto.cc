#include "experiments/textproto.h"

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status.h"
#include "experiments/textproto_error.h"
#include "google/protobuf/io/tokenizer.h"

namespace grouppose::experiments {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;

// Keeps the first error: what follows it is mostly its consequence.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& message) override {
    if (!error_.has_value()) error_ = TextprotoError{line, column, message};
  }
  const std::optional<TextprotoError>& error() const { return error_; }

 private:
  std::optional<TextprotoError> error_;
};

}  // namespace

std::optional<TextprotoError> ParseText(const std::string& text, Message* message,
                                        TextFormat::ParseInfoTree* locations) {
  FirstError errors;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (locations != nullptr) parser.WriteLocationsTo(locations);
  if (parser.ParseFromString(text, message)) return std::nullopt;
  const TextprotoError raw = errors.error().value_or(TextprotoError{0, 0, "not a textproto"});
  return ExplainTextprotoError(message->GetDescriptor(), text, raw);
}

absl::Status ParseTextproto(const std::string& text, const std::string& name, Message* message,
                            TextFormat::ParseInfoTree* locations) {
  const std::optional<TextprotoError> error = ParseText(text, message, locations);
  if (!error.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ":", error->line, ":", error->column, ": ", error->message));
}

absl::Status ReadTextproto(const std::string& path, Message* message) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return ParseTextproto(text, path, message);
}

std::string TextprotoOf(const Message& message) {
  TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

absl::Status WriteTextproto(const std::string& path, const Message& message) {
  return base::WriteFileAtomically(path, TextprotoOf(message));
}

}  // namespace grouppose::experiments
