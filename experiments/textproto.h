// Textprotos on disk: read with errors that say where and what, written atomically with the same bytes every time.
//
//   Metrics metrics;
//   RETURN_IF_ERROR(ReadTextproto("run/metrics.textproto", &metrics));
//
// A broken file gives InvalidArgument in one line:
//   run/metrics.textproto:7:3: unknown field 'nmae' in evaluations; did you mean evaluations.name?
#ifndef EXPERIMENTS_TEXTPROTO_H_
#define EXPERIMENTS_TEXTPROTO_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"

namespace grouppose::experiments {

// Replaces what `message` holds. NotFound where there is no file.
absl::Status ReadTextproto(const std::string& path, google::protobuf::Message* message);

// The fields that are set, in the order of their numbers, short lists in one line, doubles with the fewest digits that
// give the same double back. ReadTextproto gives an equal message.
absl::Status WriteTextproto(const std::string& path, const google::protobuf::Message& message);
std::string TextprotoOf(const google::protobuf::Message& message);

// As ReadTextproto, from memory; `name` stands where the file's path would. `locations`, where given, receives the
// place of every field.
absl::Status ParseTextproto(const std::string& text, const std::string& name, google::protobuf::Message* message,
                            google::protobuf::TextFormat::ParseInfoTree* locations = nullptr);

// What is wrong with a text, and where: line and column count from 1.
struct TextprotoError {
  int line = 0;
  int column = 0;
  std::string message;
};
std::optional<TextprotoError> ParseText(const std::string& text, google::protobuf::Message* message,
                                        google::protobuf::TextFormat::ParseInfoTree* locations);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_TEXTPROTO_H_
