#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "collegium/api.h"

namespace collegium {

// One tensor inside the flat model vector.
struct Slot {
  std::string name;                 // as in the network's state dict
  std::vector<std::int64_t> shape;  // row-major
  std::size_t offset = 0;           // in floats, from the start of the vector
  std::size_t size = 0;             // in floats: the product of the shape
  bool trainable = true;  // false: it takes no gradient, and no optimizer or noise touches it
  bool buffer = false;    // running statistics: not trainable, but part of an update; what is
                          // neither is frozen, never moves and never leaves a site
};

// A model is one flat float32 vector; the layout says which slice is which tensor. Slots lie back
// to back.
class COLLEGIUM_API Layout {
 public:
  void add(std::string name, std::vector<std::int64_t> shape, bool trainable = true);
  void add_buffer(std::string name, std::vector<std::int64_t> shape);
  const std::vector<Slot>& slots() const { return slots_; }
  std::size_t size() const { return size_; }  // floats in the whole vector

  // BLAKE2b-256 over names, shapes, offsets and flags, in hex: two processes agree on a layout by
  // this.
  std::string hash() const;
  bool operator==(const Layout& other) const;

 private:
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace collegium
