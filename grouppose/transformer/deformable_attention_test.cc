#include "grouppose/transformer/deformable_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/check.h"
#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::RecipeTensor;

at::Tensor Leaf(const at::Tensor& value) {
  at::Tensor leaf = value.clone();
  leaf.set_requires_grad(true);
  return leaf;
}

// Every third token, as the fixtures store them.
at::Tensor EveryThird(const at::Tensor& tensor) { return tensor.slice(1, 0, std::nullopt, 3); }

TEST(DeformableAttention, EqualsTheOfficialOneInTheEncoder) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_msdeformattn_encoder");
  const double tolerance = fixture.Number("tol");
  DeformableAttention attention({});
  testing::FillByRecipe(attention, static_cast<uint64_t>(fixture.Number("seed")));
  const at::Tensor query = Leaf(fixture.Get("query")), memory = Leaf(fixture.Get("input_flatten")),
                   points = Leaf(fixture.Get("reference_points"));
  const at::Tensor out = attention.Forward(query, points, memory, fixture.Get("spatial_shapes"),
                                           fixture.Get("level_start_index"), fixture.Get("padding_mask"));
  EXPECT_TRUE(Near(out.detach(), fixture.Get("out"), tolerance));
  out.backward(RecipeTensor("grad_out", out.sizes(), 100));
  EXPECT_TRUE(Near(EveryThird(query.grad()), fixture.Get("grad_query"), tolerance));
  EXPECT_TRUE(Near(EveryThird(memory.grad()), fixture.Get("grad_input"), tolerance));
  // gradients of locations carry the level's size, so their tolerance is relative
  const at::Tensor expected = fixture.Get("grad_reference_points");
  EXPECT_TRUE(Near(EveryThird(points.grad()), expected, tolerance * expected.abs().max().item<double>()));
  for (const nn::NamedTensor& named : attention.Parameters()) {
    const at::Tensor norm = fixture.Get("gradnorm." + named.name);
    EXPECT_TRUE(Near(named.tensor.grad().norm(), norm, tolerance * norm.item<double>())) << named.name;
    if (!fixture.Has("grad." + named.name)) continue;
    const at::Tensor gradient = fixture.Get("grad." + named.name);
    EXPECT_TRUE(Near(named.tensor.grad(), gradient, tolerance * gradient.abs().max().item<double>())) << named.name;
  }
}

class DecoderForm : public ::testing::TestWithParam<const char*> {};

TEST_P(DecoderForm, EqualsTheOfficialOne) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture(GetParam());
  const double tolerance = fixture.Number("tol");
  DeformableAttention attention({});
  testing::FillByRecipe(attention, static_cast<uint64_t>(fixture.Number("seed")));
  const at::Tensor query = Leaf(fixture.Get("query")), memory = Leaf(RecipeTensor("memory", {2, 340, 256}, 100));
  const at::Tensor out =
      attention.Forward(query, fixture.Get("reference_points"), memory, fixture.Get("spatial_shapes"),
                        fixture.Get("level_start_index"), fixture.Get("padding_mask"));
  EXPECT_TRUE(Near(out.detach(), fixture.Get("out"), tolerance));
  out.backward(RecipeTensor("grad_out_d", out.sizes(), 100));
  EXPECT_TRUE(Near(query.grad(), fixture.Get("grad_query"), tolerance));
  EXPECT_TRUE(Near(memory.grad().sum(1), fixture.Get("gradsum_input"), tolerance));
}

INSTANTIATE_TEST_SUITE_P(Official, DecoderForm,
                         ::testing::Values("mod_msdeformattn_decoder_K14", "mod_msdeformattn_decoder_K17"));

// A small module over levels of 4x6 and 2x3.
class SmallDeformableAttention : public ::testing::Test {
 protected:
  SmallDeformableAttention() : attention_({16, 2, 2, 3}) { testing::FillByRecipe(attention_, 3); }

  at::Tensor Forward(const at::Tensor& points) const {
    return attention_.Forward(query_, points, memory_, shapes_, starts_, {}).detach();
  }

  DeformableAttention attention_;
  at::Tensor query_ = RecipeTensor("query", {2, 5, 16}, 1);
  at::Tensor memory_ = RecipeTensor("memory", {2, 30, 16}, 1);
  at::Tensor points_ = RecipeTensor("points", {2, 5, 2, 2}, 1, 0.5, 0.5);
  at::Tensor shapes_ = (RecipeTensor("any", {2, 2}, 1) * 0).to(at::kLong);
  at::Tensor starts_ = (RecipeTensor("any", {2}, 1) * 0).to(at::kLong);

  void SetUp() override {
    shapes_[0][0].fill_(4);
    shapes_[0][1].fill_(6);
    shapes_[1][0].fill_(2);
    shapes_[1][1].fill_(3);
    starts_[1].fill_(24);
  }
};

// Offsets of a box are shares of half its size: a box of 2 * points pixels makes them pixels.
TEST_F(SmallDeformableAttention, BoxesScaleTheOffsets) {
  at::Tensor boxes = at::cat({points_, points_}, -1);
  const double points = 3;
  for (int64_t level = 0; level < 2; ++level) {
    boxes.select(2, level).select(-1, 2).fill_(2 * points / shapes_[level][1].item<int64_t>());
    boxes.select(2, level).select(-1, 3).fill_(2 * points / shapes_[level][0].item<int64_t>());
  }
  EXPECT_TRUE(Near(Forward(boxes), Forward(points_), 1e-5));
}

TEST_F(SmallDeformableAttention, OnePointForAllLevelsAndImagesIsBroadcast) {
  const at::Tensor point = points_.narrow(0, 0, 1).narrow(2, 0, 1);
  EXPECT_TRUE(Near(Forward(point), Forward(point.expand({2, -1, 2, -1}).contiguous()), 0));
}

TEST_F(SmallDeformableAttention, RefusesPointsOfAnotherNumberOfQueries) {
  EXPECT_THROW(Forward(points_.narrow(1, 0, 4)), base::CheckError);
  EXPECT_THROW(Forward(points_.narrow(3, 0, 1)), base::CheckError);
}

TEST(DeformableAttention, HeadsStartInDifferentDirections) {
  DeformableAttention attention({});
  nn::Initialise(attention, 1);
  for (const nn::NamedTensor& named : attention.Parameters()) {
    if (named.name == "sampling_offsets.weight" || named.name.rfind("attention_weights.", 0) == 0) {
      EXPECT_EQ(named.tensor.abs().max().item<float>(), 0) << named.name;
    }
    if (named.name != "sampling_offsets.bias") continue;
    const at::Tensor offsets = named.tensor.detach().view({8, 4, 4, 2});
    for (int64_t head = 0; head < 8; ++head) {
      const double angle = 6.283185307179586 * head / 8, x = std::cos(angle), y = std::sin(angle);
      for (int64_t point = 0; point < 4; ++point) {
        const double reach = (point + 1) / std::max(std::abs(x), std::abs(y));
        EXPECT_NEAR(offsets[head][2][point][0].item<float>(), x * reach, 1e-5);
        EXPECT_NEAR(offsets[head][2][point][1].item<float>(), y * reach, 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace grouppose
