#include "grouppose/backbone/window_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "grouppose/testing/fixtures.h"

namespace grouppose {
namespace {

TEST(Windows, AreCutRowByRow) {
  const at::Tensor map = at::arange(2 * 4 * 6, at::kFloat).view({2, 4, 6, 1});
  const at::Tensor windows = CutWindows(map, 2);
  ASSERT_EQ(windows.sizes(), (at::IntArrayRef{2, 6, 4, 1}));
  EXPECT_TRUE(windows[0][0].flatten().equal(at::tensor({0, 1, 6, 7}, at::kFloat)));
  EXPECT_TRUE(windows[0][1].flatten().equal(at::tensor({2, 3, 8, 9}, at::kFloat)));
  EXPECT_TRUE(windows[0][3].flatten().equal(at::tensor({12, 13, 18, 19}, at::kFloat)));
  EXPECT_TRUE(windows[1][5].flatten().equal(at::tensor({40, 41, 46, 47}, at::kFloat)));
  EXPECT_TRUE(JoinWindows(windows, 2, 4, 6).equal(map));
}

// Cells of a window that lay a window or more apart before the roll came from opposite borders.
TEST(ShiftMask, HidesCellsThatTheRollBroughtTogether) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{3, 3}, {3, 9}, {6, 9}}) {
    const int64_t window = 3, shift = 1;
    const at::Tensor places = at::arange(height * width, at::kFloat).view({1, height, width, 1});
    const at::Tensor cut = CutWindows(at::roll(places, {-shift, -shift}, {1, 2}), window).squeeze(0).squeeze(2);
    const at::Tensor mask = ShiftMask(height, width, window, shift, places.options());
    ASSERT_EQ(mask.sizes(), (at::IntArrayRef{cut.size(0), 1, 9, 9}));
    int64_t hidden = 0;
    for (int64_t w = 0; w < cut.size(0); ++w) {
      for (int64_t i = 0; i < 9; ++i) {
        for (int64_t j = 0; j < 9; ++j) {
          const int64_t a = cut[w][i].item<int64_t>(), b = cut[w][j].item<int64_t>();
          const bool apart = std::abs(a / width - b / width) >= window || std::abs(a % width - b % width) >= window ||
                             (height == window && (a / width < shift) != (b / width < shift)) ||
                             (width == window && (a % width < shift) != (b % width < shift));
          EXPECT_EQ(mask[w][0][i][j].item<float>(), apart ? -100 : 0) << w << " " << i << " " << j;
          hidden += apart;
        }
      }
    }
    EXPECT_GT(hidden, 0);
  }
}

std::map<std::string, at::Tensor> Tensors(const nn::Module& module) {
  std::map<std::string, at::Tensor> tensors;
  for (const nn::NamedTensor& named : module.NamedTensors()) tensors[named.name] = named.tensor.detach();
  return tensors;
}

TEST(WindowAttention, IndexesTheTableByRelativePosition) {
  const at::Tensor index = Tensors(WindowAttention(4, 2, 2)).at("relative_position_index");
  EXPECT_EQ(index.scalar_type(), at::kLong);
  // cells (0,0), (0,1), (1,0), (1,1); a row of the table is 3 differences of columns
  const at::Tensor expected = at::tensor({4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4}, at::kLong).view({4, 4});
  EXPECT_TRUE(index.equal(expected));
}

// softmax(q k / sqrt(channels) + bias + mask) v, written out in double precision.
TEST(WindowAttention, EqualsItsDefinition) {
  const at::NoGradGuard no_grad;
  constexpr int64_t kWindow = 3, kCells = 9, kHeads = 2, kHeadChannels = 4, kChannels = 8, kBatch = 2, kWindows = 4;
  WindowAttention attention(kChannels, kHeads, kWindow);
  testing::FillByRecipe(attention, 3);
  const auto tensors = Tensors(attention);
  const at::Tensor windows = testing::RecipeTensor("windows", {kBatch, kWindows, kCells, kChannels}, 3, 0, 2);
  const at::Tensor mask = ShiftMask(6, 6, kWindow, 1, windows.options());
  const auto table = tensors.at("relative_position_bias_table").to(at::kDouble);
  for (bool masked : {false, true}) {
    const at::Tensor qkv = (windows.to(at::kDouble).matmul(tensors.at("qkv.weight").to(at::kDouble).t()) +
                            tensors.at("qkv.bias").to(at::kDouble))
                               .view({kBatch, kWindows, kCells, 3, kHeads, kHeadChannels});
    at::Tensor attended = at::zeros_like(windows, at::kDouble);
    for (int64_t w = 0; w < kWindows; ++w) {
      for (int64_t head = 0; head < kHeads; ++head) {
        for (int64_t i = 0; i < kCells; ++i) {
          std::vector<at::Tensor> weights;  // [batch] a key
          at::Tensor total = at::zeros({kBatch}, at::kDouble);
          for (int64_t j = 0; j < kCells; ++j) {
            const int64_t row = (i / 3 - j / 3 + 2) * 5 + i % 3 - j % 3 + 2;
            const at::Tensor query = qkv.select(1, w).select(1, i).select(1, 0).select(1, head);
            const at::Tensor key = qkv.select(1, w).select(1, j).select(1, 1).select(1, head);
            at::Tensor score = (query * key).sum(1) / 2 + table[row][head];
            if (masked) score = score + mask[w][0][i][j].item<double>();
            weights.push_back(score.exp());
            total = total + weights.back();
          }
          at::Tensor out = attended.select(1, w).select(1, i).narrow(1, head * kHeadChannels, kHeadChannels);
          for (int64_t j = 0; j < kCells; ++j) {
            const at::Tensor value = qkv.select(1, w).select(1, j).select(1, 2).select(1, head);
            out += (weights[j] / total).unsqueeze(1) * value;
          }
        }
      }
    }
    const at::Tensor expected =
        attended.matmul(tensors.at("proj.weight").to(at::kDouble).t()) + tensors.at("proj.bias").to(at::kDouble);
    EXPECT_TRUE(testing::Near(attention.Forward(windows, masked ? mask : at::Tensor()), expected, 1e-5)) << masked;
  }
}

}  // namespace
}  // namespace grouppose
