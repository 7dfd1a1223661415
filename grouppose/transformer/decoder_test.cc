#include "grouppose/transformer/decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <gtest/gtest.h>

#include <string>

#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

using testing::Near;
using testing::RecipeTensor;

TEST(DecoderLayer, EqualsTheOfficialOne) {
  SKIP_WITHOUT_TEST_DATA();
  const testing::Fixture fixture("mod_decoder_layer");
  const double tolerance = fixture.Number("tol");
  DecoderLayer layer(TransformerOptions{});
  testing::FillByRecipe(layer, static_cast<uint64_t>(fixture.Number("seed")));
  // the fixture's tokens are [N, batch, ...]
  at::Tensor tokens = fixture.Get("tgt").transpose(0, 1).contiguous();
  at::Tensor query_pos = fixture.Get("query_pos").transpose(0, 1).contiguous();
  at::Tensor memory = RecipeTensor("memory", {2, 340, 256}, 100);
  for (at::Tensor* leaf : {&tokens, &query_pos, &memory}) leaf->set_requires_grad(true);

  const at::Tensor position = at::constant_pad_nd(query_pos, {0, 0, 1, 0}, 0);
  const at::Tensor entered = tokens + position;
  EXPECT_TRUE(Near(entered.detach().transpose(0, 1), fixture.Get("tgt_after"), 0));
  const at::Tensor out =
      layer.Forward(entered, position, fixture.Get("reference_points").transpose(0, 1), memory,
                    fixture.Get("spatial_shapes"), fixture.Get("level_start_index"), fixture.Get("padding_mask"));
  EXPECT_TRUE(Near(out.detach().transpose(0, 1), fixture.Get("out"), tolerance));

  const at::Tensor official = out.transpose(0, 1);
  official.backward(RecipeTensor("grad_out", official.sizes(), 100));
  EXPECT_TRUE(Near(tokens.grad().transpose(0, 1), fixture.Get("grad_tgt"), tolerance));
  EXPECT_TRUE(Near(query_pos.grad().transpose(0, 1), fixture.Get("grad_query_pos"), tolerance));
  EXPECT_TRUE(Near(memory.grad().sum(1), fixture.Get("gradsum_memory"), tolerance));
  for (const nn::NamedTensor& named : layer.Parameters()) {
    const at::Tensor norm = fixture.Get("gradnorm." + named.name);
    EXPECT_TRUE(Near(named.tensor.grad().norm(), norm, tolerance * norm.item<double>())) << named.name;
  }
}

}  // namespace
}  // namespace grouppose
