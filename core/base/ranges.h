#pragma once
#include <cstddef>
#include <vector>

#include "collegium/layout.h"

namespace collegium {

// A contiguous stretch of the flat vector, in floats.
struct Range {
  std::size_t offset = 0, size = 0;
};

// The trainable slots, neighbours joined.
std::vector<Range> trainable_ranges(const Layout& layout);

// What an update may hold: the trainable slots and the buffers.
std::vector<Range> moving_ranges(const Layout& layout);

// The trainable slots of each layer on its own. A layer is a run of slots whose names agree up to
// the last dot: the weight and the bias of one convolution. Layers without anything trainable are
// left out.
std::vector<std::vector<Range>> layer_ranges(const Layout& layout);

}  // namespace collegium
