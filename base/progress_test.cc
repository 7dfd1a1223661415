#include "base/progress.h"

#include <memory>
#include <sstream>

#include "gtest/gtest.h"

namespace base {
namespace {

// A task whose clock stands still unless told otherwise.
struct Task {
  explicit Task(ProgressOptions::Style style, int64_t total = 100, int64_t done_before = 0) {
    ProgressOptions options;
    options.style = style;
    options.stream = &stream;
    options.clock = [this] { return now; };
    options.width = 80;
    options.done_before = done_before;
    progress = std::make_unique<Progress>("training", total, options);
  }
  // What was printed since the last call.
  std::string Printed() {
    std::string text = stream.str();
    stream.str("");
    return text;
  }
  double now = 1000;
  std::ostringstream stream;
  std::unique_ptr<Progress> progress;
};

TEST(Lines, AppearForEveryTenth) {
  Task task(ProgressOptions::kLines);
  for (int done = 1; done <= 9; ++done) task.progress->Update(done);
  EXPECT_EQ(task.Printed(), "");
  task.now += 5;
  task.progress->Update(10, "loss 3");
  EXPECT_EQ(task.Printed(), "training: 10/100, 2/s, 45 s left, loss 3\n");
  task.progress->Update(11);
  task.progress->Update(19);
  EXPECT_EQ(task.Printed(), "");
  task.progress->Update(25);
  EXPECT_EQ(task.Printed(), "training: 25/100, 5/s, 15 s left\n");
}

TEST(Lines, AppearAfterAWhile) {
  Task task(ProgressOptions::kLines, 100000);
  task.now += 29;
  task.progress->Update(29);
  EXPECT_EQ(task.Printed(), "");
  task.now += 1;
  task.progress->Update(30);
  EXPECT_EQ(task.Printed(), "training: 30/100000, 1/s, 27:46:10 left\n");
  task.now += 29;
  task.progress->Update(59);
  EXPECT_EQ(task.Printed(), "");
}

TEST(Lines, EndWithTheTimeTaken) {
  Task task(ProgressOptions::kLines);
  task.progress->Update(95);
  task.Printed();
  task.now += 200;
  task.progress->Update(100, "loss 1");
  EXPECT_EQ(task.Printed(), "training: 100/100, 0.5/s, done in 3:20, loss 1\n");
  task.progress->Finish();
  task.progress->Update(100);
  EXPECT_EQ(task.Printed(), "");
}

TEST(Lines, FinishShowsWhatWasNotShown) {
  Task task(ProgressOptions::kLines);
  task.progress->Update(3, "stopped");
  EXPECT_EQ(task.Printed(), "");
  task.progress->Finish();
  EXPECT_EQ(task.Printed(), "training: 3/100, stopped\n");
}

TEST(Lines, OfAnUnknownTotal) {
  Task task(ProgressOptions::kLines, 0);
  task.progress->Update(1000000);
  EXPECT_EQ(task.Printed(), "");
  task.now += 30;
  task.progress->Update(1000030);
  EXPECT_EQ(task.Printed(), "training: 1000030, 33334/s\n");
}

TEST(Lines, CountARunThatGoesOn) {
  Task task(ProgressOptions::kLines, 100, /*done_before=*/50);
  task.now += 10;
  task.progress->Update(60);
  // ten in ten seconds, not sixty
  EXPECT_EQ(task.Printed(), "training: 60/100, 1/s, 40 s left\n");
}

TEST(Bar, IsDrawnOverItself) {
  Task task(ProgressOptions::kBar);
  task.progress->Update(0);
  EXPECT_EQ(task.Printed(), "\rtraining [..............................]  0/100\x1b[K");
  task.now += 0.05;
  task.progress->Update(1);
  EXPECT_EQ(task.Printed(), "");
  task.now += 4.95;
  task.progress->Update(50, "loss 2");
  EXPECT_EQ(task.Printed(), "\rtraining [###############...............]  50/100  10/s  5 s left  loss 2\x1b[K");
  task.progress->Update(100);
  EXPECT_EQ(task.Printed(), "\rtraining [##############################]  100/100  20/s  0 s left\x1b[K");
  task.progress->Finish();
  EXPECT_EQ(task.Printed(), "\n");
}

TEST(Bar, NeverWrapsOrOverflows) {
  Task task(ProgressOptions::kBar);
  task.progress->Update(250, std::string(200, 'x'));
  const std::string printed = task.Printed();
  EXPECT_EQ(printed.substr(0, 48), "\rtraining [##############################]  250/");
  // one column is left free, besides the return and the three characters that clear the rest
  EXPECT_EQ(printed.size(), 1 + 79 + 3);
}

TEST(Bar, LeavesItsLineWhenAbandoned) {
  Task task(ProgressOptions::kBar);
  task.progress->Update(5);
  task.Printed();
  task.progress.reset();
  EXPECT_EQ(task.Printed(), "\n");
}

TEST(Quiet, PrintsNothing) {
  Task task(ProgressOptions::kQuiet);
  for (int done = 0; done <= 100; ++done) {
    task.now += 100;
    task.progress->Update(done, "text");
  }
  task.progress->Finish();
  task.progress.reset();
  EXPECT_EQ(task.Printed(), "");
}

TEST(DurationText, ReadsAsAClock) {
  EXPECT_EQ(DurationText(0), "0 s");
  EXPECT_EQ(DurationText(59.4), "59 s");
  EXPECT_EQ(DurationText(59.5), "1:00");
  EXPECT_EQ(DurationText(3599.6), "1:00:00");
  EXPECT_EQ(DurationText(90061), "25:01:01");
  EXPECT_EQ(DurationText(-3), "0 s");
  EXPECT_EQ(DurationText(1e300), "27777:46:40");
}

}  // namespace
}  // namespace base
