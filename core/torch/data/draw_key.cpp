#include "torch/data/draw_key.h"

#include <cstring>

#include "base/hash.h"

namespace collegium {

std::uint64_t draw_key(std::string_view purpose, std::string_view name, std::uint64_t number) {
  Hasher hasher;
  hasher.add(purpose);
  hasher.add(name);
  hasher.add(number);
  const auto digest = hasher.finish();
  std::uint64_t key = 0;
  std::memcpy(&key, digest.data(), sizeof key);
  return key;
}

}  // namespace collegium
