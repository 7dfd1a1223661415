#include "grouppose/backbone/resnet50.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

// A convolution and the frozen batch norm behind it, two siblings in the official tree.
class ConvolutionAndNorm {
 public:
  ConvolutionAndNorm(nn::Conv2d* convolution, nn::FrozenBatchNorm* norm) : convolution_(convolution), norm_(norm) {}

  at::Tensor Forward(const at::Tensor& input) const {
    const nn::FrozenBatchNorm::Affine affine = norm_->AsAffine();
    return convolution_->ForwardScaled(input, affine.scale, affine.shift);
  }

 private:
  nn::Conv2d* convolution_;
  nn::FrozenBatchNorm* norm_;
};

nn::Conv2dOptions Convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation = 1) {
  nn::Conv2dOptions options;
  options.in = in;
  options.out = out;
  options.kernel = kernel;
  options.stride = stride;
  options.padding = dilation * (kernel / 2);
  options.dilation = dilation;
  options.bias = false;
  return options;
}

// 1x1, 3x3, 1x1 with a shortcut around them.
class Bottleneck : public nn::Module {
 public:
  Bottleneck(int64_t in, int64_t width, int64_t stride, int64_t dilation)
      : reduce_(AddPair("conv1", "bn1", Convolution(in, width, 1, 1))),
        middle_(AddPair("conv2", "bn2", Convolution(width, width, 3, stride, dilation))),
        expand_(AddPair("conv3", "bn3", Convolution(width, kExpansion * width, 1, 1))) {
    if (stride == 1 && in == kExpansion * width) return;
    shortcut_ = std::make_unique<ConvolutionAndNorm>(
        AddPair("downsample.0", "downsample.1", Convolution(in, kExpansion * width, 1, stride)));
  }

  at::Tensor Forward(const at::Tensor& input) const {
    const at::Tensor inner = expand_.Forward(at::relu(middle_.Forward(at::relu(reduce_.Forward(input)))));
    return at::relu(inner + (shortcut_ == nullptr ? input : shortcut_->Forward(input)));
  }

  static constexpr int64_t kExpansion = 4;

 private:
  ConvolutionAndNorm AddPair(const std::string& convolution, const std::string& norm,
                             const nn::Conv2dOptions& options) {
    return {Add(convolution, std::make_unique<nn::Conv2d>(options)),
            Add(norm, std::make_unique<nn::FrozenBatchNorm>(options.out))};
  }

  ConvolutionAndNorm reduce_, middle_, expand_;
  std::unique_ptr<ConvolutionAndNorm> shortcut_;
};

class ResNet50 : public Backbone {
 public:
  explicit ResNet50(const ResNet50Options& options) : options_(options) {
    GROUPPOSE_CHECK(std::is_sorted(options.output_stages.begin(), options.output_stages.end()) &&
                        !options.output_stages.empty() && options.output_stages.front() >= 0 &&
                        options.output_stages.back() < kStages,
                    "expected ascending output stages from 0 to ", kStages - 1);
    stem_ =
        std::make_unique<ConvolutionAndNorm>(Add("body.conv1", std::make_unique<nn::Conv2d>(Convolution(3, 64, 7, 2))),
                                             Add("body.bn1", std::make_unique<nn::FrozenBatchNorm>(64)));
    // blocks of layer1 ... layer4
    constexpr int64_t kBlocks[] = {3, 4, 6, 3};
    int64_t in = 64;
    for (int64_t stage = 0; stage < kStages; ++stage) {
      const int64_t width = 64 << stage;
      std::vector<Bottleneck*> blocks;
      for (int64_t i = 0; i < kBlocks[stage]; ++i) {
        const std::string name = "body.layer" + std::to_string(stage + 1) + "." + std::to_string(i);
        const bool dilated = options.dilation && stage + 1 == kStages;
        const int64_t stride = i == 0 && stage > 0 && !dilated ? 2 : 1;
        // the first block sees the cells as the strided one would
        blocks.push_back(Add(name, std::make_unique<Bottleneck>(in, width, stride, dilated && i > 0 ? 2 : 1)));
        in = Bottleneck::kExpansion * width;
      }
      stages_.push_back(std::move(blocks));
    }
    for (const nn::NamedTensor& named : Parameters()) {
      if (named.name.rfind("body.conv1.", 0) == 0 || named.name.rfind("body.layer1.", 0) == 0) {
        at::Tensor(named.tensor).set_requires_grad(false);
      }
    }
  }

  std::vector<at::Tensor> Forward(const at::Tensor& images) override {
    at::Tensor x = at::max_pool2d(at::relu(stem_->Forward(images)), /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
    std::vector<at::Tensor> levels;
    for (int64_t stage = 0; stage < kStages; ++stage) {
      for (const Bottleneck* block : stages_[stage]) x = block->Forward(x);
      for (int64_t wanted : options_.output_stages) {
        if (stage == wanted) levels.push_back(x);
      }
    }
    return levels;
  }

  std::vector<int64_t> channels() const override {
    std::vector<int64_t> channels;
    for (int64_t stage : options_.output_stages) channels.push_back((64 << stage) * Bottleneck::kExpansion);
    return channels;
  }

  std::vector<int64_t> strides() const override {
    std::vector<int64_t> strides;
    for (int64_t stage : options_.output_stages) {
      strides.push_back(4 << (options_.dilation && stage + 1 == kStages ? stage - 1 : stage));
    }
    return strides;
  }

 private:
  static constexpr int64_t kStages = 4;

  ResNet50Options options_;
  std::unique_ptr<ConvolutionAndNorm> stem_;
  std::vector<std::vector<Bottleneck*>> stages_;
};

}  // namespace

std::unique_ptr<Backbone> MakeResNet50(const ResNet50Options& options) { return std::make_unique<ResNet50>(options); }

}  // namespace grouppose
