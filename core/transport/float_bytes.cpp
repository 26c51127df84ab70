#include "transport/float_bytes.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "collegium/error.h"

namespace collegium {

static_assert(std::endian::native == std::endian::little, "blobs are little-endian");

Bytes bytes_of(std::vector<float> values) {
  auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  const auto* first = reinterpret_cast<const std::uint8_t*>(owner->data());
  const std::size_t size = owner->size() * sizeof(float);
  return Bytes{std::move(owner), {first, size}};
}

Bytes bytes_of(std::shared_ptr<float[]> values, std::size_t count) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(values.get());
  return Bytes{std::move(values), {first, count * sizeof(float)}};
}

Floats::Floats(const Bytes& bytes) {
  if (bytes.size() % sizeof(float) != 0)
    throw ProtocolError(Problem{.what = "a flat vector has a broken last value",
                                .expected = "a multiple of 4 bytes",
                                .found = std::to_string(bytes.size())});
  const std::size_t count = bytes.size() / sizeof(float);
  if (reinterpret_cast<std::uintptr_t>(bytes.view.data()) % alignof(float) == 0) {
    owner_ = bytes.owner;
    values_ = {reinterpret_cast<const float*>(bytes.view.data()), count};
    return;
  }
  auto copy = std::make_shared<std::vector<float>>(count);
  std::memcpy(copy->data(), bytes.view.data(), bytes.size());
  values_ = *copy;
  owner_ = std::move(copy);
}

}  // namespace collegium
