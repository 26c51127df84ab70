#include "store/database.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "base/file.h"
#include "store/lock_file.h"
#include "store/timestamp.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;

TEST(Database, GivesBackWhatWasBound) {
  const TemporaryFolder folder;
  Database database(folder / "a.db", Database::Mode::create);
  database.execute("CREATE TABLE t(a, b, c, d, e)");
  const std::string text("a\0b\"'", 5);
  database.prepare("INSERT INTO t VALUES(?, ?, ?, ?, ?)")
      .bind_all(std::numeric_limits<std::int64_t>::min(), 0.1, text, std::optional<double>(),
                std::numeric_limits<double>::infinity())
      .run();
  Statement row = database.prepare("SELECT a, b, c, d, e FROM t");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.number(1), 0.1);
  EXPECT_EQ(row.text(2), text);
  EXPECT_EQ(row.number_if_any(3), std::nullopt);
  EXPECT_TRUE(std::isinf(row.number(4)));
  EXPECT_FALSE(row.next());
}

TEST(Database, KeepsNothingOfATransactionThatWasNotCommitted) {
  const TemporaryFolder folder;
  Database database(folder / "a.db", Database::Mode::create);
  database.execute("CREATE TABLE t(a)");
  {
    Transaction transaction(database);
    database.execute("INSERT INTO t VALUES(1)");
  }
  {
    Transaction transaction(database);
    database.execute("INSERT INTO t VALUES(2)");
    transaction.commit();
  }
  Statement rows = database.prepare("SELECT a FROM t");
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.integer(0), 2);
  EXPECT_FALSE(rows.next());
}

TEST(Database, IsSyncedAtEveryCommitAndWritesAhead) {
  const TemporaryFolder folder;
  const Database database(folder / "a.db", Database::Mode::create);
  Statement synchronous = database.prepare("PRAGMA synchronous");
  ASSERT_TRUE(synchronous.next());
  EXPECT_EQ(synchronous.integer(0), 2);  // FULL
  Statement journal = database.prepare("PRAGMA journal_mode");
  ASSERT_TRUE(journal.next());
  EXPECT_EQ(journal.text(0), "wal");
  Statement keys = database.prepare("PRAGMA foreign_keys");
  ASSERT_TRUE(keys.next());
  EXPECT_EQ(keys.integer(0), 1);
}

TEST(Database, SaysWhichFileItCannotOpenAndWhatToDo) {
  const Problem missing =
      problem_of([] { Database("/nowhere/at/all.db", Database::Mode::create); });
  EXPECT_EQ(missing.where, "/nowhere/at/all.db");
  EXPECT_THAT(missing.remedy, HasSubstr("folder exists"));
  const TemporaryFolder folder;
  problem_of([&] { Database(folder / "none.db", Database::Mode::existing); });
  write_file_atomically((folder / "text.db").string(), std::string(5000, 'x'));
  const Problem other = problem_of([&] { Database(folder / "text.db", Database::Mode::existing); });
  EXPECT_THAT(other.remedy, HasSubstr("no SQLite database"));
}

TEST(Database, RefusesWritingWhatWasOpenedForReading) {
  const TemporaryFolder folder;
  Database writer(folder / "a.db", Database::Mode::create);
  writer.execute("CREATE TABLE t(a); INSERT INTO t VALUES(7)");
  Database reader(folder / "a.db", Database::Mode::read_only);
  Statement row = reader.prepare("SELECT a FROM t");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), 7);
  EXPECT_THAT(problem_of([&] { reader.execute("INSERT INTO t VALUES(8)"); }).remedy,
              HasSubstr("writable"));
}

TEST(Database, LetsReadersReadWhileItWrites) {
  const TemporaryFolder folder;
  Database writer(folder / "a.db", Database::Mode::create);
  writer.execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  const Database reader(folder / "a.db", Database::Mode::read_only);
  Transaction transaction(writer);
  writer.execute("INSERT INTO t VALUES(2)");
  Statement count = reader.prepare("SELECT count(*) FROM t");
  ASSERT_TRUE(count.next());
  EXPECT_EQ(count.integer(0), 1);
  transaction.commit();
}

TEST(LockFile, HasOneHolderAndSaysWho) {
  const TemporaryFolder folder;
  {
    const LockFile first(folder / "a.lock", "the ledger");
    const Problem problem = problem_of([&] { LockFile(folder / "a.lock", "the ledger"); });
    EXPECT_EQ(problem.what, "the ledger is in use");
    EXPECT_THAT(problem.found, HasSubstr("process " + std::to_string(getpid())));
  }
  EXPECT_NO_THROW(LockFile(folder / "a.lock", "the ledger"));
}

TEST(Timestamp, IsTextInTheOrderOfTime) {
  using std::chrono::milliseconds;
  const std::chrono::system_clock::time_point epoch;
  EXPECT_EQ(timestamp(epoch), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(timestamp(epoch + milliseconds(1582934400123)), "2020-02-29T00:00:00.123Z");
  EXPECT_EQ(timestamp(epoch - milliseconds(1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace collegium
