// What a ledger believes of the files it finds: nothing that the head file does not bear out.
#include <sstream>

#include "base/file.h"
#include "collegium/error.h"
#include "store/file_identity.h"
#include "store/ledger.h"

namespace collegium {
namespace {

constexpr const char* kHeadFile = "ledger.head";

// FOLDER/ledger.head: the number and the hash of the last charge, and which file site.db is.
struct Head {
  LedgerPosition position = {};
  std::string identity = {};
};

void write(const std::filesystem::path& folder, const Head& head) {
  write_file_atomically((folder / kHeadFile).string(), std::to_string(head.position.seq) + " " +
                                                           to_hex(head.position.head) + " " +
                                                           head.identity + "\n");
}

Head read(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kHeadFile;
  if (!std::filesystem::exists(file))
    refuse_ledger(file.string(), "the ledger's head is missing",
                  "the number and hash of the last charge", "no file");
  const std::string text = read_text(file.string(), 4096);
  std::istringstream words(text);
  Head head;
  std::string hash, rest;
  words >> head.position.seq >> hash >> head.identity;
  if (!words || words >> rest || head.position.seq < 0 || !from_hex(hash, head.position.head))
    refuse_ledger(file.string(), "the ledger's head is damaged",
                  "a number, a hash and which file it is of", text.substr(0, 100));
  return head;
}

}  // namespace

void Ledger::write_head() const {
  write(folder_, {end_.position, file_identity(folder_ / "site.db")});
}

// The head file is written after each charge, so it may lag behind by the charges of one crash, but
// never lead.
void Ledger::check_head() const {
  if (end_.position.seq == 0 && !std::filesystem::exists(folder_ / kHeadFile)) return write_head();
  const Head head = read(folder_);
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
  if (head.position != end_.position || head.identity != here) write_head();
}

void Ledger::require(const LedgerPosition& known, const std::string& witness) const {
  if (known.seq > end_.position.seq) {
    refuse_ledger(database_.file(), "the ledger was cut short or replaced by an older copy",
                  "at least the " + std::to_string(known.seq) + " charges that " + witness +
                      " knows of",
                  std::to_string(end_.position.seq));
  }
  if (!contains(database_, known)) {
    refuse_ledger(database_.file(),
                  "this is not the ledger that was here before: " + witness +
                      " knows another charge " + std::to_string(known.seq),
                  to_hex(known.head), "another hash");
  }
}

void adopt_ledger(const std::filesystem::path& folder) {
  {
    const LockFile lock(folder / "site.lock", "the ledger");
    Head head = read(folder);
    head.identity = file_identity(folder / "site.db");
    write(folder, head);
  }
  Ledger(folder).note("warning",
                      "the ledger was adopted: its copy in " + folder.string() +
                          " was said to be the only and the newest one");
}

}  // namespace collegium
