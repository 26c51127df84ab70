// What a ledger believes of the files it finds: nothing that the head file does not bear out.
#include "store/ledger_head.h"

#include <sstream>

#include "base/file.h"
#include "collegium/error.h"
#include "store/file_identity.h"
#include "store/ledger.h"

namespace collegium {

void write_head(const std::filesystem::path& folder, const LedgerHead& head) {
  write_file_atomically((folder / kHeadFile).string(), std::to_string(head.position.seq) + " " +
                                                           to_hex(head.position.head) + " " +
                                                           head.identity + "\n");
}

std::optional<LedgerHead> read_head(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kHeadFile;
  if (!std::filesystem::exists(file)) return std::nullopt;
  const std::string text = read_text(file.string(), 4096);
  std::istringstream words(text);
  LedgerHead head;
  std::string hash, rest;
  words >> head.position.seq >> hash >> head.identity;
  if (!words || words >> rest || head.position.seq < 0 || !from_hex(hash, head.position.head))
    refuse_ledger(file.string(), "the ledger's head is damaged",
                  "a number, a hash and which file it is of", text.substr(0, 100));
  return head;
}

LedgerHead require_head(const std::filesystem::path& folder,
                        const std::optional<LedgerHead>& head) {
  if (head) return *head;
  refuse_ledger((folder / kHeadFile).string(), "the ledger's head is missing",
                "the number and hash of the last charge", "no file");
}

void require_position(const Database& database, const LedgerPosition& end,
                      const LedgerPosition& known, const std::string& witness) {
  if (known.seq > end.seq) {
    refuse_ledger(
        database.file(), "the ledger was cut short or replaced by an older copy",
        "at least the " + std::to_string(known.seq) + " charges that " + witness + " knows of",
        std::to_string(end.seq));
  }
  if (!contains(database, known)) {
    refuse_ledger(database.file(),
                  "this is not the ledger that was here before: " + witness +
                      " knows another charge " + std::to_string(known.seq),
                  to_hex(known.head), "another hash");
  }
}

void Ledger::store_head() const {
  write_head(folder_, {end_.position, file_identity(folder_ / "site.db")});
}

// The head file is written after each charge, so it may lag behind by the charges of one crash, but
// never lead.
void Ledger::check_head() const {
  const std::optional<LedgerHead> found = read_head(folder_);
  if (!found && end_.position.seq == 0) return store_head();
  const LedgerHead head = require_head(folder_, found);
  require(head.position, kHeadFile);
  const std::string here = file_identity(folder_ / "site.db");
  if (head.identity != here && end_.position.seq > 0) {
    throw SystemError(Problem{
        .what = "the ledger was copied or restored: its database is not the file that was here "
                "before",
        .where = database_.file(),
        .expected = head.identity,
        .found = here,
        .remedy = "go on with the original, if there is one. If this is the only copy and the "
                  "newest, say so with: collegium adopt " +
                  folder_.string()});
  }
  if (head.position != end_.position || head.identity != here) store_head();
}

void Ledger::require(const LedgerPosition& known, const std::string& witness) const {
  require_position(database_, end_.position, known, witness);
}

void adopt_ledger(const std::filesystem::path& folder) {
  {
    const LockFile lock(folder / "site.lock", "the ledger");
    LedgerHead head = require_head(folder, read_head(folder));
    head.identity = file_identity(folder / "site.db");
    write_head(folder, head);
  }
  Ledger(folder).note("warning", "the ledger was adopted: its copy in " + folder.string() +
                                     " was said to be the only and the newest one");
}

}  // namespace collegium
