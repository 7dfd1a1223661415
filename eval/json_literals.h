// What Python's json module writes for doubles that JSON has not.
#ifndef EVAL_JSON_LITERALS_H_
#define EVAL_JSON_LITERALS_H_

#include <limits>
#include <string_view>

namespace eval {

struct JsonLiteral {
  std::string_view text;
  double value;
};
inline constexpr JsonLiteral kJsonLiterals[] = {
    {"NaN", std::numeric_limits<double>::quiet_NaN()},
    {"Infinity", std::numeric_limits<double>::infinity()},
    {"-Infinity", -std::numeric_limits<double>::infinity()},
};

}  // namespace eval

#endif  // EVAL_JSON_LITERALS_H_
