#include "ablations/cost/measure.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "ablations/cost/table.h"
#include "grouppose/attention/scheme.h"

namespace grouppose::cost {
namespace {

using experiments::Cost;

// 400 query tokens: the scores of FULL would take far more memory than everything else together.
CostOptions SmallOptions() {
  CostOptions options;
  options.transformer.hidden_dim = 24;
  options.transformer.num_heads = 3;
  options.transformer.num_levels = 2;
  options.transformer.decoder_layers = 2;
  options.transformer.feedforward_dim = 40;
  options.transformer.num_queries = 40;
  options.transformer.num_keypoints = 9;
  options.image_height = 60;
  options.image_width = 70;
  options.backbone_strides = {8};
  options.seconds_per_part = 0;
  return options;
}
constexpr int64_t kTokens = 400, kHidden = 24, kHeads = 3, kFloat = sizeof(float);

class MeasureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cost_ = new Cost(MeasureCost(SmallOptions(), LinkedAttentionSchemes())); }
  static const Cost::Scheme& Scheme(const std::string& name) {
    for (const Cost::Scheme& scheme : cost_->schemes()) {
      if (scheme.name() == name) return scheme;
    }
    throw std::out_of_range(name);
  }
  static const Cost* cost_;
};
const Cost* MeasureTest::cost_ = nullptr;

void ExpectQuartiles(const Cost::Quartiles& seconds) {
  EXPECT_GE(seconds.first(), 0);
  EXPECT_LE(seconds.first(), seconds.median());
  EXPECT_LE(seconds.median(), seconds.third());
}

TEST_F(MeasureTest, EverySchemeAndPartIsThere) {
  EXPECT_EQ(cost_->schemes_size(), 9);
  for (const Cost::Scheme& scheme : cost_->schemes()) {
    for (const Cost::Part* part : {&scheme.attention_block(), &scheme.decoder_layer(), &scheme.decoder()}) {
      for (const Cost::Pass* pass : {&part->forward(), &part->backward()}) {
        ExpectQuartiles(pass->wall_seconds());
        ExpectQuartiles(pass->cpu_seconds());
      }
      if (scheme.name() == "NONE" && part == &scheme.attention_block()) continue;
      EXPECT_GT(part->forward().cpu_seconds().median(), 0) << scheme.name();
      EXPECT_GT(part->backward().cpu_seconds().median(), 0) << scheme.name();
      EXPECT_GT(part->inference_peak_bytes(), 0) << scheme.name();
      // training keeps more than inference, and backward begins with what forward kept
      EXPECT_GT(part->forward().peak_bytes(), part->inference_peak_bytes()) << scheme.name();
    }
  }
}

TEST_F(MeasureTest, SaysWhatAndHow) {
  EXPECT_EQ(cost_->setting().memory_tokens(), 8 * 9 + 4 * 5);
  EXPECT_EQ(cost_->setting().num_queries(), 40);
  EXPECT_EQ(cost_->conditions().attention_block_rounds(), 3);
  EXPECT_EQ(cost_->conditions().decoder_rounds(), 3);
  EXPECT_GT(cost_->conditions().cpu_share(), 0);
  EXPECT_FALSE(cost_->conditions().processor().empty());
  EXPECT_EQ(cost_->conditions().torch_version().rfind("2.", 0), 0);
}

TEST_F(MeasureTest, CountsParameters) {
  const int64_t attention = 4 * kHidden * kHidden + 4 * kHidden, norm = 2 * kHidden;
  EXPECT_EQ(Scheme("FULL").attention_block().parameters(), attention + norm);
  EXPECT_EQ(Scheme("GROUP").attention_block().parameters(), 2 * (attention + norm));
  EXPECT_EQ(Scheme("NONE").attention_block().parameters(), 0);
  const int64_t layer = Scheme("FULL").decoder_layer().parameters();
  EXPECT_EQ(layer - Scheme("NONE").decoder_layer().parameters(), attention + norm);
  // the position term's MLP; heads are the model's
  EXPECT_EQ(Scheme("FULL").decoder().parameters(), 2 * layer + 2 * (kHidden * kHidden + kHidden));
}

TEST_F(MeasureTest, CountsPairsOfAllLayers) {
  EXPECT_EQ(Scheme("FULL").decoder_layer().attention_pairs(), kTokens * kTokens);
  EXPECT_EQ(Scheme("FULL").decoder().attention_pairs(), 2 * kTokens * kTokens);
}

// A scheme that does nothing gives its input back; the gradient of the tokens is all that is made.
TEST_F(MeasureTest, NoneTakesNoMemory) {
  const Cost::Part& block = Scheme("NONE").attention_block();
  EXPECT_EQ(block.inference_peak_bytes(), 0);
  EXPECT_EQ(block.forward().peak_bytes(), 0);
  EXPECT_EQ(block.backward().peak_bytes(), kTokens * kHidden * kFloat);
}

// FULL goes through a fused operator in both directions: its scores are never in memory. Those of a scheme that
// composes its attention are.
TEST_F(MeasureTest, FullIsFused) {
  const int64_t scores = kHeads * kTokens * kTokens * kFloat;
  EXPECT_LT(Scheme("FULL").attention_block().forward().peak_bytes(), scores / 2);
  EXPECT_LT(Scheme("FULL").attention_block().backward().peak_bytes(), scores / 2);
  const Cost::Part& composed = Scheme("GROUP_MASKED").attention_block();
  EXPECT_GT(composed.forward().peak_bytes(), kHeads * composed.attention_pairs() * kFloat);
}

TEST_F(MeasureTest, MemoryIsTheSameEveryTime) {
  const Cost again = MeasureCost(SmallOptions(), {"GROUP"});
  ASSERT_EQ(again.schemes_size(), 1);
  const auto bytes = [](const Cost::Part& part) {
    return std::vector<int64_t>{part.inference_peak_bytes(), part.forward().peak_bytes(), part.backward().peak_bytes()};
  };
  EXPECT_EQ(bytes(again.schemes(0).attention_block()), bytes(Scheme("GROUP").attention_block()));
  EXPECT_EQ(bytes(again.schemes(0).decoder_layer()), bytes(Scheme("GROUP").decoder_layer()));
  EXPECT_EQ(bytes(again.schemes(0).decoder()), bytes(Scheme("GROUP").decoder()));
}

TEST_F(MeasureTest, TableHasALineAScheme) {
  const std::string table = CostTable(*cost_);
  size_t lines = 0;
  for (size_t at = table.find("\nGROUP_MASKED "); at != std::string::npos; at = table.find("\nGROUP_MASKED ", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 3) << table;
  EXPECT_NE(table.find("N = 40, K = 9, d = 24, 3 heads"), std::string::npos) << table;
}

TEST(Table, TellsABusyMachine) {
  Cost cost;
  cost.mutable_conditions()->set_threads(1);
  cost.mutable_conditions()->set_cpu_share(0.5);
  EXPECT_NE(CostTable(cost).find("Other programs wanted the cores too"), std::string::npos);
  cost.mutable_conditions()->set_cpu_share(0.99);
  EXPECT_EQ(CostTable(cost).find("Other programs"), std::string::npos);
}

TEST(LevelSizes, OfThePublishedModel) {
  EXPECT_EQ(LevelSizesOf(CostOptions{}), (LevelSizes{{100, 134}, {50, 67}, {25, 34}, {13, 17}}));
}

}  // namespace
}  // namespace grouppose::cost
