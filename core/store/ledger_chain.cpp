#include "store/ledger_chain.h"

#include <bit>
#include <utility>

#include "base/chain.h"
#include "collegium/error.h"
#include "store/event_json.h"

namespace collegium {
namespace {

std::string bytes_in_hex(double value) {
  constexpr char kDigits[] = "0123456789abcdef";
  auto bits = std::bit_cast<std::uint64_t>(value);
  std::string text;
  for (int byte = 0; byte < 8; ++byte, bits >>= 8) {
    text += kDigits[(bits >> 4) & 15];
    text += kDigits[bits & 15];
  }
  return text;
}

}  // namespace

Digest row_hash(const Digest& previous, const ChainedRow& row) {
  const std::string text = std::to_string(row.seq) + "\n" + row.dataset + "\n" + row.run + "\n" +
                           row.kind + "\n" + std::to_string(row.round) + "\n" + row.purpose + "\n" +
                           std::to_string(row.attempt) + "\n" + row.events + "\n" +
                           bytes_in_hex(row.filter_order) + "\n" + bytes_in_hex(row.epsilon_after) +
                           "\n" + row.at;
  return chained(previous, text);
}

ChainEnd verify_chain(const Database& database) {
  ChainEnd end;
  Statement rows = database.prepare(
      "SELECT seq, dataset, run, kind, round, purpose, attempt, events, filter_order, "
      "epsilon_after, at, prev_hash, row_hash FROM charge ORDER BY seq");
  while (rows.next()) {
    const ChainedRow row{rows.integer(0), rows.text(1),   rows.text(2),    rows.text(3),
                         rows.integer(4), rows.text(5),   rows.integer(6), rows.text(7),
                         rows.number(8),  rows.number(9), rows.text(10)};
    const std::string where = database.file() + ", charge " + std::to_string(row.seq);
    if (row.seq != end.position.seq + 1) {
      refuse_ledger(where, "the ledger lacks a charge",
                    "charge " + std::to_string(end.position.seq + 1),
                    "charge " + std::to_string(row.seq));
    }
    const Digest hash = row_hash(end.position.head, row);
    if (rows.text(11) != to_hex(end.position.head) || rows.text(12) != to_hex(hash)) {
      refuse_ledger(where, "the ledger was changed by hand: its chain breaks here", to_hex(hash),
                    rows.text(12));
    }
    if (!events_from_json(row.events))
      refuse_ledger(where, "the charge names no privacy events", "a list of events", row.events);
    end = {{row.seq, hash}, row.at};
  }
  return end;
}

bool contains(const Database& database, const LedgerPosition& position) {
  if (position.seq == 0) return position.head == Digest{};
  Statement row = database.prepare("SELECT row_hash FROM charge WHERE seq = ?");
  row.bind(position.seq);
  return row.next() && row.text(0) == to_hex(position.head);
}

void refuse_ledger(std::string where, std::string what, std::string expected, std::string found) {
  throw SystemError(Problem{
      .what = std::move(what),
      .where = std::move(where),
      .expected = std::move(expected),
      .found = std::move(found),
      .remedy = "put back the newest copy of the site's whole state folder; training on with this "
                "one would spend privacy that was spent already"});
}

}  // namespace collegium
