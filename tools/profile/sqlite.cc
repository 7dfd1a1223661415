#include "tools/profile/sqlite.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace profile {
namespace {

// Another process may be writing a round.
constexpr int kBusyMilliseconds = 30'000;

absl::Status ErrorOf(sqlite3* database) {
  const char* const path = sqlite3_db_filename(database, nullptr);
  const std::string text = absl::StrCat(path == nullptr ? "" : path, ": ", sqlite3_errmsg(database));
  switch (sqlite3_errcode(database)) {
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnknownError(text);
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      status_(std::move(other.status_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  std::swap(status_, other.status_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

absl::Status Statement::PrepareText(sqlite3* database, const std::string& sql) {
  database_ = database;
  const int code = sqlite3_prepare_v2(database, sql.c_str(), static_cast<int>(sql.size()), &statement_, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(database);
}

bool Statement::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = ErrorOf(database_);
  return false;
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  status_ = absl::OkStatus();
}

bool Statement::IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Statement::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::Text(int column) const {
  const unsigned char* const text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return "";
  return std::string(reinterpret_cast<const char*>(text),
                     static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
}

void Statement::BindInteger(int position, int64_t value) {
  if (status_.ok() && sqlite3_bind_int64(statement_, position, value) != SQLITE_OK) status_ = ErrorOf(database_);
}

void Statement::BindReal(int position, double value) {
  if (status_.ok() && sqlite3_bind_double(statement_, position, value) != SQLITE_OK) status_ = ErrorOf(database_);
}

void Statement::BindText(int position, const std::string& value) {
  if (!status_.ok()) return;
  const int size = static_cast<int>(value.size());
  if (sqlite3_bind_text(statement_, position, value.c_str(), size, SQLITE_TRANSIENT) != SQLITE_OK) {
    status_ = ErrorOf(database_);
  }
}

absl::StatusOr<sqlite3*> OpenDatabase(const std::string& path) {
  sqlite3* database = nullptr;
  if (sqlite3_open(path.c_str(), &database) != SQLITE_OK) {
    const absl::Status status = absl::InvalidArgumentError(
        absl::StrCat(path, ": ", database == nullptr ? "out of memory" : sqlite3_errmsg(database)));
    sqlite3_close(database);
    return status;
  }
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  return database;
}

void CloseDatabase(sqlite3* database) { sqlite3_close(database); }

absl::Status Execute(sqlite3* database, const std::string& sql) {
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? absl::OkStatus()
                                                                                     : ErrorOf(database);
}

absl::Status InTransaction(sqlite3* database, const std::function<absl::Status()>& body) {
  RETURN_IF_ERROR(Execute(database, "BEGIN IMMEDIATE"));
  absl::Status status = body();
  if (status.ok()) status = Execute(database, "COMMIT");
  if (!status.ok()) (void)Execute(database, "ROLLBACK");
  return status;
}

}  // namespace profile
