// Everything that was ever measured, in one SQLite file.
//
//   ASSIGN_OR_RETURN(auto history, History::Open(path));
//   ASSIGN_OR_RETURN(const int64_t session, history->BeginSession(base, head, MachineFingerprint(), setting));
//   ... history->Log(session) goes to Compare(), which puts every round ...
//   RETURN_IF_ERROR(history->Finish(session, comparison));
//
// A session is one comparison of two revisions on one machine. Its rounds are written one by one, each whole or not at
// all (write-ahead log, one transaction a round), so a killed run leaves the file sound and loses the round that it was
// in; the same comparison asked for again goes on where it stopped.
#ifndef TOOLS_PROFILE_HISTORY_H_
#define TOOLS_PROFILE_HISTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/profile/compare.h"
#include "tools/profile/revisions.h"

struct sqlite3;

namespace profile {

// What times depend on besides the code: processor, cores, memory, kernel, compiler, libc; one "name: value" a line.
// Times of machines whose fingerprints differ are never compared.
std::string MachineFingerprint();

struct SessionRecord {
  int64_t id = 0;
  std::string base, head;   // commits
  std::string fingerprint;  // of MachineFingerprint
  std::string setting;      // what was asked for: filters and options, one text
  std::string started;      // ISO 8601, UTC
  bool finished = false;
  double load = 0;
};

// A benchmark's result in a session.
struct ResultRecord {
  int64_t session = 0;
  std::string label, name;
  std::string verdict;  // of VerdictName
  std::optional<Estimate> estimate;
  std::string note;
};

class History {
 public:
  // Made where it is missing. InvalidArgument where the file is no history, or one of a newer version.
  static absl::StatusOr<std::unique_ptr<History>> Open(const std::string& path);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The unfinished session of this comparison, or a new one.
  absl::StatusOr<int64_t> BeginSession(const Revision& base, const Revision& head, const std::string& fingerprint,
                                       const std::string& setting);
  // A finished session of this comparison, the latest.
  absl::StatusOr<std::optional<SessionRecord>> Finished(const std::string& base, const std::string& head,
                                                        const std::string& fingerprint, const std::string& setting);
  // Lives no longer than the history.
  std::unique_ptr<RoundLog> Log(int64_t session);
  // Verdicts, counters and the end of a session, all or nothing.
  absl::Status Finish(int64_t session, const Comparison& comparison);

  // A revision that does not build, so that the report can say so.
  absl::Status PutBrokenRevision(const Revision& revision, const std::string& why);

  absl::StatusOr<std::vector<SessionRecord>> Sessions();
  absl::StatusOr<std::vector<ResultRecord>> Results(int64_t session);
  absl::StatusOr<std::vector<StaticChange>> StaticChanges(int64_t session);
  absl::StatusOr<std::optional<Revision>> FindRevision(const std::string& commit);
  absl::StatusOr<int64_t> CountSamples(int64_t session);

 private:
  explicit History(sqlite3* database) : database_(database) {}
  absl::Status PutRevision(const Revision& revision);

  sqlite3* database_;
};

}  // namespace profile

#endif  // TOOLS_PROFILE_HISTORY_H_
