// SQLite with statuses: statements that are bound, stepped and read by position.
//
//   ASSIGN_OR_RETURN(Statement insert, Statement::Prepare(database, "INSERT INTO samples VALUES (?, ?)"));
//   RETURN_IF_ERROR(insert.Run(round, nanoseconds));
//   ASSIGN_OR_RETURN(Statement query, Statement::Prepare(database, "SELECT name FROM benchmarks WHERE id = ?", id));
//   while (query.Next()) names.push_back(query.Text(0));
//   RETURN_IF_ERROR(query.status());
#ifndef TOOLS_PROFILE_SQLITE_H_
#define TOOLS_PROFILE_SQLITE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace profile {

class Statement {
 public:
  template <typename... Values>
  static absl::StatusOr<Statement> Prepare(sqlite3* database, const std::string& sql, const Values&... values) {
    Statement statement;
    statement.status_ = statement.PrepareText(database, sql);
    statement.BindAll(values...);
    if (!statement.status_.ok()) return statement.status_;
    return statement;
  }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Binds new values and steps to the end.
  template <typename... Values>
  absl::Status Run(const Values&... values) {
    Reset();
    BindAll(values...);
    while (Next()) {
    }
    return status_;
  }

  // Steps to the next row; false at the end and after an error.
  bool Next();
  const absl::Status& status() const { return status_; }

  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;

 private:
  Statement() = default;
  absl::Status PrepareText(sqlite3* database, const std::string& sql);
  template <typename... Values>
  void BindAll(const Values&... values) {
    int position = 0;
    (BindAny(++position, values), ...);
  }
  template <typename T>
  void BindAny(int position, const T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      BindReal(position, value);
    } else if constexpr (std::is_integral_v<T>) {
      BindInteger(position, static_cast<int64_t>(value));
    } else if constexpr (std::is_same_v<T, std::nullopt_t>) {
      // what is not bound is NULL
    } else {
      BindText(position, value);
    }
  }
  void BindInteger(int position, int64_t value);
  void BindReal(int position, double value);
  void BindText(int position, const std::string& value);
  void Reset();

  sqlite3* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  absl::Status status_;
};

// Opens a file, or says why not.
absl::StatusOr<sqlite3*> OpenDatabase(const std::string& path);
void CloseDatabase(sqlite3* database);

// Runs statements without values.
absl::Status Execute(sqlite3* database, const std::string& sql);

// Runs `body` in one transaction: all of it or nothing.
absl::Status InTransaction(sqlite3* database, const std::function<absl::Status()>& body);

}  // namespace profile

#endif  // TOOLS_PROFILE_SQLITE_H_
