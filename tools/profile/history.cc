#include "tools/profile/history.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/status.h"
#include "tools/profile/process.h"
#include "tools/profile/sqlite.h"

namespace profile {
namespace {

constexpr int64_t kVersion = 1;
// "grpp", so that `file` and we tell a history from any other database.
constexpr int64_t kApplicationId = 0x67727070;

constexpr char kSchema[] = R"(
CREATE TABLE revisions (
  commit_id TEXT PRIMARY KEY, parent TEXT NOT NULL, date TEXT NOT NULL, subject TEXT NOT NULL,
  broken TEXT);               -- why it does not build; NULL where it does
CREATE TABLE sessions (
  id INTEGER PRIMARY KEY, base TEXT NOT NULL REFERENCES revisions, head TEXT NOT NULL REFERENCES revisions,
  fingerprint TEXT NOT NULL, setting TEXT NOT NULL, started TEXT NOT NULL,
  finished TEXT, load REAL);  -- NULL while it runs, and after a kill
CREATE TABLE samples (
  session INTEGER NOT NULL REFERENCES sessions, label TEXT NOT NULL, name TEXT NOT NULL, round INTEGER NOT NULL,
  arm INTEGER NOT NULL,       -- 0 base, 1 head, 2 the base once more
  nanoseconds REAL NOT NULL,
  PRIMARY KEY (session, label, name, round, arm)) WITHOUT ROWID;
CREATE TABLE results (
  session INTEGER NOT NULL REFERENCES sessions, label TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT NOT NULL,
  rounds INTEGER, base_median REAL, head_median REAL, ratio REAL, ratio_low REAL, ratio_high REAL, noise REAL,
  noise_low REAL, noise_high REAL, p_value REAL, p_adjusted REAL, floor REAL, note TEXT NOT NULL,
  PRIMARY KEY (session, label, name)) WITHOUT ROWID;
CREATE TABLE counters (
  session INTEGER NOT NULL REFERENCES sessions, label TEXT NOT NULL, name TEXT NOT NULL, arm INTEGER NOT NULL,
  counter TEXT NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (session, label, name, arm, counter)) WITHOUT ROWID;
CREATE TABLE static_changes (  -- of CUDA kernels as compiled; `column_name` is empty for a new or a lost kernel
  session INTEGER NOT NULL REFERENCES sessions, kernel TEXT NOT NULL, column_name TEXT NOT NULL,
  before INTEGER NOT NULL, after INTEGER NOT NULL,
  PRIMARY KEY (session, kernel, column_name)) WITHOUT ROWID;
)";

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

int64_t MemoryGiB() {
  const double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return std::llround(bytes / (int64_t{1} << 30));
}

std::string CompilerVersion() {
  const auto result = RunProcess({"g++", "--version"}, {});
  return result.ok() && result->ok() ? result->output.substr(0, result->output.find('\n')) : "none";
}

// Rounds of one session.
class SessionLog : public RoundLog {
 public:
  SessionLog(sqlite3* database, int64_t session) : database_(database), session_(session) {}

  absl::Status Put(const std::string& label, int number, const Round& round) override {
    return InTransaction(database_, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(Statement insert,
                       Statement::Prepare(database_, "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)"));
      for (const auto& [arm, times] : round) {
        for (const auto& [name, nanoseconds] : times) {
          RETURN_IF_ERROR(insert.Run(session_, label, name, number, static_cast<int>(arm), nanoseconds));
        }
      }
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<Round>> Earlier(const std::string& label) override {
    ASSIGN_OR_RETURN(Statement query, Statement::Prepare(database_,
                                                         "SELECT round, arm, name, nanoseconds FROM samples "
                                                         "WHERE session = ? AND label = ? ORDER BY round",
                                                         session_, label));
    std::vector<Round> rounds;
    while (query.Next()) {
      const size_t number = static_cast<size_t>(query.Integer(0));
      if (rounds.size() <= number) rounds.resize(number + 1);
      rounds[number][static_cast<Arm>(query.Integer(1))][query.Text(2)] = query.Real(3);
    }
    RETURN_IF_ERROR(query.status());
    return rounds;
  }

 private:
  sqlite3* const database_;
  const int64_t session_;
};

absl::Status PutCounters(sqlite3* database, int64_t session, const BenchmarkComparison& benchmark) {
  ASSIGN_OR_RETURN(Statement insert,
                   Statement::Prepare(database, "INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?)"));
  for (const Arm arm : {Arm::kBase, Arm::kHead}) {
    const bool is_base = arm == Arm::kBase;
    auto counters = is_base ? benchmark.base_counters : benchmark.head_counters;
    const auto& instructions = is_base ? benchmark.base_instructions : benchmark.head_instructions;
    if (instructions.has_value()) counters["instructions"] = static_cast<double>(*instructions);
    for (const auto& [name, value] : counters) {
      // SQLite stores no NaN
      if (std::isnan(value)) continue;
      RETURN_IF_ERROR(insert.Run(session, benchmark.label, benchmark.name, static_cast<int>(arm), name, value));
    }
  }
  return absl::OkStatus();
}

absl::Status PutResult(sqlite3* database, int64_t session, const BenchmarkComparison& benchmark) {
  const std::string verdict = VerdictName(benchmark.verdict);
  if (!benchmark.estimate.has_value()) {
    ASSIGN_OR_RETURN(Statement insert,
                     Statement::Prepare(database,
                                        "INSERT OR REPLACE INTO results (session, label, name, verdict, note) "
                                        "VALUES (?, ?, ?, ?, ?)"));
    return insert.Run(session, benchmark.label, benchmark.name, verdict, benchmark.note);
  }
  const Estimate& e = *benchmark.estimate;
  ASSIGN_OR_RETURN(Statement insert, Statement::Prepare(database,
                                                        "INSERT OR REPLACE INTO results VALUES "
                                                        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return insert.Run(session, benchmark.label, benchmark.name, verdict, e.rounds, e.base_median, e.head_median,
                    e.ratio.estimate, e.ratio.low, e.ratio.high, e.noise.estimate, e.noise.low, e.noise.high, e.p_value,
                    e.p_adjusted, e.floor, benchmark.note);
}

constexpr char kSessionColumns[] =
    "SELECT id, base, head, fingerprint, setting, started, finished, load FROM sessions ";

SessionRecord ReadSession(const Statement& query) {
  SessionRecord record;
  record.id = query.Integer(0);
  record.base = query.Text(1);
  record.head = query.Text(2);
  record.fingerprint = query.Text(3);
  record.setting = query.Text(4);
  record.started = query.Text(5);
  record.finished = !query.IsNull(6);
  record.load = query.Real(7);
  return record;
}

absl::Status MakeSchema(sqlite3* database, const std::string& path) {
  const auto integer = [&](const std::string& sql) -> absl::StatusOr<int64_t> {
    ASSIGN_OR_RETURN(Statement query, Statement::Prepare(database, sql));
    const int64_t value = query.Next() ? query.Integer(0) : 0;
    RETURN_IF_ERROR(query.status());
    return value;
  };
  ASSIGN_OR_RETURN(const int64_t id, integer("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t version, integer("PRAGMA user_version"));
  ASSIGN_OR_RETURN(const int64_t tables, integer("SELECT count(*) FROM sqlite_master"));
  if (tables > 0 && id != kApplicationId) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a database, but no history of profiles"));
  }
  if (version > kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": version ", version, " of a history, expected at most ", kVersion));
  }
  if (tables > 0) return absl::OkStatus();
  return Execute(database, absl::StrCat(kSchema, "PRAGMA application_id = ", kApplicationId,
                                        "; PRAGMA user_version = ", kVersion, ";"));
}

}  // namespace

std::string MachineFingerprint() {
  utsname system;
  uname(&system);
  return absl::StrCat("processor: ", base::ProcessorName(), "\ncores: ", AllowedCpus().size(),
                      "\nmemory: ", MemoryGiB(), " GiB\nkernel: ", system.sysname, " ", system.release,
                      "\ncompiler: ", CompilerVersion(), "\nlibc: ", gnu_get_libc_version(), "\n");
}

absl::StatusOr<std::unique_ptr<History>> History::Open(const std::string& path) {
  if (const size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0) {
    RETURN_IF_ERROR(base::MakeDirectories(path.substr(0, slash)));
  }
  ASSIGN_OR_RETURN(sqlite3* const database, OpenDatabase(path));
  std::unique_ptr<History> history(new History(database));
  RETURN_IF_ERROR(
      Execute(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON"));
  RETURN_IF_ERROR(InTransaction(database, [&] { return MakeSchema(database, path); }));
  return history;
}

History::~History() { CloseDatabase(database_); }

absl::Status History::PutRevision(const Revision& revision) {
  ASSIGN_OR_RETURN(Statement insert, Statement::Prepare(database_,
                                                        "INSERT INTO revisions VALUES (?, ?, ?, ?, NULL) "
                                                        "ON CONFLICT (commit_id) DO UPDATE SET broken = NULL"));
  return insert.Run(revision.commit, revision.parent, revision.date, revision.subject);
}

absl::Status History::PutBrokenRevision(const Revision& revision, const std::string& why) {
  RETURN_IF_ERROR(PutRevision(revision));
  ASSIGN_OR_RETURN(Statement update,
                   Statement::Prepare(database_, "UPDATE revisions SET broken = ? WHERE commit_id = ?"));
  return update.Run(why, revision.commit);
}

absl::StatusOr<int64_t> History::BeginSession(const Revision& base, const Revision& head,
                                              const std::string& fingerprint, const std::string& setting) {
  int64_t id = 0;
  RETURN_IF_ERROR(InTransaction(database_, [&]() -> absl::Status {
    RETURN_IF_ERROR(PutRevision(base));
    RETURN_IF_ERROR(PutRevision(head));
    ASSIGN_OR_RETURN(Statement query,
                     Statement::Prepare(database_,
                                        "SELECT max(id) FROM sessions WHERE base = ? AND head = ? AND fingerprint = ? "
                                        "AND setting = ? AND finished IS NULL",
                                        base.commit, head.commit, fingerprint, setting));
    if (query.Next() && !query.IsNull(0)) {
      id = query.Integer(0);
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(query.status());
    ASSIGN_OR_RETURN(Statement insert,
                     Statement::Prepare(database_,
                                        "INSERT INTO sessions (base, head, fingerprint, setting, started) "
                                        "VALUES (?, ?, ?, ?, ?) RETURNING id",
                                        base.commit, head.commit, fingerprint, setting, Now()));
    if (insert.Next()) id = insert.Integer(0);
    while (insert.Next()) {
    }
    return insert.status();
  }));
  return id;
}

absl::StatusOr<std::optional<SessionRecord>> History::Finished(const std::string& base, const std::string& head,
                                                               const std::string& fingerprint,
                                                               const std::string& setting) {
  ASSIGN_OR_RETURN(Statement query,
                   Statement::Prepare(database_,
                                      absl::StrCat(kSessionColumns,
                                                   "WHERE base = ? AND head = ? AND fingerprint = ? AND setting = ? "
                                                   "AND finished IS NOT NULL ORDER BY id DESC LIMIT 1"),
                                      base, head, fingerprint, setting));
  std::optional<SessionRecord> record;
  if (query.Next()) record = ReadSession(query);
  RETURN_IF_ERROR(query.status());
  return record;
}

std::unique_ptr<RoundLog> History::Log(int64_t session) { return std::make_unique<SessionLog>(database_, session); }

absl::Status History::Finish(int64_t session, const Comparison& comparison) {
  return InTransaction(database_, [&]() -> absl::Status {
    for (const BenchmarkComparison& benchmark : comparison.benchmarks) {
      RETURN_IF_ERROR(PutResult(database_, session, benchmark));
      RETURN_IF_ERROR(PutCounters(database_, session, benchmark));
    }
    ASSIGN_OR_RETURN(Statement insert,
                     Statement::Prepare(database_, "INSERT OR REPLACE INTO static_changes VALUES (?, ?, ?, ?, ?)"));
    for (const StaticChange& change : comparison.static_changes) {
      RETURN_IF_ERROR(insert.Run(session, change.kernel, change.column, change.before, change.after));
    }
    ASSIGN_OR_RETURN(Statement update,
                     Statement::Prepare(database_, "UPDATE sessions SET finished = ?, load = ? WHERE id = ?"));
    return update.Run(Now(), std::isnan(comparison.load) ? -1 : comparison.load, session);
  });
}

absl::StatusOr<std::vector<SessionRecord>> History::Sessions() {
  ASSIGN_OR_RETURN(Statement query, Statement::Prepare(database_, absl::StrCat(kSessionColumns, "ORDER BY id")));
  std::vector<SessionRecord> sessions;
  while (query.Next()) sessions.push_back(ReadSession(query));
  RETURN_IF_ERROR(query.status());
  return sessions;
}

absl::StatusOr<std::vector<ResultRecord>> History::Results(int64_t session) {
  ASSIGN_OR_RETURN(Statement query,
                   Statement::Prepare(database_,
                                      "SELECT label, name, verdict, note, rounds, base_median, head_median, ratio, "
                                      "ratio_low, ratio_high, noise, noise_low, noise_high, p_value, p_adjusted, floor "
                                      "FROM results WHERE session = ? ORDER BY label, name",
                                      session));
  std::vector<ResultRecord> results;
  while (query.Next()) {
    ResultRecord& record = results.emplace_back();
    record.session = session;
    record.label = query.Text(0);
    record.name = query.Text(1);
    record.verdict = query.Text(2);
    record.note = query.Text(3);
    if (query.IsNull(4)) continue;
    Estimate estimate;
    estimate.rounds = static_cast<int>(query.Integer(4));
    estimate.base_median = query.Real(5);
    estimate.head_median = query.Real(6);
    estimate.ratio = {query.Real(7), query.Real(8), query.Real(9)};
    estimate.noise = {query.Real(10), query.Real(11), query.Real(12)};
    estimate.p_value = query.Real(13);
    estimate.p_adjusted = query.Real(14);
    estimate.floor = query.Real(15);
    record.estimate = estimate;
  }
  RETURN_IF_ERROR(query.status());
  return results;
}

absl::StatusOr<std::vector<StaticChange>> History::StaticChanges(int64_t session) {
  ASSIGN_OR_RETURN(Statement query,
                   Statement::Prepare(database_,
                                      "SELECT kernel, column_name, before, after FROM static_changes WHERE session = ? "
                                      "ORDER BY kernel, column_name",
                                      session));
  std::vector<StaticChange> changes;
  while (query.Next()) changes.push_back({query.Text(0), query.Text(1), query.Integer(2), query.Integer(3)});
  RETURN_IF_ERROR(query.status());
  return changes;
}

absl::StatusOr<std::optional<Revision>> History::FindRevision(const std::string& commit) {
  ASSIGN_OR_RETURN(
      Statement query,
      Statement::Prepare(database_, "SELECT commit_id, parent, date, subject FROM revisions WHERE commit_id = ?",
                         commit));
  std::optional<Revision> revision;
  if (query.Next()) revision = Revision{query.Text(0), query.Text(1), query.Text(2), query.Text(3)};
  RETURN_IF_ERROR(query.status());
  return revision;
}

absl::StatusOr<int64_t> History::CountSamples(int64_t session) {
  ASSIGN_OR_RETURN(Statement query,
                   Statement::Prepare(database_, "SELECT count(*) FROM samples WHERE session = ?", session));
  const int64_t count = query.Next() ? query.Integer(0) : 0;
  RETURN_IF_ERROR(query.status());
  return count;
}

}  // namespace profile
