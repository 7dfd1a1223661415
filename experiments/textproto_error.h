// Makes protobuf's parse errors speak the user's language: which field of which message, what was found, what was
// expected, and the nearest valid name.
#ifndef EXPERIMENTS_TEXTPROTO_ERROR_H_
#define EXPERIMENTS_TEXTPROTO_ERROR_H_

#include <string>

#include "experiments/textproto.h"
#include "google/protobuf/descriptor.h"

namespace grouppose::experiments {

// `raw` is protobuf's own error about `text`, line and column counted from 0. The result's count from 1 and point at
// the offending word: protobuf has often read one word further when it complains.
TextprotoError ExplainTextprotoError(const google::protobuf::Descriptor* root, const std::string& text,
                                     const TextprotoError& raw);

}  // namespace grouppose::experiments

#endif  // EXPERIMENTS_TEXTPROTO_ERROR_H_
