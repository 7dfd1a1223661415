#include "grouppose/benchmark/step_benchmark.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <sys/resource.h>

#include <chrono>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "grouppose/benchmark/flop_counter.h"
#include "grouppose/data/targets.h"
#include "grouppose/model/postprocess.h"

namespace grouppose {
namespace {

using Clock = std::chrono::steady_clock;

// Times the stages of iterations, or counts their operations, as BeginIteration is told.
class Recorder {
 public:
  void BeginIteration(bool count, bool time) {
    if (count) counter_.emplace();
    timing_ = time;
    next_ = 0;
    start_ = Clock::now();
  }

  void EndIteration() {
    if (timing_) result_.seconds.push_back(SecondsSince(start_));
    counter_.reset();
  }

  template <typename Function>
  auto Stage(const std::string& name, const Function& function) {
    if (next_ == result_.stages.size()) result_.stages.push_back({name, {}, 0});
    StageTimes& stage = result_.stages[next_++];
    GROUPPOSE_CHECK(stage.name == name, "stage ", name, " where ", stage.name, " was");
    const int64_t flops_before = counter_.has_value() ? counter_->flops() : 0;
    const Clock::time_point start = Clock::now();
    auto value = function();
    if (timing_) stage.seconds.push_back(SecondsSince(start));
    if (counter_.has_value()) stage.flops = counter_->flops() - flops_before;
    return value;
  }

  StepBenchmark Take() {
    result_.threads = at::get_num_threads();
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    result_.peak_rss_bytes = static_cast<int64_t>(usage.ru_maxrss) * 1024;  // Linux counts kibibytes
    return std::move(result_);
  }

 private:
  static double SecondsSince(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  StepBenchmark result_;
  std::optional<FlopCounter> counter_;
  bool timing_ = false;
  size_t next_ = 0;
  Clock::time_point start_;
};

at::Generator Seeded() { return at::detail::createCPUGenerator(/*seed_val=*/1); }

at::Tensor Noise(const StepBenchmarkOptions& options) {
  return at::randn({options.batch, 3, options.height, options.width}, Seeded(), at::TensorOptions());
}

// Persons of a fifth to a half of the image, all joints labelled.
Targets RandomPersons(const StepBenchmarkOptions& options, int64_t keypoints) {
  at::Generator generator = Seeded();
  const auto uniform = [&](int64_t rows, int64_t columns) {
    return at::rand({rows, columns}, generator, at::TensorOptions());
  };
  Targets targets;
  for (int64_t image = 0; image < options.batch; ++image) {
    const int64_t persons = options.persons;
    const at::Tensor size = uniform(persons, 2) * 0.3 + 0.2, corner = uniform(persons, 2) * 0.5;
    const at::Tensor places =
        corner.unsqueeze(1) + size.unsqueeze(1) * uniform(persons, keypoints * 2).view({persons, keypoints, 2});
    ImageTargets of_image;
    of_image.labels = at::ones({persons}, at::kLong);
    of_image.boxes = at::cat({corner + size / 2, size}, 1);
    of_image.keypoints = at::cat({places.flatten(1), at::ones({persons, keypoints})}, 1);
    of_image.area = size.select(1, 0) * size.select(1, 1);
    targets.push_back(std::move(of_image));
  }
  return targets;
}

// The model's Forward, a stage at a time.
ModelOutputs Forward(const at::Tensor& images, GroupPose* model, Recorder* recorder) {
  Transformer& transformer = model->transformer();
  const auto features = recorder->Stage("backbone", [&] { return model->Features(images); });
  const auto levels = recorder->Stage("projection", [&] { return model->Project(features); });
  const Memory memory = recorder->Stage("encoder", [&] { return transformer.Encode(levels, /*masks=*/{}); });
  const SelectedQueries selected = recorder->Stage("selection", [&] { return transformer.Select(memory); });
  ModelOutputs outputs;
  outputs.intermediate = {selected.logits, selected.pose.flatten(2)};
  const int64_t layers = model->options().transformer.decoder_layers;
  if (layers == 0) return outputs;
  const DecoderOutputs decoded = recorder->Stage("decoder", [&] { return transformer.Decode(memory, selected); });
  recorder->Stage("heads", [&] {
    for (int64_t i = 0; i + 1 < layers; ++i) outputs.auxiliary.push_back(model->Predict(decoded, i));
    outputs.final = model->Predict(decoded, layers - 1);
    return true;
  });
  return outputs;
}

// Runs `iteration` with warm-up, counting in its first run.
absl::StatusOr<StepBenchmark> Measure(const StepBenchmarkOptions& options,
                                      const std::function<absl::Status(Recorder*)>& iteration) {
  GROUPPOSE_CHECK(options.warmup > 0 && options.iterations > 0, options.warmup, " iterations of warm-up, ",
                  options.iterations, " timed");
  Recorder recorder;
  for (int64_t i = 0; i < options.warmup + options.iterations; ++i) {
    recorder.BeginIteration(/*count=*/i == 0, /*time=*/i >= options.warmup);
    const absl::Status status = iteration(&recorder);
    recorder.EndIteration();
    RETURN_IF_ERROR(status);
    if (options.on_progress) options.on_progress(i + 1);
  }
  return recorder.Take();
}

}  // namespace

int64_t StepBenchmark::flops() const {
  int64_t sum = 0;
  for (const StageTimes& stage : stages) sum += stage.flops;
  return sum;
}

StepBenchmark MeasureInference(const StepBenchmarkOptions& options, GroupPose* model) {
  const at::NoGradGuard no_grad;
  model->SetTraining(false);
  const at::Tensor images = Noise(options);
  at::Tensor sizes = at::ones({options.batch, 2});
  sizes.select(1, 0).fill_(options.height);
  sizes.select(1, 1).fill_(options.width);
  const absl::StatusOr<StepBenchmark> result = Measure(options, [&](Recorder* recorder) {
    const ModelOutputs outputs = Forward(images, model, recorder);
    if (outputs.final.logits.defined()) {
      recorder->Stage("postprocess", [&] { return PostProcess(outputs.final, sizes, options.num_select); });
    }
    return absl::OkStatus();
  });
  return *result;  // nothing above fails
}

absl::StatusOr<StepBenchmark> MeasureTraining(const StepBenchmarkOptions& options, const loss::CriterionOptions& loss,
                                              const train::AdamWOptions& optimizer_options, GroupPose* model) {
  model->SetTraining(true);
  const at::Tensor images = Noise(options);
  const Targets targets = RandomPersons(options, model->options().transformer.num_keypoints);
  train::AdamW optimizer(model->Parameters(), optimizer_options);
  return Measure(options, [&](Recorder* recorder) -> absl::Status {
    optimizer.ZeroGradients();
    const ModelOutputs outputs = Forward(images, model, recorder);
    ASSIGN_OR_RETURN(const loss::Losses losses, recorder->Stage("loss", [&] {
      return loss::ComputeLosses(loss, outputs, targets, static_cast<double>(loss::NumPersons(targets)));
    }));
    recorder->Stage("backward", [&] {
      losses.total.backward();
      return true;
    });
    return recorder->Stage("update", [&] { return optimizer.Step(/*learning_rate_factor=*/1); }).status();
  });
}

}  // namespace grouppose
