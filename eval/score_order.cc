#include "eval/score_order.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace eval {

uint64_t RankOfScore(double score) {
  if (std::isnan(score)) return std::numeric_limits<uint64_t>::max();
  // -0 + 0 is 0
  score += 0.0;
  uint64_t bits;
  static_assert(sizeof(bits) == sizeof(score));
  std::memcpy(&bits, &score, sizeof(bits));
  // doubles of one sign are ordered as their bits are; those of the negative ones the other way round
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return (bits & kSign) != 0 ? bits : ~(bits | kSign);
}

void OrderByRank(std::vector<ScoredItem>* items) {
  // by eleven bits at a time from the lowest, each pass stable: six passes, and tables that stay in the first cache
  constexpr int kBits = 11, kPasses = (64 + kBits - 1) / kBits;
  constexpr uint64_t kMask = (1 << kBits) - 1;
  std::vector<std::array<uint32_t, kMask + 1>> counts(kPasses);
  for (const ScoredItem& item : *items) {
    for (int pass = 0; pass < kPasses; ++pass) ++counts[pass][(item.rank >> (pass * kBits)) & kMask];
  }
  std::vector<ScoredItem> other(items->size());
  for (int pass = 0; pass < kPasses; ++pass) {
    std::array<uint32_t, kMask + 1>& next = counts[pass];
    // all alike: nothing to do
    if (!items->empty() && next[(items->front().rank >> (pass * kBits)) & kMask] == items->size()) continue;
    uint32_t begin = 0;
    for (uint32_t& count : next) {
      const uint32_t end = begin + count;
      count = begin;
      begin = end;
    }
    for (const ScoredItem& item : *items) other[next[(item.rank >> (pass * kBits)) & kMask]++] = item;
    items->swap(other);
  }
}

void KeepBest(size_t count, std::vector<ScoredItem>* items) {
  const auto better = [](const ScoredItem& a, const ScoredItem& b) {
    return a.rank < b.rank || (a.rank == b.rank && a.item < b.item);
  };
  if (items->size() > count) {
    std::nth_element(items->begin(), items->begin() + count, items->end(), better);
    items->resize(count);
  }
  std::sort(items->begin(), items->end(), better);
}

std::vector<int> OrderByScore(const std::vector<double>& scores) {
  std::vector<ScoredItem> items(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) items[i] = {RankOfScore(scores[i]), static_cast<int>(i)};
  OrderByRank(&items);
  std::vector<int> order(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) order[i] = items[i].item;
  return order;
}

}  // namespace eval
