// What a checkpoint holds besides tensors against meta.plain of the recording.
#ifndef GROUPPOSE_PARITY_PLAIN_DATA_H_
#define GROUPPOSE_PARITY_PLAIN_DATA_H_

#include "grouppose/checkpoint/value.h"
#include "grouppose/parity/fixture.h"
#include "grouppose/parity/report.h"

namespace grouppose::parity {

// Every field of meta.plain: a value under that key at the top of the file or one level below it ("param_groups" of
// "optimizer"); "key_order" are the keys of the state dict under "model", "top_keys" those of the file.
void ComparePlainData(const Fixture& expected, const checkpoint::Value& root, Report* report);

}  // namespace grouppose::parity

#endif  // GROUPPOSE_PARITY_PLAIN_DATA_H_
