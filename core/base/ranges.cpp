#include "base/ranges.h"

#include <string_view>

namespace collegium {
namespace {

void join(std::vector<Range>& ranges, const Slot& slot, bool with_buffers = false) {
  if ((!slot.trainable && !(with_buffers && slot.buffer)) || slot.size == 0) return;
  if (!ranges.empty() && ranges.back().offset + ranges.back().size == slot.offset)
    ranges.back().size += slot.size;
  else
    ranges.push_back({slot.offset, slot.size});
}

std::string_view layer_of(const Slot& slot) {
  const auto dot = slot.name.rfind('.');
  return std::string_view(slot.name).substr(0, dot == std::string::npos ? 0 : dot);
}

}  // namespace

std::vector<Range> trainable_ranges(const Layout& layout) {
  std::vector<Range> ranges;
  for (const auto& slot : layout.slots()) join(ranges, slot);
  return ranges;
}

std::vector<Range> moving_ranges(const Layout& layout) {
  std::vector<Range> ranges;
  for (const auto& slot : layout.slots()) join(ranges, slot, true);
  return ranges;
}

std::vector<std::vector<Range>> layer_ranges(const Layout& layout) {
  std::vector<std::vector<Range>> layers;
  const Slot* before = nullptr;
  for (const auto& slot : layout.slots()) {
    if (before == nullptr || layer_of(*before) != layer_of(slot)) {
      if (layers.empty() || !layers.back().empty()) layers.emplace_back();
    }
    join(layers.back(), slot);
    before = &slot;
  }
  if (!layers.empty() && layers.back().empty()) layers.pop_back();
  return layers;
}

}  // namespace collegium
