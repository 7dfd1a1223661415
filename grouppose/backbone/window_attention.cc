#include "grouppose/backbone/window_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <memory>
#include <vector>

#include "base/check.h"

namespace grouppose {
namespace {

// Of a pair that must not attend; exp(-100) is nothing in float32. The official value: minus infinity would differ
// where the scores of a row differ by more than this.
constexpr double kMasked = -100;

// How the bias table starts, as in the official code.
constexpr double kBiasSigma = 0.02;

// Row of the bias table for every (query cell, key cell): rows of the table go through differences of rows and columns
// from 1 - window to window - 1.
at::Tensor RelativePositionIndex(int64_t window) {
  const int64_t cells = window * window, differences = 2 * window - 1;
  at::Tensor index = at::empty({cells, cells}, at::kLong);
  int64_t* out = index.mutable_data_ptr<int64_t>();
  for (int64_t query = 0; query < cells; ++query) {
    for (int64_t key = 0; key < cells; ++key) {
      const int64_t rows = query / window - key / window, columns = query % window - key % window;
      *out++ = (rows + window - 1) * differences + columns + window - 1;
    }
  }
  return index;
}

// Where a row of the rolled map comes from: 0 before the last window, 1 in its first part, 2 in the part that was
// rolled in from the other border.
int64_t Side(int64_t i, int64_t length, int64_t window, int64_t shift) {
  return i < length - window ? 0 : i < length - shift ? 1 : 2;
}

}  // namespace

at::Tensor CutWindows(const at::Tensor& map, int64_t window) {
  const int64_t batch = map.size(0), rows = map.size(1) / window, columns = map.size(2) / window;
  return map.view({batch, rows, window, columns, window, map.size(3)})
      .transpose(2, 3)
      .reshape({batch, rows * columns, window * window, map.size(3)});
}

at::Tensor JoinWindows(const at::Tensor& windows, int64_t window, int64_t height, int64_t width) {
  const int64_t batch = windows.size(0), channels = windows.size(3);
  return windows.view({batch, height / window, width / window, window, window, channels})
      .transpose(2, 3)
      .reshape({batch, height, width, channels});
}

at::Tensor ShiftMask(int64_t height, int64_t width, int64_t window, int64_t shift, const at::TensorOptions& options) {
  GROUPPOSE_CHECK(height % window == 0 && width % window == 0 && 0 < shift && shift < window, "a map of ", height,
                  " x ", width, ", windows of ", window, ", shift ", shift);
  at::Tensor sides = at::empty({1, height, width, 1}, at::kFloat);
  float* out = sides.mutable_data_ptr<float>();
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      *out++ = static_cast<float>(3 * Side(row, height, window, shift) + Side(column, width, window, shift));
    }
  }
  // [windows, cells, 1] against [windows, 1, cells]
  const at::Tensor cut = CutWindows(sides, window).squeeze(0).to(options.device());
  return (cut.ne(cut.transpose(1, 2)).to(options) * kMasked).unsqueeze(1);
}

WindowAttention::WindowAttention(int64_t channels, int64_t num_heads, int64_t window)
    : num_heads_(num_heads),
      cells_(window * window),
      bias_table_(AddParameter("relative_position_bias_table", {(2 * window - 1) * (2 * window - 1), num_heads},
                               nn::Init::Normal(kBiasSigma))),
      bias_index_(RelativePositionIndex(window)) {
  GROUPPOSE_CHECK(channels % num_heads == 0, channels, " channels do not divide into ", num_heads, " heads");
  AddTable("relative_position_index", bias_index_.clone());
  qkv_ = Add("qkv", std::make_unique<nn::Linear>(channels, 3 * channels));
  proj_ = Add("proj", std::make_unique<nn::Linear>(channels, channels));
}

at::Tensor WindowAttention::PositionBias() const {
  const at::Tensor index = bias_index_.to(bias_table_.device()).flatten();
  return at::index_select(bias_table_, 0, index).t().reshape({num_heads_, cells_, cells_});
}

at::Tensor WindowAttention::Forward(const at::Tensor& windows, const at::Tensor& mask) const {
  const int64_t batch = windows.size(0), count = windows.size(1), channels = windows.size(3);
  const int64_t head_channels = channels / num_heads_;
  const std::vector<at::Tensor> qkv = qkv_->Forward(windows)
                                          .view({batch, count, cells_, 3, num_heads_, head_channels})
                                          .permute({3, 0, 1, 4, 2, 5})
                                          .unbind(0);
  // [batch, windows, heads, cells, cells]
  at::Tensor scores = at::matmul(qkv[0] * (1 / std::sqrt(static_cast<double>(head_channels))), qkv[1].mT());
  scores += PositionBias();
  if (mask.defined()) scores += mask;
  const at::Tensor attended = at::matmul(at::softmax(scores, -1), qkv[2]);
  return proj_->Forward(attended.transpose(2, 3).reshape({batch, count, cells_, channels}));
}

}  // namespace grouppose
