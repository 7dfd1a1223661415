// Detections by falling score: equal scores stay in their order, NaN comes last, and -0 equals 0.
#ifndef EVAL_SCORE_ORDER_H_
#define EVAL_SCORE_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eval {

// An integer that is the smaller the better the score.
uint64_t RankOfScore(double score);

// A score to be ordered, and what it belongs to.
struct ScoredItem {
  uint64_t rank;
  int item;
};

// Orders by rank in time proportional to the number of items.
void OrderByRank(std::vector<ScoredItem>* items);

// The best `count` of the items, in order; `items` are in ascending order of ScoredItem::item.
void KeepBest(size_t count, std::vector<ScoredItem>* items);

// Positions in order of falling score.
std::vector<int> OrderByScore(const std::vector<double>& scores);

}  // namespace eval

#endif  // EVAL_SCORE_ORDER_H_
