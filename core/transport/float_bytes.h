#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "wire/message.h"

namespace collegium {

// A flat vector as it lies in a blob: raw little-endian float32.
Bytes bytes_of(std::vector<float> values);  // takes the buffer over
Bytes bytes_of(std::shared_ptr<float[]> values, std::size_t count);

// The floats in `bytes`, whose size must be a multiple of 4 (ProtocolError otherwise). Shares the
// buffer where it is aligned; bytes that came inside a message may not be, and are copied.
class Floats {
 public:
  explicit Floats(const Bytes& bytes);
  std::span<const float> values() const { return values_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const float> values_;
};

}  // namespace collegium
