#include "grouppose/data/loader.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "base/status.h"
#include "grouppose/data/make_batch.h"

namespace grouppose {

std::vector<int64_t> EpochOrder(int64_t size, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  base::RandomStream random("order", {seed, static_cast<uint64_t>(epoch)});
  // Fisher and Yates: each place takes one of the numbers that are left
  for (int64_t i = 0; i + 1 < size; ++i) std::swap(order[i], order[i + random.NextBelow(size - i)]);
  return order;
}

Prefetcher::Prefetcher(std::function<absl::StatusOr<Batch>(int64_t)> make, int64_t end, int depth)
    : make_(std::move(make)), end_(end), depth_(static_cast<size_t>(std::max(depth, 0))) {}

absl::StatusOr<Batch> Prefetcher::Get(int64_t index) {
  GROUPPOSE_CHECK(index >= 0 && index < end_, "batch ", index, " of ", end_);
  if (depth_ == 0) return make_(index);

  // whatever was made for indices that are not asked for is dropped
  while (!pending_.empty() && pending_.front().index != index) pending_.pop_front();
  int64_t next = pending_.empty() ? index : pending_.back().index + 1;
  // this one, and `depth` more
  for (; pending_.size() < depth_ + 1 && next < end_; ++next) {
    pending_.push_back({next, std::async(std::launch::async, make_, next)});
  }
  std::future<absl::StatusOr<Batch>> batch = std::move(pending_.front().batch);
  pending_.pop_front();
  return batch.get();
}

TrainingLoader::TrainingLoader(const Dataset* dataset, const LoaderOptions& options)
    : dataset_(dataset),
      options_(options),
      prefetcher_([this](int64_t step) { return Make(step); }, std::numeric_limits<int64_t>::max(), options.prefetch) {
  GROUPPOSE_CHECK(options.batch_size > 0 && options.batch_size <= dataset->size(), "batches of ", options.batch_size,
                  " from ", dataset->size(), " images");
}

absl::StatusOr<Batch> TrainingLoader::Make(int64_t step) const {
  const int64_t epoch = step / steps_per_epoch(), first = step % steps_per_epoch() * options_.batch_size;
  const std::vector<int64_t> order = EpochOrder(dataset_->size(), options_.seed, epoch);
  std::vector<Sample> samples;
  for (int64_t i = first; i < first + options_.batch_size; ++i) {
    ASSIGN_OR_RETURN(Sample sample, dataset_->Get(order[i]));
    const SampleAddress address{options_.seed, static_cast<uint64_t>(step), static_cast<uint64_t>(order[i])};
    TransformForTraining(options_.transforms, dataset_->description(), address, &sample);
    samples.push_back(std::move(sample));
  }
  return MakeBatch(samples, dataset_->description().num_keypoints());
}

EvaluationLoader::EvaluationLoader(const Dataset* dataset, const LoaderOptions& options)
    : dataset_(dataset),
      options_(options),
      prefetcher_([this](int64_t index) { return Make(index); }, batches(), options.prefetch) {
  GROUPPOSE_CHECK(options.batch_size > 0, "batches of ", options.batch_size);
}

absl::StatusOr<Batch> EvaluationLoader::Make(int64_t index) const {
  const int64_t first = index * options_.batch_size;
  const int64_t end = std::min(first + options_.batch_size, dataset_->size());
  std::vector<Sample> samples;
  for (int64_t i = first; i < end; ++i) {
    ASSIGN_OR_RETURN(Sample sample, dataset_->Get(i));
    TransformForEvaluation(options_.transforms, &sample);
    samples.push_back(std::move(sample));
  }
  return MakeBatch(samples, dataset_->description().num_keypoints());
}

}  // namespace grouppose
