#include "grouppose/backbone/swin.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/roll.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "grouppose/backbone/window_attention.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/drop_path.h"
#include "grouppose/nn/linear.h"
#include "grouppose/nn/module_list.h"
#include "grouppose/nn/normalisation.h"
#include "grouppose/nn/recomputation.h"

namespace grouppose {
namespace {

constexpr int64_t kStages = 4;
// Pixels along a side of what becomes one cell of the first stage.
constexpr int64_t kPatch = 4;
// Hidden channels of a feed-forward network, as a multiple of its own.
constexpr int64_t kExpansion = 4;

// What the variants differ in (table 7 of the paper).
struct Architecture {
  int64_t channels;  // of the first stage
  std::array<int64_t, kStages> blocks, heads;
  int64_t window;  // cells along a side
};

Architecture ArchitectureOf(SwinOptions::Variant variant) {
  constexpr Architecture kTiny = {96, {2, 2, 6, 2}, {3, 6, 12, 24}, 7};
  constexpr Architecture kBase = {128, {2, 2, 18, 2}, {4, 8, 16, 32}, 7};
  constexpr Architecture kLarge = {192, {2, 2, 18, 2}, {6, 12, 24, 48}, 7};
  const auto with_window_12 = [](Architecture architecture) {
    architecture.window = 12;
    return architecture;
  };
  switch (variant) {
    case SwinOptions::Variant::kT224In1k:
      return kTiny;
    case SwinOptions::Variant::kB224In22k:
      return kBase;
    case SwinOptions::Variant::kB384In22k:
      return with_window_12(kBase);
    case SwinOptions::Variant::kL224In22k:
      return kLarge;
    case SwinOptions::Variant::kL384In22k:
      return with_window_12(kLarge);
  }
  GROUPPOSE_CHECK(false, "no Swin variant ", static_cast<int>(variant));
  return kTiny;
}

// Zeros below and to the right of [batch, height, width, channels], until both sides are multiples of `unit`.
at::Tensor PadMap(const at::Tensor& map, int64_t unit) {
  const auto missing = [unit](int64_t length) { return (unit - length % unit) % unit; };
  const int64_t below = missing(map.size(1)), right = missing(map.size(2));
  return below + right == 0 ? map : at::constant_pad_nd(map, {0, 0, 0, right, 0, below});
}

nn::Conv2dOptions PatchConvolution(int64_t channels) {
  nn::Conv2dOptions options;
  options.in = 3;
  options.out = channels;
  options.kernel = options.stride = kPatch;
  options.weight_init = options.bias_init = nn::UniformByFanIn(3 * kPatch * kPatch);
  return options;
}

// Every patch becomes a vector.
class PatchEmbedding : public nn::Module {
 public:
  explicit PatchEmbedding(int64_t channels)
      : proj_(Add("proj", std::make_unique<nn::Conv2d>(PatchConvolution(channels)))),
        norm_(Add("norm", std::make_unique<nn::LayerNorm>(channels))) {}

  // [batch, 3, height, width] -> [batch, ceil(height / 4), ceil(width / 4), channels]
  at::Tensor Forward(const at::Tensor& images) const {
    const at::Tensor padded = PadMap(images.permute({0, 2, 3, 1}), kPatch).permute({0, 3, 1, 2});
    return norm_->Forward(proj_->Forward(padded).permute({0, 2, 3, 1}));
  }

 private:
  nn::Conv2d* proj_;
  nn::LayerNorm* norm_;
};

// Two linear layers with a GELU between them.
class FeedForward : public nn::Module {
 public:
  explicit FeedForward(int64_t channels)
      : fc1_(Add("fc1", std::make_unique<nn::Linear>(channels, kExpansion * channels))),
        fc2_(Add("fc2", std::make_unique<nn::Linear>(kExpansion * channels, channels))) {}

  at::Tensor Forward(const at::Tensor& input) const { return fc2_->Forward(at::gelu(fc1_->Forward(input))); }

 private:
  nn::Linear *fc1_, *fc2_;
};

// What is the same for all blocks of a stage.
struct StageShape {
  int64_t channels, num_heads, window;
};

// Attention inside windows and a feed-forward network, each in a residual branch with its norm in front.
class Block : public nn::Module {
 public:
  Block(const StageShape& shape, int64_t shift)
      : window_(shape.window),
        shift_(shift),
        norm1_(Add("norm1", std::make_unique<nn::LayerNorm>(shape.channels))),
        attention_(Add("attn", std::make_unique<WindowAttention>(shape.channels, shape.num_heads, shape.window))),
        norm2_(Add("norm2", std::make_unique<nn::LayerNorm>(shape.channels))),
        mlp_(Add("mlp", std::make_unique<FeedForward>(shape.channels))) {}

  //   map     [batch, height, width, channels]
  //   mask    of ShiftMask for the padded map
  //   scales  of DropPathScales, [2, batch]: of both branches
  at::Tensor Forward(const at::Tensor& map, const at::Tensor& mask, const at::Tensor& scales) const {
    const auto scale = [&](int64_t branch) { return scales.defined() ? scales.select(0, branch) : at::Tensor(); };
    const at::Tensor attended = map + nn::DropPath(Attend(norm1_->Forward(map), mask), scale(0));
    return attended + nn::DropPath(mlp_->Forward(norm2_->Forward(attended)), scale(1));
  }

 private:
  // Padding is part of the windows: it attends and is attended to as cells of zeros, as in the official code.
  at::Tensor Attend(const at::Tensor& map, const at::Tensor& mask) const {
    at::Tensor padded = PadMap(map, window_);
    const int64_t height = padded.size(1), width = padded.size(2);
    if (shift_ > 0) padded = at::roll(padded, {-shift_, -shift_}, {1, 2});
    const at::Tensor windows = attention_->Forward(CutWindows(padded, window_), shift_ > 0 ? mask : at::Tensor());
    at::Tensor joined = JoinWindows(windows, window_, height, width);
    if (shift_ > 0) joined = at::roll(joined, {shift_, shift_}, {1, 2});
    return joined.narrow(1, 0, map.size(1)).narrow(2, 0, map.size(2));
  }

  int64_t window_, shift_;
  nn::LayerNorm* norm1_;
  WindowAttention* attention_;
  nn::LayerNorm* norm2_;
  FeedForward* mlp_;
};

// Four neighbouring cells become one of twice the channels.
class PatchMerging : public nn::Module {
 public:
  explicit PatchMerging(int64_t channels)
      : reduction_(AddParameter("reduction.weight", {2 * channels, 4 * channels}, nn::UniformByFanIn(4 * channels))),
        norm_(Add("norm", std::make_unique<nn::LayerNorm>(4 * channels))) {}

  // [batch, height, width, channels] -> [batch, ceil(height / 2), ceil(width / 2), 2 channels]
  at::Tensor Forward(const at::Tensor& map) const {
    const at::Tensor padded = PadMap(map, 2);
    const auto every_second = [&](int64_t row, int64_t column) {
      return padded.slice(1, row, std::nullopt, 2).slice(2, column, std::nullopt, 2);
    };
    // upper left, lower left, upper right, lower right
    const at::Tensor four =
        at::cat({every_second(0, 0), every_second(1, 0), every_second(0, 1), every_second(1, 1)}, 3);
    return at::linear(norm_->Forward(four), reduction_);
  }

 private:
  at::Tensor reduction_;
  nn::LayerNorm* norm_;
};

// Blocks of one resolution; every second one is shifted by half a window.
class Stage : public nn::Module {
 public:
  Stage(const StageShape& shape, int64_t num_blocks, bool downsample, bool recompute)
      : window_(shape.window),
        recompute_(recompute),
        blocks_(Add("blocks", std::make_unique<nn::ModuleList<Block>>())) {
    for (int64_t i = 0; i < num_blocks; ++i) {
      blocks_->Append(std::make_unique<Block>(shape, i % 2 == 0 ? 0 : Shift()));
    }
    if (downsample) downsample_ = Add("downsample", std::make_unique<PatchMerging>(shape.channels));
  }

  int64_t num_blocks() const { return blocks_->size(); }

  // scales [2 * blocks, batch], undefined where no branch is dropped.
  at::Tensor Forward(at::Tensor map, const at::Tensor& scales) const {
    const auto padded = [&](int64_t length) { return (length + window_ - 1) / window_ * window_; };
    const at::Tensor mask = ShiftMask(padded(map.size(1)), padded(map.size(2)), window_, Shift(), map.options());
    for (int64_t i = 0; i < num_blocks(); ++i) {
      const Block& block = (*blocks_)[i];
      const at::Tensor own = scales.defined() ? scales.narrow(0, 2 * i, 2) : at::Tensor();
      const auto forward = [&block, mask, own](const at::Tensor& input) { return block.Forward(input, mask, own); };
      map = recompute_ ? nn::Recomputed(block, map, forward) : forward(map);
    }
    return map;
  }

  // For the next stage; the map itself where this stage has no merging.
  at::Tensor Downsample(const at::Tensor& map) const {
    return downsample_ == nullptr ? map : downsample_->Forward(map);
  }

 private:
  int64_t Shift() const { return window_ / 2; }

  int64_t window_;
  bool recompute_;
  nn::ModuleList<Block>* blocks_;
  PatchMerging* downsample_ = nullptr;
};

class SwinTransformer : public Backbone {
 public:
  explicit SwinTransformer(const SwinOptions& options) : options_(options) {
    const Architecture architecture = ArchitectureOf(options.variant);
    patch_embedding_ = Add("patch_embed", std::make_unique<PatchEmbedding>(architecture.channels));
    stages_ = Add("layers", std::make_unique<nn::ModuleList<Stage>>());
    for (int64_t stage = 0; stage < kStages; ++stage) {
      const bool downsample = stage + 1 < kStages && !(options.dilation && stage + 2 == kStages);
      stages_->Append(
          std::make_unique<Stage>(StageShape{ChannelsOf(stage), architecture.heads[stage], architecture.window},
                                  architecture.blocks[stage], downsample, options.gradient_checkpointing));
    }
    AddNorms();
    Freeze();
  }

  std::vector<at::Tensor> Forward(const at::Tensor& images) override {
    const at::Tensor scales = Scales(images);
    at::Tensor map = patch_embedding_->Forward(images);
    std::vector<at::Tensor> levels;
    int64_t first_block = 0;
    for (int64_t i = 0; i < kStages; ++i) {
      const Stage& stage = (*stages_)[i];
      const int64_t blocks = stage.num_blocks();
      map = stage.Forward(map, scales.defined() ? scales.narrow(0, 2 * first_block, 2 * blocks) : at::Tensor());
      if (norms_[i] != nullptr) levels.push_back(norms_[i]->Forward(map).permute({0, 3, 1, 2}).contiguous());
      map = stage.Downsample(map);
      first_block += blocks;
    }
    return levels;
  }

  std::vector<int64_t> channels() const override {
    std::vector<int64_t> channels;
    for (int64_t stage : options_.output_stages) channels.push_back(ChannelsOf(stage));
    return channels;
  }

  std::vector<int64_t> strides() const override {
    std::vector<int64_t> strides;
    for (int64_t stage : options_.output_stages) strides.push_back(kPatch << Halvings(stage));
    return strides;
  }

 private:
  // How often the map was halved before a stage.
  int64_t Halvings(int64_t stage) const { return options_.dilation && stage + 1 == kStages ? stage - 1 : stage; }
  int64_t ChannelsOf(int64_t stage) const { return ArchitectureOf(options_.variant).channels << Halvings(stage); }

  // One in front of every level.
  void AddNorms() {
    int64_t previous = -1;
    for (int64_t stage : options_.output_stages) {
      GROUPPOSE_CHECK(previous < stage && stage < kStages, "output stage ", stage, " behind ", previous,
                      "; expected ascending ones below ", kStages);
      norms_[stage] = Add("norm" + std::to_string(stage), std::make_unique<nn::LayerNorm>(ChannelsOf(stage)));
      previous = stage;
    }
  }

  void Freeze() {
    for (const nn::NamedTensor& named : Parameters()) {
      const auto in_name = [&](const std::string& keyword) { return named.name.find(keyword) != std::string::npos; };
      if (std::any_of(options_.freeze_keywords.begin(), options_.freeze_keywords.end(), in_name)) {
        at::Tensor(named.tensor).set_requires_grad(false);
      }
    }
  }

  // Of all residual branches in this pass: rows 2 i and 2 i + 1 are block i's.
  at::Tensor Scales(const at::Tensor& images) const {
    if (!training() || options_.drop_path_rate == 0) return {};
    int64_t blocks = 0;
    for (int64_t i = 0; i < kStages; ++i) blocks += (*stages_)[i].num_blocks();
    std::vector<double> probabilities;
    for (int64_t branch = 0; branch < 2 * blocks; ++branch) {
      const int64_t block = branch / 2;
      probabilities.push_back(options_.drop_path_rate * static_cast<double>(block) / static_cast<double>(blocks - 1));
    }
    return nn::DropPathScales(probabilities, images.size(0)).to(images.device());
  }

  SwinOptions options_;
  PatchEmbedding* patch_embedding_ = nullptr;
  nn::ModuleList<Stage>* stages_ = nullptr;
  std::array<nn::LayerNorm*, kStages> norms_ = {};
};

}  // namespace

std::unique_ptr<Backbone> MakeSwin(const SwinOptions& options) { return std::make_unique<SwinTransformer>(options); }

}  // namespace grouppose
