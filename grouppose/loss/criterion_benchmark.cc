// Time of the whole criterion (matching, losses, gradients) and its backward pass, one thread.
//
//   ./bazelw run //grouppose/loss:criterion_benchmark
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "grouppose/loss/criterion.h"
#include "grouppose/loss/test_batch.h"

namespace grouppose::loss {
namespace {

// images, queries, decoder layers, persons an image
void BM_Criterion(benchmark::State& state) {
  constexpr int64_t kBodyPoints = 17;
  const int64_t images = state.range(0), queries = state.range(1), layers = state.range(2), persons = state.range(3);
  CriterionOptions options;
  options.matcher.sigmas.assign(kBodyPoints, 0.07);
  ModelOutputs outputs;
  auto predict = [&](const std::string& name, int64_t values) {
    PosePrediction prediction = RandomPrediction(name, images, queries, values, at::kFloat);
    prediction.logits.set_requires_grad(true);
    prediction.keypoints.set_requires_grad(true);
    return prediction;
  };
  outputs.final = predict("final", 3 * kBodyPoints);
  for (int64_t i = 1; i < layers; ++i) outputs.auxiliary.push_back(predict(std::to_string(i), 3 * kBodyPoints));
  outputs.intermediate = predict("intermediate", 2 * kBodyPoints);
  Targets targets;
  for (int64_t i = 0; i < images; ++i) targets.push_back(RandomPersons(std::to_string(i), persons, kBodyPoints));

  for (auto _ : state) {
    const auto losses = ComputeLosses(options, outputs, targets, static_cast<double>(NumPersons(targets)));
    GROUPPOSE_CHECK(losses.ok(), losses.status());
    losses->total.backward();
  }
}

// the tiny model of the studies; the published model with as many persons as COCO has on average; the same in a crowd
BENCHMARK(BM_Criterion)
    ->ArgNames({"images", "queries", "layers", "persons"})
    ->Args({8, 16, 2, 2})
    ->Args({2, 100, 6, 4})
    ->Args({2, 100, 6, 30})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace grouppose::loss
