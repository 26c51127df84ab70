#include "store/ledger_chain.h"

#include <bit>
#include <vector>

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
                           std::to_string(row.round) + "\n" + row.purpose + "\n" +
                           std::to_string(row.attempt) + "\n" + row.event + "\n" +
                           bytes_in_hex(row.epsilon_after) + "\n" + row.at;
  std::vector<std::uint8_t> bytes(previous.begin(), previous.end());
  bytes.insert(bytes.end(), text.begin(), text.end());
  return hash_bytes(bytes);
}

}  // namespace collegium
