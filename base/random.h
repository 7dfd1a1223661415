// Addressed randomness: a value is a pure function of where it is used, never of how many values were drawn before.
//
// The mixing function is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
// generators"). All arithmetic is on unsigned 64-bit integers with wrap-around, so results are the same everywhere.
#ifndef BASE_RANDOM_H_
#define BASE_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace base {

inline constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

// FNV-1a, 64 bit.
inline uint64_t Fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : text) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

inline uint64_t Mix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// A stream is named by a text and numbers ("order", seed, epoch); its values are addressed by their index, or taken one
// after the other.
class RandomStream {
 public:
  RandomStream(std::string_view name, std::initializer_list<uint64_t> address) : base_(Fnv1a64(name)) {
    for (uint64_t part : address) base_ = Mix64(base_ + (part + 1) * kGolden);
  }

  uint64_t Bits(uint64_t index) const { return Mix64(base_ + (index + 1) * kGolden); }
  // In [0, 1), 53 bits.
  double Uniform(uint64_t index) const { return static_cast<double>(Bits(index) >> 11) * 0x1p-53; }
  // In {0, ..., count - 1}; count > 0.
  uint64_t Below(uint64_t index, uint64_t count) const {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Bits(index)) * count) >> 64);
  }

  // One after the other.
  double NextUniform() { return Uniform(next_++); }
  double NextUniform(double low, double high) { return low + (high - low) * NextUniform(); }
  uint64_t NextBelow(uint64_t count) { return Below(next_++, count); }
  // Standard normal by Box and Muller; takes two indices.
  double NextNormal() {
    const double u = NextUniform(), v = NextUniform();
    return std::sqrt(-2.0 * std::log1p(-u)) * std::cos(6.283185307179586 * v);
  }

 private:
  uint64_t base_;
  uint64_t next_ = 0;
};

}  // namespace base

#endif  // BASE_RANDOM_H_
