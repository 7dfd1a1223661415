// Numbers of JSON text as doubles, correctly rounded, at a few nanoseconds each.
//
// Up to 16 characters are read at once: one comparison finds the digits, one shuffle takes the point out and moves the
// digits to the right, three multiplications make one integer of them. An integer below 2^53 and a power of ten up to
// 10^22 are exact doubles, so their quotient is the number rounded once (Clinger 1990, "How to read floating point
// numbers accurately"). Everything else goes the long way, std::from_chars.
#ifndef EVAL_NUMBER_SCANNER_H_
#define EVAL_NUMBER_SCANNER_H_

#include <immintrin.h>

#include <array>
#include <cstdint>

namespace eval {

// Bytes behind the text that may be read; they have to be there, and zero.
inline constexpr int kScanPadding = 64;

namespace number_scanner_internal {

// By length of a number and place of its point: where each of 16 digits, flush right, comes from.
struct Shuffles {
  alignas(16) uint8_t bytes[17][17][16];
};
constexpr Shuffles MakeShuffles() {
  Shuffles shuffles = {};
  for (int length = 0; length <= 16; ++length) {
    // a point behind the last digit is none
    for (int point = 0; point <= 16; ++point) {
      const int digits = point < length ? length - 1 : length;
      for (int i = 0; i < 16; ++i) {
        const int digit = i - (16 - digits);
        const int from = digit < point ? digit : digit + 1;
        shuffles.bytes[length][point][i] = digit < 0 ? 0x80 : from;
      }
    }
  }
  return shuffles;
}
inline constexpr Shuffles kShuffles = MakeShuffles();

inline constexpr std::array<double, 16> kPowersOfTen = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

}  // namespace number_scanner_internal

// The long way: any number that JSON allows, and NaN, Infinity and -Infinity.
const char* ScanAnyNumber(const char* text, double* value);

// The number at `text`. Returns the first byte behind it, or null where there is none or its double is none (1e400).
inline const char* ScanNumber(const char* text, double* value) {
  namespace internal = number_scanner_internal;
  constexpr double kLargestExactInteger = 9007199254740992.0;  // 2^53

  const bool negative = *text == '-';
  const char* const first = text + negative;
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(first));
  const __m128i digits = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const unsigned are_digits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits));
  const unsigned are_points = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('.')));
  // 16 where all are of the number
  const int length = __builtin_ctz(~(are_digits | are_points));
  const unsigned within = (1u << length) - 1;
  const unsigned points = are_points & within;
  // what is not a plain number within 16 bytes: two points, a point at an end, no digit, a leading zero, an exponent
  const bool plain = (points & (points - 1)) == 0 && (are_digits & 1) != 0 && (are_digits >> (length - 1) & 1) != 0 &&
                     length < 16 && (*first != '0' || (are_digits & 2) == 0) && (first[length] | 0x20) != 'e';
  if (__builtin_expect(!plain, 0)) return ScanAnyNumber(text, value);

  const int point = __builtin_ctz(points | 1u << length);
  const int decimals = length - point - (points != 0);
  const __m128i shuffle = _mm_load_si128(reinterpret_cast<const __m128i*>(internal::kShuffles.bytes[length][point]));
  const __m128i flush = _mm_shuffle_epi8(digits, shuffle);
  const __m128i pairs = _mm_maddubs_epi16(flush, _mm_setr_epi8(10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1));
  const __m128i fours = _mm_madd_epi16(pairs, _mm_setr_epi16(100, 1, 100, 1, 100, 1, 100, 1));
  const __m128i eights =
      _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_setr_epi16(10000, 1, 10000, 1, 10000, 1, 10000, 1));
  const uint64_t halves = _mm_cvtsi128_si64(eights);
  // at most 15 digits: below 2^53
  const double integer = static_cast<double>(static_cast<int64_t>((halves & 0xffffffff) * 100000000 + (halves >> 32)));
  static_assert(999999999999999.0 < kLargestExactInteger);
  const double magnitude = integer / internal::kPowersOfTen[decimals];
  *value = negative ? -magnitude : magnitude;
  return first + length;
}

// Past spaces, tabs and ends of lines.
inline const char* SkipSpace(const char* text) {
  while (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t') ++text;
  return text;
}

}  // namespace eval

#endif  // EVAL_NUMBER_SCANNER_H_
