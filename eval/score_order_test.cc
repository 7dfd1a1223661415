#include "eval/score_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/random.h"

namespace eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(OrderByScore, FallingStableAndNaNLast) {
  EXPECT_EQ(OrderByScore({}), std::vector<int>{});
  EXPECT_EQ(OrderByScore({0.5, 0.9, 0.5, 0.9, 0.5}), (std::vector<int>{1, 3, 0, 2, 4}));
  EXPECT_EQ(OrderByScore({kNaN, -kInfinity, 0, kNaN, kInfinity, -0.0}), (std::vector<int>{4, 2, 5, 1, 0, 3}));
}

TEST(OrderByScore, IsStdStableSort) {
  base::RandomStream random("scores", {1});
  for (const int count : {1, 2, 63, 5000}) {
    std::vector<double> scores;
    for (int i = 0; i < count; ++i) {
      // many alike, both signs, all magnitudes
      const double exponents[] = {0, 1e-300, 1, 1e300};
      scores.push_back((static_cast<double>(random.NextBelow(40)) - 20) * exponents[random.NextBelow(4)]);
    }
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
    EXPECT_EQ(OrderByScore(scores), order);
  }
}

TEST(KeepBest, OfEqualScoresTheFirst) {
  std::vector<ScoredItem> items;
  const double scores[] = {0.5, 0.9, 0.5, kNaN, 0.5, -0.0, 0.0};
  for (int i = 0; i < 7; ++i) items.push_back({RankOfScore(scores[i]), i});
  const auto best = [&](size_t count) {
    std::vector<ScoredItem> kept = items;
    KeepBest(count, &kept);
    std::vector<int> positions;
    for (const ScoredItem& item : kept) positions.push_back(item.item);
    return positions;
  };
  EXPECT_EQ(best(3), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(best(20), (std::vector<int>{1, 0, 2, 4, 5, 6, 3}));
  EXPECT_EQ(best(0), std::vector<int>{});
}

}  // namespace
}  // namespace eval
