// Past JSON values that nobody wants, without believing that they are any.
#ifndef EVAL_JSON_SKIP_H_
#define EVAL_JSON_SKIP_H_

#include "eval/number_scanner.h"

namespace eval {

// The first byte behind the value at `text`, which kScanPadding bytes follow, zeros at the end. Null where there is
// none in strict JSON (with NaN and Infinity), and for what is beyond this function: strings that are not ASCII, and
// values that are nested deeper than 32 times.
const char* SkipJsonValue(const char* text);

// Past the comma or `close` that follows a value; sets `more` where it is a comma. Null where neither does.
inline const char* PastSeparator(const char* text, char close, bool* more) {
  if (*text != ',' && *text != close) text = SkipSpace(text);
  *more = *text == ',';
  if (!*more && *text != close) return nullptr;
  return text + 1;
}

}  // namespace eval

#endif  // EVAL_JSON_SKIP_H_
