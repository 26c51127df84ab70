#include "torch/data/examples.h"

#include <algorithm>
#include <array>

#include "imaging/transforms.h"

namespace collegium {
namespace {

std::vector<float> as_floats(const Array& array) {
  std::vector<float> values(static_cast<std::size_t>(array.size()));
  const auto copy = [&](const auto* from) {
    std::transform(from, from + values.size(), values.begin(),
                   [](auto x) { return static_cast<float>(x); });
  };
  switch (array.type) {
    case ElementType::float32:
      copy(static_cast<const float*>(array.data));
      break;
    case ElementType::uint8:
      copy(static_cast<const std::uint8_t*>(array.data));
      break;
    case ElementType::int16:
      copy(static_cast<const std::int16_t*>(array.data));
      break;
    case ElementType::int64:
      copy(static_cast<const std::int64_t*>(array.data));
      break;
  }
  return values;
}

// What part of a volume is taken, and which axes are mirrored.
struct Window {
  Extent volume{}, start{}, size{};
  std::array<bool, 3> mirrored{};

  std::vector<float> cut(const Array& array) const {
    const auto channels = array.shape[0];
    std::vector<float> out(static_cast<std::size_t>(channels * voxels(size)));
    const auto count = static_cast<std::size_t>(array.size());
    if (array.type == ElementType::float32) {
      crop<float>({static_cast<const float*>(array.data), count}, channels, volume, start, size,
                  out);
    } else if (array.type == ElementType::uint8) {
      std::vector<std::uint8_t> part(out.size());
      crop<std::uint8_t>({static_cast<const std::uint8_t*>(array.data), count}, channels, volume,
                         start, size, part);
      std::copy(part.begin(), part.end(), out.begin());
    } else {
      crop<float>(as_floats(array), channels, volume, start, size, out);
    }
    for (int axis = 0; axis < 3; ++axis)
      if (mirrored[static_cast<std::size_t>(axis)]) flip<float>(out, channels, size, axis);
    return out;
  }
};

Extent extent_of(const Array& array) { return {array.shape[1], array.shape[2], array.shape[3]}; }

bool is_volume(const Array& array) { return array.shape.size() == 4; }

// 1 where any region is.
std::vector<std::uint8_t> labelled(const Array& target) {
  const auto values = as_floats(target);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(voxels(extent_of(target))));
  for (std::size_t region = 0; region < values.size(); region += mask.size())
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] |= values[region + i] != 0;
  return mask;
}

Window choose_window(const Item& item, const TrainingConfig& training, std::int64_t divisor,
                     Draws& draws) {
  Window window{.volume = extent_of(item.input)};
  window.size = training.crop.empty()
                    ? round_up(window.volume, divisor)
                    : Extent{training.crop[0], training.crop[1], training.crop[2]};
  const bool whole = window.size == window.volume;
  const bool centred = draws.uniform() < training.crop_foreground;
  const std::array<double, 3> place = {draws.uniform(), draws.uniform(), draws.uniform()};
  for (auto& mirrored : window.mirrored) mirrored = draws.coin() && training.flip;
  if (whole) return window;
  if (centred && is_volume(item.target) && extent_of(item.target) == window.volume)
    window.start =
        foreground_crop_start(labelled(item.target), window.volume, window.size, place[0]);
  else
    window.start = crop_start(window.volume, window.size, place);
  return window;
}

}  // namespace

Example make_example(const Item& item, const TrainingConfig& training, bool as_scanned,
                     Draws& draws, std::int64_t divisor) {
  if (!is_volume(item.input)) return whole_example(item, as_scanned);
  const auto window = choose_window(item, training, divisor, draws);
  const auto& size = window.size;
  Example example;
  example.input = window.cut(item.input);
  example.input_shape = {item.input.shape[0], size[0], size[1], size[2]};
  if (is_volume(item.target)) {
    example.target = window.cut(item.target);
    example.target_shape = {item.target.shape[0], size[0], size[1], size[2]};
  } else {
    example.target = as_floats(item.target);
    example.target_shape = item.target.shape;
  }
  example.index_target = item.target.type == ElementType::int64;
  if (as_scanned) normalise_nonzero(example.input, item.input.shape[0]);
  const auto factor = 1 + draws.uniform(-training.intensity_scale, training.intensity_scale);
  const auto shift = draws.uniform(-training.intensity_shift, training.intensity_shift);
  scale_and_shift(example.input, static_cast<float>(factor), static_cast<float>(shift));
  return example;
}

Example whole_example(const Item& item, bool as_scanned) {
  Example example{as_floats(item.input), as_floats(item.target), item.input.shape,
                  item.target.shape, item.target.type == ElementType::int64};
  if (as_scanned) normalise_nonzero(example.input, item.input.shape[0]);
  return example;
}

}  // namespace collegium
