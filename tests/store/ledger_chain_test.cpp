#include "store/ledger_chain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "store/ledger.h"
#include "store/sums.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

using testing::HasSubstr;

void charge(const std::filesystem::path& folder, std::uint64_t round) {
  Ledger ledger(folder, sums());
  ledger.add_dataset({.id = "guys", .budget = 10.0});
  ledger.begin_run({.id = "ab12", .dataset = "guys"}, {});
  ledger.reserve({"ab12", round}, costing(0.5));
}

Problem opening(const std::filesystem::path& folder) {
  return problem_of([&] { Ledger(folder, sums()); });
}

void by_hand(const std::filesystem::path& folder, const std::string& sql) {
  Database(folder / "site.db", Database::Mode::existing).execute(sql);
}

TEST(LedgerChain, HoldsForAnUntouchedLedger) {
  const TemporaryFolder folder;
  for (std::uint64_t round = 1; round <= 3; ++round) charge(folder.path(), round);
  const Ledger ledger(folder.path(), sums());
  EXPECT_EQ(ledger.spent("guys"), 1.5);
  EXPECT_EQ(ledger.position().seq, 4) << "the run and its three rounds";
  EXPECT_NE(ledger.position().head, Digest{});
}

TEST(LedgerChain, IsTheHashOfEveryField) {
  const ChainedRow row{
      3, "guys", "ab12", "extra", 7, "train", 1, "[]", 2.0, 0.5, "2026-01-01T00:00:00.000Z"};
  const Digest reference = row_hash({}, row);
  std::vector<ChainedRow> others(11, row);
  others[0].seq = 4;
  others[1].dataset = "kings";
  others[2].run = "ab13";
  others[3].round = 8;
  others[4].purpose = "evaluate";
  others[5].attempt = 2;
  others[6].events = "[{}]";
  others[7].epsilon_after = std::nextafter(0.5, 1.0);
  others[8].at = "2026-01-01T00:00:00.001Z";
  others[9].kind = "drawn";
  others[10].filter_order = std::nextafter(2.0, 3.0);
  for (const ChainedRow& other : others) EXPECT_NE(row_hash({}, other), reference);
  EXPECT_NE(row_hash(reference, row), reference);
  const std::string text =
      "3\nguys\nab12\nextra\n7\ntrain\n1\n[]\n0000000000000040\n000000000000e03f\n"
      "2026-01-01T00:00:00.000Z";
  std::vector<std::uint8_t> bytes(32, 0);
  bytes.insert(bytes.end(), text.begin(), text.end());
  EXPECT_EQ(hash_bytes(bytes), reference);
}

TEST(LedgerTriggers, KeepEveryProgramFromRewritingHistory) {
  const TemporaryFolder folder;
  charge(folder.path(), 1);
  const std::string row = "'guys', 'ab12', 'extra', 9, 'train', 1, '[]', 0.0, 0.0";
  const std::vector<std::string> attacks{
      "DELETE FROM charge",
      "UPDATE charge SET events = '[]'",
      "UPDATE charge SET epsilon_after = 0",
      "UPDATE charge SET state = 'released'",
      "UPDATE charge SET state = 'void', output_hash = 'x'",
      "UPDATE charge SET state = 'void', seq = 7",
      "UPDATE charge SET state = 'void', round = 7",
      "UPDATE charge SET state = 'void', at = 'x'",
      "UPDATE charge SET state = 'void', kind = 'drawn'",
      "UPDATE charge SET state = 'void', filter_order = 3",
      "UPDATE charge SET state = 'void' WHERE kind = 'schedule'",
      "REPLACE INTO charge SELECT * FROM charge",
      "INSERT INTO charge VALUES(3, " + row + ", 'released', 'x', 'p', 'r', 't')",
      "INSERT INTO charge VALUES(5, " + row + ", 'reserved', NULL, 'p', 'r', 't')",
      "DELETE FROM run",
      "DELETE FROM dataset"};
  for (const std::string& attack : attacks) {
    SCOPED_TRACE(attack);
    EXPECT_THROW(by_hand(folder.path(), attack), SystemError);
  }
  by_hand(folder.path(), "UPDATE charge SET state = 'void' WHERE kind = 'extra'");
  EXPECT_THROW(by_hand(folder.path(), "UPDATE charge SET state = 'reserved'"), SystemError);
  EXPECT_THROW(by_hand(folder.path(), "UPDATE charge SET state = 'released', output_hash = 'x'"),
               SystemError);
  EXPECT_EQ(Ledger(folder.path(), sums()).spent("guys"), 0.5);
}

// Whoever drops the triggers first is caught by the chain.
TEST(LedgerChain, BreaksWhereSomethingWasChanged) {
  const std::vector<std::string> attacks{"UPDATE charge SET events = '[]' WHERE seq = 2",
                                         "UPDATE charge SET epsilon_after = 0.1 WHERE seq = 2",
                                         "UPDATE charge SET kind = 'drawn' WHERE seq = 2",
                                         "UPDATE charge SET filter_order = 9 WHERE seq = 2",
                                         "UPDATE charge SET dataset = 'other' WHERE seq = 2",
                                         "UPDATE charge SET round = 9 WHERE seq = 2",
                                         "UPDATE charge SET prev_hash = row_hash WHERE seq = 2",
                                         "DELETE FROM charge WHERE seq = 2",
                                         "DELETE FROM charge WHERE seq = 4",
                                         "DELETE FROM charge"};
  for (const std::string& attack : attacks) {
    SCOPED_TRACE(attack);
    const TemporaryFolder folder;
    for (std::uint64_t round = 1; round <= 3; ++round) charge(folder.path(), round);
    by_hand(folder.path(),
            "DROP TRIGGER charge_stays; DROP TRIGGER charge_moves_once;"
            "INSERT INTO dataset VALUES('other', 'patient', 0.1, 1.0, 0)");
    by_hand(folder.path(), attack);
    const Problem problem = opening(folder.path());
    EXPECT_THAT(problem.what, HasSubstr("ledger"));
    EXPECT_THAT(problem.remedy, HasSubstr("newest copy"));
  }
}

TEST(LedgerChain, RefusesAnOlderCopy) {
  const TemporaryFolder folder, backup;
  charge(folder.path(), 1);
  std::filesystem::copy_file(folder / "site.db", backup / "site.db");
  charge(folder.path(), 2);
  std::filesystem::remove(folder / "site.db-wal");
  std::filesystem::remove(folder / "site.db-shm");
  std::filesystem::copy_file(backup / "site.db", folder / "site.db",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(opening(folder.path()).what, HasSubstr("older copy"));
}

TEST(LedgerChain, RefusesALedgerThatWasDeletedOrExchanged) {
  const TemporaryFolder folder, other;
  charge(folder.path(), 1);
  charge(other.path(), 2);
  const auto head = read_text((folder / "ledger.head").string());
  std::filesystem::copy_file(other / "site.db", folder / "site.db",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(opening(folder.path()).what, HasSubstr("not the ledger that was here"));
  std::filesystem::remove(folder / "site.db");
  EXPECT_THAT(opening(folder.path()).what, HasSubstr("cut short"));
  std::filesystem::remove(other / "ledger.head");
  EXPECT_THAT(opening(other.path()).what, HasSubstr("head is missing"));
  for (const char* text : {"", "x", "1", "-1 ", "99999999999999999999 aa", "1 zz"}) {
    write_file_atomically((other / "ledger.head").string(), std::string_view(text));
    EXPECT_THAT(opening(other.path()).what, HasSubstr("damaged")) << text;
  }
}

TEST(LedgerChain, CatchesUpWithAHeadThatACrashLeftBehind) {
  const TemporaryFolder folder;
  charge(folder.path(), 1);
  const std::string old_head = read_text((folder / "ledger.head").string());
  charge(folder.path(), 2);
  const std::string new_head = read_text((folder / "ledger.head").string());
  write_file_atomically((folder / "ledger.head").string(), std::string_view(old_head));
  EXPECT_NO_THROW(Ledger(folder.path(), sums()));
  EXPECT_EQ(read_text((folder / "ledger.head").string()), new_head);
}

}  // namespace
}  // namespace collegium
