#pragma once
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace collegium {

// One prepared statement. Parameters are bound in order, columns are read by position; both are
// checked by SQLite.
class Statement {
 public:
  Statement(Statement&&) noexcept = default;

  // Binds the next parameter. Text is copied; an empty optional binds NULL. Infinity is stored as
  // such, NaN as NULL.
  Statement& bind(std::integral auto value) {
    return bind_integer(static_cast<std::int64_t>(value));
  }
  Statement& bind(double value);
  Statement& bind(std::string_view value);
  Statement& bind_null();
  template <class T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  template <class... T>
  Statement& bind_all(const T&... values) {
    (bind(values), ...);
    return *this;
  }

  bool next();         // steps to the next row; false: no more
  void run();          // steps to the end; for statements without rows
  Statement& reset();  // for another round of binding

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double number(int column) const;
  std::string text(int column) const;
  std::optional<double> number_if_any(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* database, sqlite3_stmt* statement, const std::string* file)
      : database_(database), statement_(statement), file_(file) {}

  Statement& bind_integer(std::int64_t value);
  void check(int code) const;

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* file_;
  int bound_ = 0;
};

// One SQLite file in WAL mode with synchronous=FULL: what a transaction wrote is on the disk when
// commit() returns. Every failure is a SystemError with the file, SQLite's own text and what to do
// about it. One thread at a time.
class Database {
 public:
  enum class Mode { create, existing, read_only };  // create: makes the file when it is missing

  Database(const std::filesystem::path& file, Mode mode);
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  void execute(std::string_view script);  // statements without parameters, separated by semicolons
  Statement prepare(std::string_view sql) const;
  void roll_back() noexcept;
  const std::string& file() const { return *file_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<std::string> file_;  // at a fixed address: statements print it
  std::unique_ptr<sqlite3, Close> database_;
};

// Takes the write lock at once, so that what is read inside is still true when it commits. Rolls
// back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace collegium
