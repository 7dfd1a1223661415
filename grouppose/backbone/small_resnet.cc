#include "grouppose/backbone/small_resnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>

#include <string>
#include <utility>

#include "base/check.h"
#include "grouppose/nn/convolution.h"
#include "grouppose/nn/normalisation.h"

namespace grouppose {
namespace {

// A convolution without bias and the group norm behind it.
struct ConvolutionAndNorm {
  nn::Conv2d* convolution = nullptr;
  nn::GroupNorm* norm = nullptr;

  at::Tensor Forward(const at::Tensor& input) const { return norm->Forward(convolution->Forward(input)); }
};

nn::Conv2dOptions Convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
  nn::Conv2dOptions options;
  options.in = in;
  options.out = out;
  options.kernel = kernel;
  options.stride = stride;
  options.padding = kernel / 2;
  options.bias = false;
  return options;
}

// Two 3x3 convolutions with a shortcut around them.
class BasicBlock : public nn::Module {
 public:
  BasicBlock(int64_t in, int64_t out, int64_t stride, int64_t groups) {
    first_ = AddPair("conv1", "norm1", Convolution(in, out, 3, stride), groups);
    second_ = AddPair("conv2", "norm2", Convolution(out, out, 3, 1), groups);
    if (stride != 1 || in != out) {
      shortcut_ = AddPair("downsample.0", "downsample.1", Convolution(in, out, 1, stride), groups);
    }
  }

  at::Tensor Forward(const at::Tensor& input) const {
    const at::Tensor inner = second_.Forward(at::relu(first_.Forward(input)));
    return at::relu(inner + (shortcut_.convolution == nullptr ? input : shortcut_.Forward(input)));
  }

 private:
  ConvolutionAndNorm AddPair(const std::string& convolution, const std::string& norm, const nn::Conv2dOptions& options,
                             int64_t groups) {
    return {Add(convolution, std::make_unique<nn::Conv2d>(options)),
            Add(norm, std::make_unique<nn::GroupNorm>(groups, options.out))};
  }

  ConvolutionAndNorm first_, second_, shortcut_;
};

class SmallResNet : public Backbone {
 public:
  explicit SmallResNet(const SmallResNetOptions& options) : options_(options) {
    GROUPPOSE_CHECK(options.blocks_per_stage >= 1, "a stage needs a block, got ", options.blocks_per_stage);
    stem_ = {Add("body.conv1", std::make_unique<nn::Conv2d>(Convolution(3, options.stem_channels, 3, 2))),
             Add("body.norm1", std::make_unique<nn::GroupNorm>(options.groups, options.stem_channels))};
    int64_t in = options.stem_channels;
    for (size_t stage = 0; stage < options.stage_channels.size(); ++stage) {
      std::vector<BasicBlock*> blocks;
      for (int64_t i = 0; i < options.blocks_per_stage; ++i) {
        const std::string name = "body.layer" + std::to_string(stage + 1) + "." + std::to_string(i);
        const int64_t out = options.stage_channels[stage];
        blocks.push_back(Add(name, std::make_unique<BasicBlock>(in, out, i == 0 ? 2 : 1, options.groups)));
        in = out;
      }
      stages_.push_back(std::move(blocks));
    }
  }

  std::vector<at::Tensor> Forward(const at::Tensor& images) override {
    at::Tensor x = at::relu(stem_.Forward(images));
    std::vector<at::Tensor> levels;
    for (const std::vector<BasicBlock*>& blocks : stages_) {
      for (const BasicBlock* block : blocks) x = block->Forward(x);
      levels.push_back(x);
    }
    return levels;
  }

  std::vector<int64_t> channels() const override { return options_.stage_channels; }

  std::vector<int64_t> strides() const override {
    std::vector<int64_t> strides;
    for (size_t stage = 0; stage < stages_.size(); ++stage) strides.push_back(int64_t{4} << stage);
    return strides;
  }

 private:
  SmallResNetOptions options_;
  ConvolutionAndNorm stem_;
  std::vector<std::vector<BasicBlock*>> stages_;
};

}  // namespace

std::unique_ptr<Backbone> MakeSmallResNet(const SmallResNetOptions& options) {
  return std::make_unique<SmallResNet>(options);
}

}  // namespace grouppose
