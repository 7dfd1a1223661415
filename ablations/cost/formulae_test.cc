// The formulae against counting: pairs one by one from each scheme's definition, floating-point operations from the
// shapes of the matrix products that torch is asked for while a part runs.
#include "ablations/cost/formulae.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ablations/cost/parts.h"
#include "grouppose/benchmark/flop_counter.h"

namespace grouppose::cost {
namespace {

struct Token {
  int64_t instance, type;
};
using MayLook = std::function<bool(Token query, Token key)>;

bool Anything(Token, Token) { return true; }
bool SameInstance(Token query, Token key) { return query.instance == key.instance; }
bool SameType(Token query, Token key) { return query.type == key.type; }
bool SameInstanceOrType(Token query, Token key) { return SameInstance(query, key) || SameType(query, key); }

// Who looks at whom, sub-layer by sub-layer.
const std::map<std::string, std::vector<MayLook>>& Definitions() {
  static const auto* definitions = new std::map<std::string, std::vector<MayLook>>{
      {"ACROSS", {SameType}},
      {"FULL", {Anything}},
      {"FULL_2X", {Anything, Anything}},
      {"GROUP", {SameInstance, SameType}},
      {"GROUP_MASKED", {SameInstanceOrType}},
      {"GROUP_PARALLEL", {SameInstance, SameType}},
      {"GROUP_REVERSED", {SameType, SameInstance}},
      {"NONE", {}},
      {"WITHIN", {SameInstance}},
  };
  return *definitions;
}

int64_t CountPairs(const MayLook& may_look, int64_t instances, int64_t types) {
  int64_t pairs = 0;
  for (int64_t query = 0; query < instances * types; ++query) {
    for (int64_t key = 0; key < instances * types; ++key) {
      pairs += may_look({query / types, query % types}, {key / types, key % types});
    }
  }
  return pairs;
}

int64_t CountFlops(Part* part) {
  const at::NoGradGuard no_grad;
  const FlopCounter counter;
  part->forward();
  return counter.flops();
}

// No two sizes are equal, so that none can stand for another.
TransformerOptions OddSizes() {
  TransformerOptions options;
  options.hidden_dim = 24;
  options.num_heads = 3;
  options.num_levels = 2;
  options.decoder_layers = 4;
  options.feedforward_dim = 40;
  options.decoder_points = 5;
  options.num_queries = 7;
  options.num_keypoints = 10;
  return options;
}

const LevelSizes kLevels = {{9, 8}, {5, 4}};
constexpr int64_t kMemoryTokens = 9 * 8 + 5 * 4, kBatch = 2;

class SchemeTest : public ::testing::TestWithParam<std::string> {
 protected:
  SchemeTest() { options_.attention_scheme = GetParam(); }
  std::unique_ptr<AttentionScheme> MakeScheme() const {
    return (*FindAttentionScheme(GetParam()))({options_.hidden_dim, options_.num_heads, 0});
  }
  int64_t Count(PartKind kind) const {
    const DecoderInputs inputs = MakeDecoderInputs(options_, kBatch, kLevels);
    Part part = MakePart(kind, options_, inputs);
    return CountFlops(&part);
  }
  // What one block computes although its definition does not ask for it: GROUP_MASKED compares a token with itself
  // among its instance and, thrown away, among its type.
  int64_t FlopsBesidesTheDefinition() const {
    const int64_t tokens = options_.num_queries * (options_.num_keypoints + 1);
    return GetParam() == "GROUP_MASKED" ? 4 * tokens * options_.hidden_dim : 0;
  }

  TransformerOptions options_ = OddSizes();
};

TEST_P(SchemeTest, PairsAreThoseOfTheDefinition) {
  const auto definition = Definitions().find(GetParam());
  ASSERT_NE(definition, Definitions().end()) << "say in Definitions() who looks at whom in " << GetParam();
  for (const auto& [instances, keypoints] : {std::pair<int64_t, int64_t>{1, 4}, {7, 10}, {20, 14}, {100, 17}}) {
    int64_t pairs = 0;
    for (const MayLook& may_look : definition->second) pairs += CountPairs(may_look, instances, keypoints + 1);
    EXPECT_EQ(MakeScheme()->AttentionPairs(instances, keypoints), pairs) << instances << " x " << keypoints;
  }
}

TEST_P(SchemeTest, FlopsOfTheBlock) {
  const int64_t formula = MakeScheme()->Flops(options_.num_queries, options_.num_keypoints);
  EXPECT_EQ(Count(PartKind::kAttentionBlock), kBatch * (formula + FlopsBesidesTheDefinition()));
}

TEST_P(SchemeTest, FlopsOfTheLayer) {
  const int64_t formula = DecoderLayerFlops(options_, *MakeScheme(), kMemoryTokens);
  EXPECT_EQ(Count(PartKind::kDecoderLayer), kBatch * (formula + FlopsBesidesTheDefinition()));
}

TEST_P(SchemeTest, FlopsOfTheDecoder) {
  const int64_t formula = DecoderFlops(options_, *MakeScheme(), kMemoryTokens);
  EXPECT_EQ(Count(PartKind::kDecoder), kBatch * (formula + options_.decoder_layers * FlopsBesidesTheDefinition()));
}

INSTANTIATE_TEST_SUITE_P(All, SchemeTest, ::testing::ValuesIn(LinkedAttentionSchemes()),
                         [](const auto& parameter) { return parameter.param; });

// By hand, at the published size: 4 d^2 multiply-adds a token for the four projections, 2 d a pair.
TEST(Flops, OfThePublishedBlocks) {
  const auto flops = [](const char* name) { return (*FindAttentionScheme(name))({256, 8, 0})->Flops(100, 17); };
  EXPECT_EQ(flops("FULL"), 2 * (4 * 256 * 256 * 1800L + 2 * 256 * 1800L * 1800));
  EXPECT_EQ(flops("GROUP"), 2 * (2 * 4 * 256 * 256 * 1800L + 2 * 256 * 1800L * (18 + 100)));
  EXPECT_EQ(flops("NONE"), 0);
}

}  // namespace
}  // namespace grouppose::cost
