// A small program on Google Benchmark for the tests: one benchmark with outputs, one that fails.
#include <benchmark/benchmark.h>

#include <cstdint>

namespace {

void Sum(benchmark::State& state) {
  double sum = 0;
  for (auto _ : state) {
    sum = 0;
    for (int64_t i = 0; i < state.range(0); ++i) sum += static_cast<double>(i);
    benchmark::DoNotOptimize(sum);
  }
  state.counters["output_0"] = sum;
  // makes Google Benchmark write a NaN: the variation of zero
  state.counters["nothing"] = 0;
  state.counters["output_scale"] = sum;
}
BENCHMARK(Sum)->Name("sum")->Arg(1000)->Arg(1000000);

void Fails(benchmark::State& state) {
  state.SkipWithError("on purpose");
  for (auto _ : state) {
  }
}
BENCHMARK(Fails)->Name("fails");

}  // namespace
