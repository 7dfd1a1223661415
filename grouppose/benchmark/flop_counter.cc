#include "grouppose/benchmark/flop_counter.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "base/check.h"

namespace grouppose {
namespace {

// What the thread's counter has seen.
struct Count {
  bool active = false;
  int64_t flops = 0;
  // Our own operators call themselves below autograd: calls of them that are running.
  int64_t own_depth = 0;
};
thread_local Count count;

// An operator's operands, by position.
class Operands {
 public:
  explicit Operands(const at::RecordFunction& function) : inputs_(function.inputs()) {}
  const at::Tensor& Tensor(size_t i) const { return inputs_[i].toTensor(); }
  int64_t Int(size_t i) const { return inputs_[i].toInt(); }
  bool OutputAsked(size_t mask, size_t i) const { return inputs_[mask].toBoolList().get(i); }
  std::vector<int64_t> Sizes(size_t i) const { return inputs_[i].toIntVector(); }

 private:
  c10::ArrayRef<const c10::IValue> inputs_;
};

// Each output pixel takes, for each of its channels, one multiply-add for each weight of that channel.
int64_t ConvolutionFlops(int64_t output_numel, const at::Tensor& weight) {
  return 2 * output_numel * (weight.numel() / weight.size(0));
}

// aten::convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
int64_t Convolution(const Operands& operands) {
  const at::Tensor &input = operands.Tensor(0), &weight = operands.Tensor(1);
  const std::vector<int64_t> stride = operands.Sizes(3), padding = operands.Sizes(4), dilation = operands.Sizes(5);
  int64_t output = input.size(0) * weight.size(0);
  for (int64_t i = 0; i + 2 < input.dim(); ++i) {
    // one number may stand for all directions
    const auto of = [i](const std::vector<int64_t>& sizes) { return sizes.size() == 1 ? sizes[0] : sizes[i]; };
    output *= (input.size(i + 2) + 2 * of(padding) - of(dilation) * (weight.size(i + 2) - 1) - 1) / of(stride) + 1;
  }
  return ConvolutionFlops(output, weight);
}

// aten::convolution_backward(grad_output, input, weight, ..., output_mask [input, weight, bias])
int64_t ConvolutionBackward(const Operands& operands) {
  constexpr size_t kOutputMask = 10;
  const int64_t one = ConvolutionFlops(operands.Tensor(0).numel(), operands.Tensor(2));
  return one * (operands.OutputAsked(kOutputMask, 0) + operands.OutputAsked(kOutputMask, 1));
}

// Every sample mixes four pixels of value [batch, size, heads, channels]; `weights` has one number a sample.
int64_t DeformableFlops(const at::Tensor& value, const at::Tensor& weights) {
  return 2 * 4 * weights.numel() * value.size(3);
}

// One product of every token with the others of its sequence; packed is [batch, instances, keypoints, 3 hidden].
int64_t GroupAttentionProductFlops(const at::Tensor& packed, int64_t along) {
  return 2 * (packed.numel() / 3) * packed.size(along);
}

using Formula = int64_t (*)(const Operands&);

// Those that call themselves below autograd.
bool CallsItself(const std::string& name) {
  return name == "grouppose::ms_deform_attn" || name == "grouppose::ms_deform_attn_fused" ||
         name == "grouppose::group_attention";
}

// Linear layers, matmul and attention by hand arrive as the products that they consist of.
const std::unordered_map<std::string, Formula>& Formulae() {
  static const auto& formulae = *new std::unordered_map<std::string, Formula>{
      {"aten::mm", [](const Operands& in) { return 2 * in.Tensor(0).numel() * in.Tensor(1).size(1); }},
      {"aten::addmm", [](const Operands& in) { return 2 * in.Tensor(1).numel() * in.Tensor(2).size(1); }},
      {"aten::bmm", [](const Operands& in) { return 2 * in.Tensor(0).numel() * in.Tensor(1).size(2); }},
      {"aten::baddbmm", [](const Operands& in) { return 2 * in.Tensor(1).numel() * in.Tensor(2).size(2); }},
      {"aten::convolution", Convolution},
      {"aten::convolution_backward", ConvolutionBackward},
      // scores and weighted sum
      {"aten::_scaled_dot_product_flash_attention_for_cpu",
       [](const Operands& in) { return 4 * in.Tensor(0).numel() * in.Tensor(1).size(2); }},
      // scores once more, then the gradients of scores, queries, keys and values
      {"aten::_scaled_dot_product_flash_attention_for_cpu_backward",
       [](const Operands& in) { return 10 * in.Tensor(1).numel() * in.Tensor(2).size(2); }},
      {"grouppose::group_attention",
       [](const Operands& in) { return 2 * GroupAttentionProductFlops(in.Tensor(0), in.Int(2)); }},
      {"grouppose::group_attention_backward",
       [](const Operands& in) { return 5 * GroupAttentionProductFlops(in.Tensor(1), in.Int(3)); }},
      {"grouppose::ms_deform_attn", [](const Operands& in) { return DeformableFlops(in.Tensor(0), in.Tensor(4)); }},
      {"grouppose::ms_deform_attn_fused",
       [](const Operands& in) { return DeformableFlops(in.Tensor(0), in.Tensor(5)); }},
      // to the four pixels of each sample, and products with them for the gradients of place and weight
      {"grouppose::ms_deform_attn_backward",
       [](const Operands& in) { return 2 * DeformableFlops(in.Tensor(1), in.Tensor(5)); }},
      {"grouppose::ms_deform_attn_fused_backward",
       [](const Operands& in) { return 2 * DeformableFlops(in.Tensor(1), in.Tensor(6)); }},
  };
  return formulae;
}

std::unique_ptr<at::ObserverContext> Enter(const at::RecordFunction& function) {
  const auto formula = Formulae().find(function.name());
  if (!count.active || formula == Formulae().end()) return nullptr;
  if (CallsItself(formula->first) && count.own_depth++ > 0) return nullptr;
  count.flops += formula->second(Operands(function));
  return nullptr;
}

void Leave(const at::RecordFunction& function, at::ObserverContext*) {
  if (count.active && CallsItself(function.name())) --count.own_depth;
}

}  // namespace

FlopCounter::FlopCounter() {
  GROUPPOSE_CHECK(!count.active, "this thread counts already");
  count = Count();
  count.active = true;
  handle_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(Enter, Leave).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}

FlopCounter::~FlopCounter() {
  at::removeCallback(handle_);
  count.active = false;
}

int64_t FlopCounter::flops() const { return count.flops; }

}  // namespace grouppose
