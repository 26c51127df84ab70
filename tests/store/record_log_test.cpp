#include "store/record_log.h"

#include <gmock/gmock.h>

#include <functional>

#include "base/chain.h"
#include "collegium/error.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

struct Desk {
  TemporaryFolder folder;
  Database database{folder / "some.db", Database::Mode::create};
  SigningKey key = SigningKey::generate();
  RecordLog log{database, "guys", key,
                [] { return std::chrono::system_clock::time_point(std::chrono::seconds(1)); }};

  std::int64_t rows() { return number("SELECT count(*) FROM record"); }
  std::int64_t number(const char* sql) {
    Statement row = database.prepare(sql);
    return row.next() ? row.integer(0) : -1;
  }
  std::string text(const char* sql) {
    Statement row = database.prepare(sql);
    return row.next() ? row.text(0) : "no row";
  }
};

TEST(RecordLog, ChainsAndSignsEveryRow) {
  Desk desk;
  EXPECT_EQ(desk.log.position(), LedgerPosition{});
  desk.log.append({"task", {{"round", "1"}, {"model", "ab"}}});
  const LedgerPosition first = desk.log.position();
  desk.log.append({"result", {{"claim", "a\n\"b\"\xff"}}});
  EXPECT_EQ(first.seq, 1);
  EXPECT_EQ(desk.log.position().seq, 2);
  EXPECT_EQ(desk.text("SELECT fields FROM record WHERE seq = 1"),
            R"({"model":"ab","round":"1"})");  // sorted, whatever the order they came in
  EXPECT_EQ(desk.text("SELECT prev_hash FROM record WHERE seq = 2"), to_hex(first.head));
  // Independently of the writer: the row as text, behind the hash before it.
  const Digest expected =
      chained(Digest{}, "1\n1970-01-01T00:00:01.000Z\nguys\n" + to_hex(desk.key.verify_key()) +
                            "\ntask\n{\"model\":\"ab\",\"round\":\"1\"}");
  EXPECT_EQ(first.head, expected);
  Signature signature;
  ASSERT_TRUE(from_hex(desk.text("SELECT signature FROM record WHERE seq = 1"), signature));
  EXPECT_TRUE(
      verify_text(desk.key.verify_key(), "collegium/record/v1\n" + to_hex(first.head), signature));
}

TEST(RecordLog, SaysAThingOnceToTheLetter) {
  Desk desk;
  desk.log.append_once({"task", {{"round", "1"}}});
  desk.log.append_once({"task", {{"round", "1"}}});
  desk.log.append_once({"task", {{"round", "2"}}});
  desk.log.append_once({"result", {{"round", "1"}}});
  EXPECT_EQ(desk.rows(), 3);
}

TEST(RecordLog, BelongsToTheTransactionAroundIt) {
  Desk desk;
  const Record record{"round", {}};
  {
    Transaction given_up(desk.database);
    desk.log.append_within({&record, 1});
  }
  EXPECT_EQ(desk.rows(), 0);
  Transaction transaction(desk.database);
  desk.log.append_within({&record, 1});
  transaction.commit();
  EXPECT_EQ(desk.log.position().seq, 1);
}

TEST(RecordLog, IsAppendOnlyForEveryProgram) {
  Desk desk;
  desk.log.append({"task", {}});
  desk.log.append({"result", {}});
  for (const char* change :
       {"UPDATE record SET at = 'later' WHERE seq = 1", "DELETE FROM record WHERE seq = 2",
        "INSERT INTO record SELECT 4, at, author, key, kind, fields, prev_hash, row_hash, "
        "signature FROM record WHERE seq = 1"})
    EXPECT_THROW(desk.database.execute(change), SystemError) << change;
  EXPECT_EQ(desk.rows(), 2);
}

TEST(RecordLog, GoesOnWhereAnEarlierProcessStopped) {
  Desk desk;
  desk.log.append({"task", {}});
  RecordLog later(desk.database, "guys", desk.key);
  EXPECT_EQ(later.position(), desk.log.position());
  later.append({"result", {}});
  EXPECT_EQ(desk.log.position().seq, 2);
}

}  // namespace
}  // namespace collegium
