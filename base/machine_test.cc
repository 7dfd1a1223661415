#include "base/machine.h"

#include <gtest/gtest.h>

#include <thread>

namespace base {
namespace {

TEST(Machine, HasANameAndALoad) {
  EXPECT_FALSE(ProcessorName().empty());
  EXPECT_GE(LoadAverage(), 0);
}

// Of the whole process: another thread's work counts.
TEST(CpuSeconds, CountsWorkOfAllThreads) {
  const double start = CpuSeconds();
  std::thread worker([start] {
    volatile double sum = 0;
    while (CpuSeconds() < start + 0.02) sum = sum + 1;
  });
  worker.join();
  EXPECT_GE(CpuSeconds(), start + 0.02);
}

}  // namespace
}  // namespace base
