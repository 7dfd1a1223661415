// Names of fields inside a message: "training.optimizer.learning_rate".
#ifndef EXPERIMENTS_FIELD_PATHS_H_
#define EXPERIMENTS_FIELD_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace grouppose::experiments {

// "" + "model" -> "model"; "model" + "backbone" -> "model.backbone".
std::string JoinFieldPath(const std::string& parent, const std::string& name);

// The fields on the way from `root` to the last name of `path`. InvalidArgument with the nearest valid path where a
// name is unknown or something that is no message has fields asked of it.
absl::StatusOr<std::vector<const google::protobuf::FieldDescriptor*>> FindFieldPath(
    const google::protobuf::Descriptor* root, const std::string& path);

// Every path below `root` in declaration order, messages before what they hold. With `leaves_only`, no messages.
std::vector<std::string> AllFieldPaths(const google::protobuf::Descriptor* root, bool leaves_only);

// What somebody who wrote `name` inside the message at `parent` ("" for the root) may have meant, as paths from the
// root: a field of that name that lives elsewhere, else the nearest name in that message, else the nearest anywhere.
std::vector<std::string> SuggestFields(const google::protobuf::Descriptor* root, const std::string& parent,
                                       const std::string& name);

// "; did you mean a, b or c?", or "" for none.
std::string DidYouMean(const std::vector<std::string>& suggestions);

// The nearest value of an enum, upper and lower case alike; "" where none is near.
std::string NearestEnumValue(const google::protobuf::EnumDescriptor* type, const std::string& name);

// "FULL, GROUP"
std::string EnumValueNames(const google::protobuf::EnumDescriptor* type);

// What a field expects, in words: "an integer", "a number", "true or false", "one of FULL, GROUP", "a message in
// braces", "a list [a, b] of integers".
std::string ExpectedText(const google::protobuf::FieldDescriptor* field);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_FIELD_PATHS_H_
