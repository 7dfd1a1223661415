#include "ablations/cost/measure.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <chrono>
#include <utility>

#include "ablations/cost/formulae.h"
#include "ablations/cost/parts.h"
#include "ablations/cost/tensor_memory.h"
#include "base/check.h"
#include "base/machine.h"
#include "base/statistics.h"
#include "grouppose/attention/scheme.h"

namespace grouppose::cost {
namespace {

using experiments::Cost;

class Stopwatch {
 public:
  double wall_seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_start_).count();
  }
  double cpu_seconds() const { return base::CpuSeconds() - cpu_start_; }

 private:
  std::chrono::steady_clock::time_point wall_start_ = std::chrono::steady_clock::now();
  double cpu_start_ = base::CpuSeconds();
};

// One direction through a part of one scheme, round by round.
struct Timings {
  void Add(const Stopwatch& watch) {
    cpu.push_back(watch.cpu_seconds());
    wall.push_back(watch.wall_seconds());
  }
  std::vector<double> wall, cpu;
};

Cost::Quartiles QuartilesOf(const std::vector<double>& values) {
  Cost::Quartiles quartiles;
  quartiles.set_first(base::Quantile(values, 0.25));
  quartiles.set_median(base::Median(values));
  quartiles.set_third(base::Quantile(values, 0.75));
  return quartiles;
}

// A part with one scheme, and what was measured of it so far.
class Subject {
 public:
  Subject(PartKind kind, const TransformerOptions& options, const DecoderInputs& inputs)
      : part_(MakePart(kind, options, inputs)) {}

  // Not timed: it warms up.
  void Infer() {
    const TensorMemory memory;
    const at::NoGradGuard no_grad;
    SetTraining(false);
    part_.forward();
    SetTraining(true);
    result_.set_inference_peak_bytes(memory.peak_bytes());
  }

  // Listening to the allocator costs some 0.1 us an allocation, of which a pass makes tens.
  void RunOnce() {
    part_.ForgetGradients();
    TensorMemory memory;
    const Stopwatch forward;
    const std::vector<at::Tensor> outputs = part_.forward();
    forward_.Add(forward);
    result_.mutable_forward()->set_peak_bytes(memory.peak_bytes());
    memory.RestartPeak();
    const Stopwatch backward;
    part_.Backward(outputs);
    backward_.Add(backward);
    result_.mutable_backward()->set_peak_bytes(memory.peak_bytes());
  }

  // Gradients are not kept while other schemes run.
  void Rest() { part_.ForgetGradients(); }

  double TotalWallSeconds() const { return Total(forward_.wall) + Total(backward_.wall); }
  double TotalCpuSeconds() const { return Total(forward_.cpu) + Total(backward_.cpu); }

  Cost::Part Result() const {
    Cost::Part result = result_;
    for (const auto& [pass, timings] :
         {std::pair(result.mutable_forward(), &forward_), std::pair(result.mutable_backward(), &backward_)}) {
      *pass->mutable_wall_seconds() = QuartilesOf(timings->wall);
      *pass->mutable_cpu_seconds() = QuartilesOf(timings->cpu);
    }
    int64_t parameters = 0;
    for (const nn::NamedTensor& named : part_.parameters) parameters += named.tensor.numel();
    result.set_parameters(parameters);
    return result;
  }

 private:
  static double Total(const std::vector<double>& values) {
    double total = 0;
    for (double value : values) total += value;
    return total;
  }
  void SetTraining(bool training) {
    for (const std::unique_ptr<nn::Module>& module : part_.modules) module->SetTraining(training);
  }

  Part part_;
  Cost::Part result_;
  Timings forward_, backward_;
};

// What all parts share.
struct Measurement {
  const CostOptions& options;
  const std::vector<std::string>& schemes;
  DecoderInputs inputs;
  double wall_seconds = 0, cpu_seconds = 0;
};

struct PartResults {
  std::vector<Cost::Part> of_scheme;
  int64_t rounds = 0;
};

PartResults MeasurePart(PartKind kind, Measurement* measurement) {
  const CostOptions& options = measurement->options;
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const std::string& scheme : measurement->schemes) {
    TransformerOptions transformer = options.transformer;
    transformer.attention_scheme = scheme;
    subjects.push_back(std::make_unique<Subject>(kind, transformer, measurement->inputs));
    subjects.back()->Infer();
  }
  PartResults results;
  const Stopwatch watch;
  // by CPU time: a busy machine makes it longer, not less
  while (results.rounds < options.least_rounds || watch.cpu_seconds() < options.seconds_per_part * options.threads) {
    for (size_t i = 0; i < subjects.size(); ++i) {
      Subject& subject = *subjects[(i + results.rounds) % subjects.size()];
      subject.RunOnce();
      subject.Rest();
    }
    ++results.rounds;
  }
  for (const auto& subject : subjects) {
    results.of_scheme.push_back(subject->Result());
    measurement->wall_seconds += subject->TotalWallSeconds();
    measurement->cpu_seconds += subject->TotalCpuSeconds();
  }
  return results;
}

Cost::Setting SettingOf(const CostOptions& options, int64_t memory_tokens) {
  const TransformerOptions& transformer = options.transformer;
  Cost::Setting setting;
  setting.set_batch(options.batch);
  setting.set_num_queries(transformer.num_queries);
  setting.set_num_body_points(transformer.num_keypoints);
  setting.set_hidden_dim(transformer.hidden_dim);
  setting.set_num_heads(transformer.num_heads);
  setting.set_feedforward_dim(transformer.feedforward_dim);
  setting.set_decoder_layers(transformer.decoder_layers);
  setting.set_num_feature_levels(transformer.num_levels);
  setting.set_decoder_points(transformer.decoder_points);
  setting.set_image_height(options.image_height);
  setting.set_image_width(options.image_width);
  setting.set_memory_tokens(memory_tokens);
  return setting;
}

// The counted half of a scheme: nothing here is measured.
void Count(const TransformerOptions& options, int64_t memory_tokens, Cost::Scheme* result) {
  const auto factory = FindAttentionScheme(result->name());
  GROUPPOSE_CHECK(factory.ok(), factory.status().ToString());
  const auto scheme = (*factory)({options.hidden_dim, options.num_heads, options.dropout});
  const int64_t pairs = scheme->AttentionPairs(options.num_queries, options.num_keypoints);
  result->mutable_attention_block()->set_attention_pairs(pairs);
  result->mutable_decoder_layer()->set_attention_pairs(pairs);
  result->mutable_decoder()->set_attention_pairs(pairs * options.decoder_layers);
  result->mutable_attention_block()->set_flops(scheme->Flops(options.num_queries, options.num_keypoints));
  result->mutable_decoder_layer()->set_flops(DecoderLayerFlops(options, *scheme, memory_tokens));
  result->mutable_decoder()->set_flops(DecoderFlops(options, *scheme, memory_tokens));
}

}  // namespace

LevelSizes LevelSizesOf(const CostOptions& options) {
  const auto divide = [](int64_t size, int64_t stride) { return (size + stride - 1) / stride; };
  LevelSizes sizes;
  for (int64_t stride : options.backbone_strides) {
    sizes.emplace_back(divide(options.image_height, stride), divide(options.image_width, stride));
  }
  while (static_cast<int64_t>(sizes.size()) < options.transformer.num_levels) {
    sizes.emplace_back(divide(sizes.back().first, 2), divide(sizes.back().second, 2));
  }
  sizes.resize(options.transformer.num_levels);
  return sizes;
}

Cost MeasureCost(const CostOptions& options, const std::vector<std::string>& schemes) {
  at::set_num_threads(options.threads);
  Cost cost;
  Cost::Conditions* conditions = cost.mutable_conditions();
  conditions->set_threads(options.threads);
  conditions->set_processor(base::ProcessorName());
  conditions->set_torch_version(TORCH_VERSION);
  conditions->set_instruction_set(at::get_cpu_capability());
  conditions->set_load_average_at_start(base::LoadAverage());

  Measurement measurement{options, schemes,
                          MakeDecoderInputs(options.transformer, options.batch, LevelSizesOf(options))};
  const PartResults blocks = MeasurePart(PartKind::kAttentionBlock, &measurement);
  const PartResults layers = MeasurePart(PartKind::kDecoderLayer, &measurement);
  const PartResults decoders = MeasurePart(PartKind::kDecoder, &measurement);

  const int64_t memory_tokens = measurement.inputs.memory.size(1);
  *cost.mutable_setting() = SettingOf(options, memory_tokens);
  for (size_t i = 0; i < schemes.size(); ++i) {
    Cost::Scheme* scheme = cost.add_schemes();
    scheme->set_name(schemes[i]);
    *scheme->mutable_attention_block() = blocks.of_scheme[i];
    *scheme->mutable_decoder_layer() = layers.of_scheme[i];
    *scheme->mutable_decoder() = decoders.of_scheme[i];
    Count(options.transformer, memory_tokens, scheme);
  }
  conditions->set_attention_block_rounds(blocks.rounds);
  conditions->set_decoder_layer_rounds(layers.rounds);
  conditions->set_decoder_rounds(decoders.rounds);
  conditions->set_load_average_at_end(base::LoadAverage());
  conditions->set_cpu_share(measurement.cpu_seconds / measurement.wall_seconds / options.threads);
  return cost;
}

}  // namespace grouppose::cost
