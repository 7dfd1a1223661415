#include "tools/profile/history.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "tools/profile/fakes.h"
#include "tools/profile/report.h"
#include "tools/profile/sqlite.h"

namespace profile {
namespace {

constexpr char kLabel[] = "//ops/a:a_benchmark";

std::string NewPath() {
  const std::string path =
      base::JoinPath(testing::TempDir(),
                     absl::StrCat(testing::UnitTest::GetInstance()->current_test_info()->name(), "/history.sqlite"));
  for (const char* suffix : {"", "-wal", "-shm"}) unlink(absl::StrCat(path, suffix).c_str());
  return path;
}

std::unique_ptr<History> OpenOrDie(const std::string& path) {
  auto history = History::Open(path);
  EXPECT_TRUE(history.ok()) << history.status();
  return history.ok() ? *std::move(history) : nullptr;
}

RoundLog::Round MakeRound(double base, double head, double twin) {
  return {{Arm::kBase, {{"x", base}, {"y", base}}},
          {Arm::kHead, {{"x", head}, {"y", head}}},
          {Arm::kTwin, {{"x", twin}, {"y", twin}}}};
}

Comparison MakeComparison(double ratio) {
  Comparison comparison;
  comparison.base = FakeRevision('1');
  comparison.head = FakeRevision('2');
  BenchmarkComparison& benchmark = comparison.benchmarks.emplace_back();
  benchmark.label = kLabel;
  benchmark.name = "x";
  benchmark.verdict = Verdict::kSlower;
  benchmark.estimate = Estimate();
  benchmark.estimate->rounds = 12;
  benchmark.estimate->base_median = 1e6;
  benchmark.estimate->head_median = ratio * 1e6;
  benchmark.estimate->ratio = {ratio, ratio - 0.01, ratio + 0.01};
  benchmark.estimate->noise = {1, 0.99, 1.01};
  benchmark.base_counters = {{"FLOP", 5}};
  comparison.static_changes = {{"Forward<4> sm_90", "registers", 40, 64}, {"New sm_90", "", 0, 1}};
  BenchmarkComparison& other = comparison.benchmarks.emplace_back();
  other.label = "//ops/b:b_benchmark";
  other.name = "<z>";
  other.verdict = Verdict::kIdentical;
  return comparison;
}

TEST(History, KeepsRoundsAndResults) {
  const std::string path = NewPath();
  int64_t session = 0;
  {
    const auto history = OpenOrDie(path);
    session = *history->BeginSession(FakeRevision('1'), FakeRevision('2'), "processor: p\n", "setting");
    const auto log = history->Log(session);
    ASSERT_TRUE(log->Put(kLabel, 0, MakeRound(1, 2, 3)).ok());
    ASSERT_TRUE(log->Put(kLabel, 1, MakeRound(4, 5, 6)).ok());
    ASSERT_TRUE(history->Finish(session, MakeComparison(1.1)).ok());
  }
  const auto history = OpenOrDie(path);
  const auto rounds = history->Log(session)->Earlier(kLabel);
  ASSERT_TRUE(rounds.ok()) << rounds.status();
  ASSERT_EQ(rounds->size(), 2);
  EXPECT_EQ((*rounds)[1].at(Arm::kTwin).at("y"), 6);
  const auto sessions = history->Sessions();
  ASSERT_EQ(sessions->size(), 1);
  EXPECT_TRUE((*sessions)[0].finished);
  const auto results = history->Results(session);
  ASSERT_EQ(results->size(), 2);
  EXPECT_EQ((*results)[0].verdict, "slower");
  EXPECT_EQ((*results)[0].estimate->ratio.low, 1.09);
  EXPECT_FALSE((*results)[1].estimate.has_value());
  const auto changes = history->StaticChanges(session);
  ASSERT_EQ(changes->size(), 2);
  EXPECT_EQ(StaticChangeText((*changes)[0]), "Forward<4> sm_90: registers 40 -> 64");
  EXPECT_TRUE((*changes)[1].IsNew());
  EXPECT_EQ((*history->FindRevision(std::string(40, '2')))->subject, "commit 2");
}

TEST(History, AnUnfinishedSessionGoesOnAndAFinishedOneDoesNot) {
  const auto history = OpenOrDie(NewPath());
  const auto begin = [&](const char* fingerprint, const char* setting) {
    return *history->BeginSession(FakeRevision('1'), FakeRevision('2'), fingerprint, setting);
  };
  const int64_t session = begin("here", "s");
  EXPECT_EQ(begin("here", "s"), session);
  EXPECT_NE(begin("elsewhere", "s"), session);
  EXPECT_NE(begin("here", "t"), session);
  ASSERT_TRUE(history->Finish(session, MakeComparison(1.1)).ok());
  EXPECT_NE(begin("here", "s"), session);
  const auto known = history->Finished(std::string(40, '1'), std::string(40, '2'), "here", "s");
  ASSERT_TRUE(known->has_value());
  EXPECT_EQ((*known)->id, session);
  EXPECT_FALSE(history->Finished(std::string(40, '1'), std::string(40, '2'), "elsewhere", "s")->has_value());
}

TEST(History, AKilledWriterLosesOnlyTheRoundItIsIn) {
  const std::string path = NewPath();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto history = History::Open(path);
    const int64_t session = *(*history)->BeginSession(FakeRevision('1'), FakeRevision('2'), "here", "s");
    const auto log = (*history)->Log(session);
    for (int i = 0; i < 5; ++i) (void)log->Put(kLabel, i, MakeRound(i, i, i));
    // the sixth is half written when the kill comes
    sqlite3* const database = *OpenDatabase(path);
    (void)Execute(database, "BEGIN IMMEDIATE");
    (void)Execute(database, absl::StrCat("INSERT INTO samples VALUES (", session, ", '", kLabel, "', 'x', 5, 0, 1.0)"));
    if (write(ready[1], "x", 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);

  const auto history = OpenOrDie(path);
  const int64_t session = *history->BeginSession(FakeRevision('1'), FakeRevision('2'), "here", "s");
  EXPECT_EQ(history->Log(session)->Earlier(kLabel)->size(), 5);
  EXPECT_EQ(*history->CountSamples(session), 5 * 6);
  EXPECT_TRUE(history->Log(session)->Put(kLabel, 5, MakeRound(5, 5, 5)).ok());
}

TEST(History, RefusesOtherFiles) {
  const std::string path = NewPath();
  ASSERT_TRUE(base::MakeDirectories(path.substr(0, path.rfind('/'))).ok());
  ASSERT_TRUE(base::WriteFileAtomically(path, "no database, but a text that is long enough to have been one").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(History::Open(path).status())) << History::Open(path).status();
  unlink(path.c_str());
  sqlite3* database = *OpenDatabase(path);
  ASSERT_TRUE(Execute(database, "CREATE TABLE other (x)").ok());
  CloseDatabase(database);
  EXPECT_NE(History::Open(path).status().message().find("no history of profiles"), absl::string_view::npos);
  unlink(path.c_str());
  OpenOrDie(path).reset();
  database = *OpenDatabase(path);
  ASSERT_TRUE(Execute(database, "PRAGMA user_version = 9").ok());
  CloseDatabase(database);
  EXPECT_NE(History::Open(path).status().message().find("version 9"), absl::string_view::npos);
}

TEST(Report, MultipliesRatiosUpAlongAChain) {
  const auto history = OpenOrDie(NewPath());
  const char* const digits = "1234";
  for (int i = 0; i < 3; ++i) {
    Comparison comparison = MakeComparison(i == 0 ? 1.1 : 2);
    if (i == 1) comparison.benchmarks.erase(comparison.benchmarks.begin());  // not measured there
    const int64_t session =
        *history->BeginSession(FakeRevision(digits[i]), FakeRevision(digits[i + 1]), "processor: <p>\n", "s");
    ASSERT_TRUE(history->Finish(session, comparison).ok());
  }
  // another machine's times have a chain of their own, and an unfinished session has none
  ASSERT_TRUE(
      history->Finish(*history->BeginSession(FakeRevision('1'), FakeRevision('2'), "elsewhere", "s"), MakeComparison(3))
          .ok());
  ASSERT_TRUE(history->BeginSession(FakeRevision('4'), FakeRevision('5'), "elsewhere", "s").ok());
  const auto report = ReadReport(history.get());
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->chains.size(), 2);
  EXPECT_EQ(report->unfinished, 1);
  const bool first_is_long = report->chains[0].commits.size() == 4;
  const Chain& chain = report->chains[first_is_long ? 0 : 1];
  ASSERT_EQ(chain.commits.size(), 4);
  ASSERT_EQ(chain.trends.size(), 1);
  const Trend& trend = chain.trends[0];
  EXPECT_EQ(trend.name, "x");
  ASSERT_EQ(trend.points.size(), 3);
  EXPECT_EQ(trend.points[0].relative, 1);
  EXPECT_DOUBLE_EQ(trend.points[1].relative, 1.1);
  EXPECT_DOUBLE_EQ(trend.points[2].relative, 2.2);
  EXPECT_EQ(trend.points[2].commit, 3);
  const std::string page = ReportHtml(*report);
  EXPECT_NE(page.find("processor: &lt;p&gt;"), std::string::npos);
  EXPECT_NE(page.find("href=\"#c"), std::string::npos);
  EXPECT_NE(page.find("Forward&lt;4&gt; sm_90"), std::string::npos);
  EXPECT_NE(page.find("1 session was stopped"), std::string::npos);
}

}  // namespace
}  // namespace profile
