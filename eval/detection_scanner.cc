#include "eval/detection_scanner.h"

#include <cmath>
#include <cstring>

#include "eval/json_skip.h"
#include "eval/number_scanner.h"

namespace eval {
namespace {

enum RequiredField { kImageId = 1, kCategoryId = 2, kKeypoints = 4, kScore = 8, kAllFields = 15 };

const char* Integer(const char* text, int64_t* value) {
  constexpr int kMostDigits = 18;  // any of them fit into 63 bits
  const char* at = text + (*text == '-');
  const char* const first = at;
  int64_t magnitude = 0;
  for (; *at >= '0' && *at <= '9' && at - first < kMostDigits; ++at) magnitude = magnitude * 10 + (*at - '0');
  const bool leading_zero = *first == '0' && at - first > 1;
  const bool goes_on = (*at >= '0' && *at <= '9') || *at == '.' || (*at | 0x20) == 'e';
  if (at > first && !leading_zero && !goes_on) {
    *value = *text == '-' ? -magnitude : magnitude;
    return at;
  }
  // 3.0 is an integer; larger ones are left to the other reader
  constexpr double kLargest = 1e15;
  double number;
  at = ScanAnyNumber(text, &number);
  if (at == nullptr || number != std::floor(number) || std::abs(number) > kLargest) return nullptr;
  *value = static_cast<int64_t>(number);
  return at;
}

}  // namespace

const char* DetectionScanner::Record(const char* text, DetectionRow* row, double* coordinates) {
  if (*text != '{') return nullptr;
  seen_ = 0;
  has_caption_ = has_segmentation_ = false;
  ++text;
  for (bool more = true; more;) {
    text = Entry(SkipSpace(text), row, coordinates);
    if (text == nullptr) return nullptr;
    text = PastSeparator(text, '}', &more);
    if (text == nullptr) return nullptr;
  }
  row->keypoints = coordinates;
  // with a box, a segmentation is a ride-along
  has_segmentation_ &= !row->has_bbox;
  return seen_ == kAllFields ? text : nullptr;
}

const char* DetectionScanner::Entry(const char* text, DetectionRow* row, double* coordinates) {
  if (*text != '"') return nullptr;
  const char* const key = text + 1;
  // a key is as good as any string: one with escapes is left to the other reader, for it could spell a known one
  text = key;
  while (*text != '"') {
    if (*text == '\\' || static_cast<signed char>(*text) < 0x20) return nullptr;
    ++text;
  }
  const size_t length = text - key;
  text = SkipSpace(text + 1);
  if (*text != ':') return nullptr;
  text = SkipSpace(text + 1);

  const auto is = [&](const char* name, size_t name_length) {
    return length == name_length && std::memcmp(key, name, name_length) == 0;
  };
  if (is("keypoints", 9)) {
    seen_ |= kKeypoints;
    return Keypoints(text, coordinates);
  }
  if (is("image_id", 8)) {
    seen_ |= kImageId;
    return Integer(text, &row->image_id);
  }
  if (is("category_id", 11)) {
    seen_ |= kCategoryId;
    return Integer(text, &row->category_id);
  }
  if (is("score", 5)) {
    seen_ |= kScore;
    return ScanNumber(text, &row->score);
  }
  if (is("bbox", 4)) return Bbox(text, row);
  has_caption_ |= is("caption", 7);
  has_segmentation_ |= is("segmentation", 12);
  return SkipJsonValue(text);
}

const char* DetectionScanner::Keypoints(const char* text, double* coordinates) const {
  if (*text != '[') return nullptr;
  ++text;
  double ignored;
  for (int i = 0; i < 3 * num_keypoints_; ++i) {
    double* const value = i % 3 == 2 ? &ignored : coordinates++;
    text = ScanNumber(SkipSpace(text), value);
    if (text == nullptr) return nullptr;
    bool more;
    text = PastSeparator(text, ']', &more);
    if (text == nullptr || more != (i + 1 < 3 * num_keypoints_)) return nullptr;
  }
  return text;
}

const char* DetectionScanner::Bbox(const char* text, DetectionRow* row) const {
  if (*text != '[') return nullptr;
  text = SkipSpace(text + 1);
  row->has_bbox = *text != ']';
  row->bbox_area = 0;
  // [] stands for no box
  if (!row->has_bbox) return text + 1;
  double numbers[4];
  for (int i = 0; i < 4; ++i) {
    text = ScanNumber(SkipSpace(text), &numbers[i]);
    if (text == nullptr) return nullptr;
    bool more;
    text = PastSeparator(text, ']', &more);
    if (text == nullptr || more != (i < 3)) return nullptr;
  }
  row->bbox_area = numbers[2] * numbers[3];
  return text;
}

}  // namespace eval
