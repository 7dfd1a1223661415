#include "grouppose/transformer/encoder.h"

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <string>

#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::RecipeTensor;

TEST(EncoderLayer, EqualsTheOfficialOne) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_encoder_layer");
  const double tolerance = fixture.Number("tol");
  EncoderLayer layer(TransformerOptions{});
  testing::FillByRecipe(layer, static_cast<uint64_t>(fixture.Number("seed")));
  at::Tensor memory = RecipeTensor("memory", {2, 340, 256}, 100), position = RecipeTensor("pos", {2, 340, 256}, 100);
  memory.set_requires_grad(true);
  position.set_requires_grad(true);
  const at::Tensor out = layer.Forward(memory, position, fixture.Get("reference_points"), fixture.Get("spatial_shapes"),
                                       fixture.Get("level_start_index"), fixture.Get("padding_mask"));
  EXPECT_TRUE(Near(out.detach(), fixture.Get("out"), tolerance));
  out.backward(RecipeTensor("grad_out", out.sizes(), 100));
  EXPECT_TRUE(Near(memory.grad().slice(1, 0, std::nullopt, 3), fixture.Get("grad_src"), tolerance));
  EXPECT_TRUE(Near(position.grad().slice(1, 0, std::nullopt, 3), fixture.Get("grad_pos"), tolerance));
  for (const nn::NamedTensor& named : layer.Parameters()) {
    const at::Tensor norm = fixture.Get("gradnorm." + named.name);
    EXPECT_TRUE(Near(named.tensor.grad().norm(), norm, tolerance * norm.item<double>())) << named.name;
  }
}

}  // namespace
}  // namespace grouppose
