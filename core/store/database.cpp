#include "store/database.h"

#include <sqlite3.h>

#include <cmath>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr int kBusyMilliseconds =
    5000;  // a reader's snapshot never blocks us; another writer's commit is shorter

std::string remedy_for(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "free space on the disk and start again; nothing that was committed is lost";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process is writing this file: stop it, or wait until it has finished";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return "make the file and its folder writable for this user";
    case SQLITE_CANTOPEN:
      return "check that the folder exists and that this user may write in it";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "the file is damaged or is no SQLite database: put back a copy, or move it away";
    case SQLITE_IOERR:
      return "check the disk: it may be full, over quota or failing";
    case SQLITE_NOMEM:
      return "free some memory and start again";
    default:
      return "";
  }
}

[[noreturn]] void fail(sqlite3* database, int code, const std::string& file) {
  const std::string text = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  throw SystemError(Problem{.what = "the database refused: " + text,
                            .where = file,
                            .found = std::string("SQLite code ") + std::to_string(code),
                            .remedy = remedy_for(code)});
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::check(int code) const {
  if (code != SQLITE_OK) fail(database_, code, *file_);
}

Statement& Statement::bind_integer(std::int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::bind(double value) {
  check(
      sqlite3_bind_double(statement_.get(), ++bound_, value));  // SQLite itself turns NaN into NULL
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  check(sqlite3_bind_text64(statement_.get(), ++bound_, data, value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(statement_.get(), ++bound_));
  return *this;
}

bool Statement::next() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail(database_, code, *file_);
}

void Statement::run() {
  while (next()) {
  }
}

Statement& Statement::reset() {
  sqlite3_reset(
      statement_.get());  // its code repeats the error of the last step, which was thrown there
  bound_ = 0;
  return *this;
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::number(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(statement_.get(), column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::optional<double> Statement::number_if_any(int column) const {
  if (is_null(column)) return std::nullopt;
  return number(column);
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Database::Database(const std::filesystem::path& file, Mode mode)
    : file_(std::make_unique<std::string>(file.string())) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (mode == Mode::create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(file_->c_str(), &database, flags, nullptr);
  database_.reset(database);
  if (code != SQLITE_OK) fail(database, code, *file_);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  if (mode == Mode::read_only) return;
  Statement journal = prepare("PRAGMA journal_mode = WAL");
  if (!journal.next() || journal.text(0) != "wal") {
    throw SystemError(Problem{
        .what = "the database cannot keep a write-ahead log",
        .where = *file_,
        .expected = "journal mode wal",
        .found = "journal mode " + journal.text(0),
        .remedy = "put it on a local disk: network file systems often lack what SQLite needs"});
  }
  journal.reset();
  execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON");
}

void Database::execute(std::string_view script) {
  const int code =
      sqlite3_exec(database_.get(), std::string(script).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(database_.get(), code, *file_);
}

Statement Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) fail(database_.get(), code, *file_);
  return {database_.get(), statement, file_.get()};
}

void Database::roll_back() noexcept {
  // Some failures have rolled back already; then this one fails, and that is all right.
  sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) database_.roll_back();
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace collegium
