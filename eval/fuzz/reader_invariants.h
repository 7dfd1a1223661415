// What has to hold for every text whatsoever that the readers are given. Aborts where it does not.
#ifndef EVAL_FUZZ_READER_INVARIANTS_H_
#define EVAL_FUZZ_READER_INVARIANTS_H_

#include <string>

namespace eval {

// The quick reader and the careful one say the same, numbers and errors, however the text is cut into pieces; an error
// names a byte of the text; what is accepted survives being written and read.
void CheckDetectionReaders(const std::string& json);

// An error names a byte of the text; what is accepted survives being written and read, and can be evaluated.
void CheckAnnotationReader(const std::string& json);

}  // namespace eval

#endif  // EVAL_FUZZ_READER_INVARIANTS_H_
