// What code an input reaches: the feedback of the fuzzer.
//
// Code that g++ compiles with -fsanitize-coverage=trace-pc,trace-cmp (--config=fuzz does that to eval/) calls in here
// at every basic block and comparison. Without it nothing is reached, and the fuzzer mutates blindly.
#ifndef EVAL_FUZZ_COVERAGE_H_
#define EVAL_FUZZ_COVERAGE_H_

#include <cstddef>

namespace eval {

// Forgets what the last input reached.
void StartCoverage();

// Adds what was reached since to what is known, and returns how much of it was new. A place that is reached more often
// than ever (by powers of two) is new too.
size_t TakeNewCoverage();

// Places known so far.
size_t KnownCoverage();

}  // namespace eval

#endif  // EVAL_FUZZ_COVERAGE_H_
