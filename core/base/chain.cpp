#include "base/chain.h"

#include <cstdint>
#include <vector>

namespace collegium {

Digest chained(const Digest& previous, std::string_view row) {
  std::vector<std::uint8_t> bytes(previous.begin(), previous.end());
  bytes.insert(bytes.end(), row.begin(), row.end());
  return hash_bytes(bytes);
}

}  // namespace collegium
