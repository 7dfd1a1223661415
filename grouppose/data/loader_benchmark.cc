// How long a batch takes, on one thread.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "grouppose/data/loader.h"
#include "grouppose/data/resize.h"
#include "grouppose/data/synthetic_dataset.h"

namespace grouppose {
namespace {

void BM_DrawSyntheticPeople(benchmark::State& state) {
  int64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(DrawSyntheticPeople({}, 1, index++));
}
BENCHMARK(BM_DrawSyntheticPeople)->Unit(benchmark::kMicrosecond);

// Eight images of 64 x 64 from memory, flipped or not.
void BM_SyntheticBatch(benchmark::State& state) {
  const SyntheticDataset dataset({}, 1, 4000);
  LoaderOptions options;
  options.batch_size = 8;
  options.transforms.scales.clear();
  options.transforms.crop_probability = 0;
  TrainingLoader loader(&dataset, options);
  int64_t step = 0;
  for (auto _ : state) benchmark::DoNotOptimize(loader.Get(step++));
}
BENCHMARK(BM_SyntheticBatch)->Unit(benchmark::kMicrosecond);

// A photo of 480 x 640 to a short side of so many pixels.
void BM_ResizePhoto(benchmark::State& state) {
  Image photo{480, 640, std::vector<uint8_t>(480 * 640 * 3)};
  base::RandomStream random("BM_ResizePhoto", {});
  for (uint8_t& byte : photo.pixels) byte = static_cast<uint8_t>(random.NextBelow(256));
  const ImageSize size = SizeForShortSide({480, 640}, state.range(0), 1333);
  for (auto _ : state) benchmark::DoNotOptimize(ResizeBilinear(photo, size));
}
BENCHMARK(BM_ResizePhoto)->Arg(64)->Arg(128)->Arg(480 + 32)->Arg(800)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace grouppose
