// The comments of experiment.proto, kept in the program: what `grouppose config explain` prints.
#ifndef EXPERIMENTS_FIELD_COMMENTS_H_
#define EXPERIMENTS_FIELD_COMMENTS_H_

#include <string>

#include "absl/status/statusor.h"

namespace grouppose::experiments {

// A few lines about a field of Experiment: path, what it expects, default and comment; then the values of an enum or
// the fields of a message, one a line. "" explains the whole. InvalidArgument with the nearest path where there is no
// such field.
//
//   model.self_attention: one of FULL, GROUP; GROUP by default
//     scheme of the decoder
//
//     FULL   one attention over all N(K+1) tokens
//     GROUP  within an instance, then across instances (Group Pose)
absl::StatusOr<std::string> ExplainField(const std::string& path);

// The comment alone, in one line; "" for a field without one.
absl::StatusOr<std::string> FieldComment(const std::string& path);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_FIELD_COMMENTS_H_
