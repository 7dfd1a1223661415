// Batches in the order that a run needs them.
//
//   LoaderOptions options;
//   options.batch_size = 8;
//   options.seed = 1;
//   TrainingLoader loader(&dataset, options);
//   for (int64_t step = first_step; step < last_step; ++step) {
//     ASSIGN_OR_RETURN(Batch batch, loader.Get(step));
//
// A batch is a function of (data set, options, step): a resumed run goes on with the next step and needs nothing else.
// Reading ahead changes when a batch is made, never what is in it.
#ifndef GROUPPOSE_DATA_LOADER_H_
#define GROUPPOSE_DATA_LOADER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <vector>

#include "absl/status/statusor.h"
#include "grouppose/data/batch.h"
#include "grouppose/data/dataset.h"
#include "grouppose/data/transforms.h"

namespace grouppose {

struct LoaderOptions {
  int64_t batch_size = 2;
  uint64_t seed = 0;  // of order and augmentation
  TransformOptions transforms;
  // Batches that are made in threads of their own while the last one is used; 0 makes each one when it is asked for.
  // Worth it for photos, not for small images in memory.
  int prefetch = 0;
};

// The numbers 0 to size - 1 in the order of an epoch.
std::vector<int64_t> EpochOrder(int64_t size, uint64_t seed, int64_t epoch);

// Runs `make(index)` ahead of time for the indices after the last one asked for.
class Prefetcher {
 public:
  // Indices are 0 to end - 1; at most `depth` are under way or waiting.
  Prefetcher(std::function<absl::StatusOr<Batch>(int64_t)> make, int64_t end, int depth);

  // make(index). Ready at once when the calls before asked for index - 1, index - 2, ...
  absl::StatusOr<Batch> Get(int64_t index);

 private:
  struct Pending {
    int64_t index;
    std::future<absl::StatusOr<Batch>> batch;
  };

  std::function<absl::StatusOr<Batch>(int64_t)> make_;
  int64_t end_;
  size_t depth_;
  std::deque<Pending> pending_;  // consecutive indices
};

// Shuffled and augmented. An epoch has size / batch_size steps; the images that are left over wait for another epoch's
// order.
class TrainingLoader {
 public:
  // The data set outlives the loader and has at least batch_size images.
  TrainingLoader(const Dataset* dataset, const LoaderOptions& options);
  TrainingLoader(const TrainingLoader&) = delete;
  TrainingLoader& operator=(const TrainingLoader&) = delete;

  int64_t steps_per_epoch() const { return dataset_->size() / options_.batch_size; }

  // Steps count on through the epochs, from 0.
  absl::StatusOr<Batch> Get(int64_t step) { return prefetcher_.Get(step); }

 private:
  absl::StatusOr<Batch> Make(int64_t step) const;

  const Dataset* dataset_;
  LoaderOptions options_;
  Prefetcher prefetcher_;  // last: it waits for its threads before the rest goes
};

// All images once, in the order of their index, the last batch as small as it is.
class EvaluationLoader {
 public:
  EvaluationLoader(const Dataset* dataset, const LoaderOptions& options);
  EvaluationLoader(const EvaluationLoader&) = delete;
  EvaluationLoader& operator=(const EvaluationLoader&) = delete;

  int64_t batches() const { return (dataset_->size() + options_.batch_size - 1) / options_.batch_size; }

  absl::StatusOr<Batch> Get(int64_t index) { return prefetcher_.Get(index); }

 private:
  absl::StatusOr<Batch> Make(int64_t index) const;

  const Dataset* dataset_;
  LoaderOptions options_;
  Prefetcher prefetcher_;
};

}  // namespace grouppose

#endif  // GROUPPOSE_DATA_LOADER_H_
