#include "collegium/layout.h"

#include <limits>
#include <utility>

#include "base/hash.h"
#include "collegium/error.h"

namespace collegium {

void Layout::add(std::string name, std::vector<std::int64_t> shape, bool trainable) {
  std::size_t size = 1;
  for (const std::int64_t extent : shape) {
    const auto limit =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / sizeof(float);
    if (extent < 0 || (extent > 0 && size > limit / static_cast<std::uint64_t>(extent))) {
      throw ConfigError({.what = "tensor '" + name + "' has an impossible shape",
                         .expected = "extents of 0 or more whose product fits memory",
                         .found = "extent " + std::to_string(extent)});
    }
    size *= static_cast<std::size_t>(extent);
  }
  for (const Slot& slot : slots_) {
    if (slot.name == name)
      throw ConfigError({.what = "two tensors of the model are named '" + name + "'"});
  }
  slots_.push_back({std::move(name), std::move(shape), size_, size, trainable, false});
  size_ += size;
}

void Layout::add_buffer(std::string name, std::vector<std::int64_t> shape) {
  add(std::move(name), std::move(shape), false);
  slots_.back().buffer = true;
}

std::string Layout::hash() const {
  Hasher hasher;
  hasher.add(std::string_view("collegium layout 1"));
  hasher.add(std::uint64_t{slots_.size()});
  for (const Slot& slot : slots_) {
    hasher.add(slot.name);
    hasher.add(std::uint64_t{slot.shape.size()});
    for (const std::int64_t extent : slot.shape) hasher.add(static_cast<std::uint64_t>(extent));
    hasher.add(std::uint64_t{slot.offset});
    hasher.add(std::uint64_t{slot.trainable} + 2 * std::uint64_t{slot.buffer});
  }
  return to_hex(hasher.finish());
}

bool Layout::operator==(const Layout& other) const {
  if (size_ != other.size_ || slots_.size() != other.slots_.size()) return false;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& a = slots_[i];
    const Slot& b = other.slots_[i];
    if (a.name != b.name || a.shape != b.shape || a.offset != b.offset ||
        a.trainable != b.trainable || a.buffer != b.buffer)
      return false;
  }
  return true;
}

}  // namespace collegium
