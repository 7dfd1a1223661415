// The same work on many items, on several threads.
//
//   base::ParallelFor(threads, num_images, [&](int64_t image) { results[image] = Match(image); });
//
// Items are handed out one by one in ascending order. Work that writes only what belongs to its item gives the same
// result on any number of threads.
#ifndef BASE_PARALLEL_H_
#define BASE_PARALLEL_H_

#include <cstdint>
#include <functional>

namespace base {

// Cores that this process may use; at least 1.
int NumCores();

// The number of threads that a flag means: 0 is one a core.
int ThreadsOfFlag(int64_t threads);

// Calls work(0) to work(count - 1), each once, on up to `threads` threads, the caller's among them. Returns when all
// are done. `work` must not throw.
void ParallelFor(int threads, int64_t count, const std::function<void(int64_t)>& work);

}  // namespace base

#endif  // BASE_PARALLEL_H_
