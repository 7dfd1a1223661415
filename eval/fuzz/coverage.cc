#include "eval/fuzz/coverage.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace eval {
namespace {

// Places share a slot where their hashes do: 2^16 slots are many for a few thousand places.
constexpr size_t kSlots = 1 << 16;
std::array<uint8_t, kSlots> reached;  // how often, by the current input
std::array<uint8_t, kSlots> known;    // a bit for each magnitude of how often, by any input

void Reach(uint64_t place) {
  uint8_t& count = reached[(place * 0x9E3779B97F4A7C15) >> 48];
  if (count < 255) ++count;
}

// How near a comparison was to being equal is a place of its own: the way to a rare keyword has steps.
void Compare(void* caller, uint64_t a, uint64_t b) {
  Reach(reinterpret_cast<uintptr_t>(caller) * 65 + __builtin_popcountll(a ^ b));
}

}  // namespace

void StartCoverage() { reached.fill(0); }

size_t TakeNewCoverage() {
  size_t found = 0;
  for (size_t i = 0; i < kSlots; ++i) {
    if (reached[i] == 0) continue;
    const uint8_t magnitude = 1 << (31 - __builtin_clz(reached[i]));
    if ((known[i] & magnitude) != 0) continue;
    known[i] |= magnitude;
    ++found;
  }
  return found;
}

size_t KnownCoverage() {
  size_t count = 0;
  for (const uint8_t slot : known) count += slot != 0;
  return count;
}

}  // namespace eval

// What the compiler inserts calls to (gcc's documentation of -fsanitize-coverage).
extern "C" {

void __sanitizer_cov_trace_pc() { eval::Reach(reinterpret_cast<uintptr_t>(__builtin_return_address(0))); }
void __sanitizer_cov_trace_cmp1(uint8_t a, uint8_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_cmp2(uint16_t a, uint16_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_cmp4(uint32_t a, uint32_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_cmp8(uint64_t a, uint64_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_const_cmp1(uint8_t a, uint8_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_const_cmp2(uint16_t a, uint16_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_const_cmp4(uint32_t a, uint32_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_const_cmp8(uint64_t a, uint64_t b) { eval::Compare(__builtin_return_address(0), a, b); }
void __sanitizer_cov_trace_cmpf(float a, float b) { eval::Compare(__builtin_return_address(0), a < b, b < a); }
void __sanitizer_cov_trace_cmpd(double a, double b) { eval::Compare(__builtin_return_address(0), a < b, b < a); }
void __sanitizer_cov_trace_switch(uint64_t value, const uint64_t* cases) {
  // their number, their bits, then the cases
  for (uint64_t i = 0; i < cases[0]; ++i) eval::Compare(__builtin_return_address(0), value, cases[2 + i]);
}

}  // extern "C"
