#include "store/record_log.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/chain.h"

namespace collegium {
namespace {

// The triggers make the table append-only for every program, not only for this one.
constexpr const char* kSchema = R"sql(
CREATE TABLE IF NOT EXISTS record(
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, author TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL,
  fields TEXT NOT NULL, prev_hash TEXT NOT NULL, row_hash TEXT NOT NULL, signature TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS record_is_appended BEFORE INSERT ON record
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)
BEGIN SELECT RAISE(ABORT, 'a record is appended'); END;
CREATE TRIGGER IF NOT EXISTS record_stays BEFORE UPDATE ON record
BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;
CREATE TRIGGER IF NOT EXISTS record_is_kept BEFORE DELETE ON record
BEGIN SELECT RAISE(ABORT, 'a record is never deleted'); END;
)sql";

std::string json_of(const Record& record) {
  const nlohmann::json fields(record.fields);
  return fields.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

RecordLog::RecordLog(Database& database, std::string author, SigningKey key, WallClock clock)
    : database_(database),
      author_(std::move(author)),
      key_(std::move(key)),
      clock_(std::move(clock)) {
  database_.execute(kSchema);
}

LedgerPosition RecordLog::position() const {
  Statement row = database_.prepare("SELECT seq, row_hash FROM record ORDER BY seq DESC LIMIT 1");
  LedgerPosition position;
  if (!row.next()) return position;
  position.seq = row.integer(0);
  from_hex(row.text(1), position.head);
  return position;
}

void RecordLog::append_within(std::span<const Record> records) {
  LedgerPosition end = position();
  const std::string at = timestamp(clock_());
  const std::string key = to_hex(key_.verify_key());
  Statement insert = database_.prepare(
      "INSERT INTO record(seq, at, author, key, kind, fields, prev_hash, row_hash, signature) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const Record& record : records) {
    const std::int64_t seq = end.seq + 1;
    const std::string fields = json_of(record);
    const Digest hash = chained(end.head, std::to_string(seq) + "\n" + at + "\n" + author_ + "\n" +
                                              key + "\n" + record.kind + "\n" + fields);
    insert.reset()
        .bind_all(seq, at, author_, key, record.kind, fields, to_hex(end.head), to_hex(hash),
                  to_hex(sign_text(key_, kRecordLabel + to_hex(hash))))
        .run();
    end = {seq, hash};
  }
}

void RecordLog::append(const Record& record) {
  Transaction transaction(database_);
  append_within({&record, 1});
  transaction.commit();
}

void RecordLog::append_once(const Record& record) {
  Transaction transaction(database_);
  Statement known = database_.prepare("SELECT 1 FROM record WHERE kind = ? AND fields = ?");
  known.bind_all(record.kind, json_of(record));
  if (known.next()) return;
  append_within({&record, 1});
  transaction.commit();
}

}  // namespace collegium
