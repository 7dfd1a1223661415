// An explanation as text and as JSON.
#ifndef EVAL_EXPLAIN_FORMAT_H_
#define EVAL_EXPLAIN_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "eval/annotations.h"
#include "eval/explain.h"

namespace eval {

std::string FormatExplanationText(const Explanation& explanation);

// eval/explain.md lists the members. Numbers that do not exist are null.
std::string FormatExplanationJson(const Explanation& explanation, const Dataset& dataset);

// What the reader of the numbers has to know, a sentence each.
std::vector<std::string> ExplanationNotes(const Explanation& explanation);

// The kinds in the order in which tables show them: good, jitter, inversion, swap, miss.
inline constexpr KeypointKind kShownKinds[] = {KeypointKind::kGood, KeypointKind::kJitter, KeypointKind::kInversion,
                                               KeypointKind::kSwap, KeypointKind::kMiss};

// "3.2 %"; "" of nothing.
std::string ShareText(int64_t part, int64_t whole);

}  // namespace eval

#endif  // EVAL_EXPLAIN_FORMAT_H_
