#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace base {
namespace {

TEST(ParallelFor, DoesEachItemOnce) {
  for (const int threads : {1, 2, 7}) {
    for (const int64_t count : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> times(count);
      ParallelFor(threads, count, [&](int64_t i) { ++times[i]; });
      for (int64_t i = 0; i < count; ++i) EXPECT_EQ(times[i], 1) << i << " of " << count << ", " << threads;
    }
  }
}

TEST(ParallelFor, RunsOnSeveralThreadsAtOnce) {
  // each item waits for the other: one thread alone would never end
  std::atomic<int> started{0};
  ParallelFor(2, 2, [&](int64_t) {
    ++started;
    while (started < 2) std::this_thread::yield();
  });
  EXPECT_EQ(started, 2);
}

TEST(ThreadsOfFlag, ZeroIsOneACore) {
  EXPECT_EQ(ThreadsOfFlag(0), NumCores());
  EXPECT_EQ(ThreadsOfFlag(3), 3);
  EXPECT_GE(NumCores(), 1);
}

}  // namespace
}  // namespace base
