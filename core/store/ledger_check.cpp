#include "base/file.h"
#include "collegium/error.h"
#include "store/event_json.h"
#include "store/ledger.h"
#include "store/ledger_chain.h"

// What the ledger believes of the files it finds: nothing that the chain and the head file do not
// bear out.
namespace collegium {
namespace {

constexpr const char* kHeadFile = "ledger.head";

[[noreturn]] void broken(const std::string& where, const std::string& what,
                         const std::string& expected, const std::string& found) {
  throw SystemError(Problem{
      .what = what,
      .where = where,
      .expected = expected,
      .found = found,
      .remedy = "put back the newest copy of the site's whole state folder; training on with this "
                "one would spend privacy that was spent already"});
}

}  // namespace

void Ledger::verify_chain() {
  Statement rows = database_.prepare(
      "SELECT seq, dataset, run, round, purpose, attempt, event, epsilon_after, at, prev_hash, "
      "row_hash FROM charge "
      "ORDER BY seq");
  while (rows.next()) {
    const ChainedRow row{rows.integer(0), rows.text(1),   rows.text(2),
                         rows.integer(3), rows.text(4),   rows.integer(5),
                         rows.text(6),    rows.number(7), rows.text(8)};
    const std::string where = database_.file() + ", charge " + std::to_string(row.seq);
    if (row.seq != last_seq_ + 1) {
      broken(where, "the ledger lacks a charge", "charge " + std::to_string(last_seq_ + 1),
             "charge " + std::to_string(row.seq));
    }
    const Digest hash = row_hash(head_, row);
    if (rows.text(9) != to_hex(head_) || rows.text(10) != to_hex(hash)) {
      broken(where, "the ledger was changed by hand: its chain breaks here", to_hex(hash),
             rows.text(10));
    }
    if (!event_from_json(row.event))
      broken(where, "the charge names no privacy event", "an event", row.event);
    last_seq_ = row.seq;
    head_ = hash;
    last_at_ = row.at;
  }
}

// The head file is written after each charge, so it may lag behind by the charges of one crash, but
// never lead.
void Ledger::check_head() const {
  const std::filesystem::path file = folder_ / kHeadFile;
  if (!std::filesystem::exists(file)) {
    if (last_seq_ == 0) return write_head();
    broken(file.string(), "the ledger's head is missing", "the number and hash of the last charge",
           "no file");
  }
  const std::string text = read_text(file.string(), 4096);
  const std::size_t blank = text.find(' ');
  std::int64_t seq = -1;
  Digest expected{};
  if (blank != std::string::npos && blank > 0 && blank < 19 &&
      text.find_first_not_of("0123456789") == blank &&
      from_hex(std::string_view(text).substr(blank + 1, 64), expected)) {
    seq = std::stoll(text.substr(0, blank));
  }
  if (seq < 0)
    broken(file.string(), "the ledger's head is damaged", "a number and a hash",
           text.substr(0, 100));
  if (seq > last_seq_) {
    broken(database_.file(), "the ledger was cut short or replaced by an older copy",
           "at least " + std::to_string(seq) + " charges", std::to_string(last_seq_));
  }
  Digest found{};
  if (seq > 0) {
    Statement row = database_.prepare("SELECT row_hash FROM charge WHERE seq = ?");
    row.bind(seq);
    if (row.next()) from_hex(row.text(0), found);
  }
  if (found != expected) {
    broken(database_.file(), "this is not the ledger that was here before", to_hex(expected),
           to_hex(found));
  }
  if (seq < last_seq_) write_head();
}

void Ledger::write_head() const {
  write_file_atomically((folder_ / kHeadFile).string(),
                        std::to_string(last_seq_) + " " + to_hex(head_) + "\n");
}

}  // namespace collegium
