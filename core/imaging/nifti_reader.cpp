#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "collegium/error.h"
#include "imaging/byte_stream.h"
#include "imaging/nifti.h"
#include "imaging/nifti_header.h"

namespace collegium {
namespace {

[[noreturn]] void truncated(const std::string& name, std::string expected, std::string found) {
  throw DataError({.what = "the file ends early",
                   .where = name,
                   .expected = std::move(expected),
                   .found = std::move(found),
                   .remedy = "copy or export the file again"});
}

NiftiHeader read_header(ByteStream& stream, const VolumeLimits& limits) {
  std::array<std::uint8_t, kNifti2HeaderSize> bytes;
  std::size_t have = stream.read(std::span(bytes).first(kNifti1HeaderSize));
  if (have < kNifti1HeaderSize) {
    truncated(stream.name(), "a header of 348 bytes", std::to_string(have) + " bytes");
  }
  const std::size_t size = nifti_header_size(bytes, stream.name());
  have += stream.read(std::span(bytes).subspan(have, size - have));
  if (have < size)
    truncated(stream.name(), "a header of 540 bytes", std::to_string(have) + " bytes");
  const NiftiHeader header =
      parse_nifti_header(std::span(bytes).first(size), stream.name(), limits);

  const auto needed = static_cast<std::uint64_t>(header.data_offset) +
                      static_cast<std::uint64_t>(header.grid.size()) * header.bytes_per_voxel;
  if (needed > stream.at_most()) {
    truncated(stream.name(), std::to_string(needed) + " bytes, as its header says",
              "at most " + std::to_string(stream.at_most()));
  }
  std::array<std::uint8_t, 4096> skipped;
  auto left = static_cast<std::size_t>(header.data_offset) - size;
  while (left > 0) {
    const std::size_t count = stream.read(std::span(skipped).first(std::min(left, skipped.size())));
    if (count == 0) truncated(stream.name(), "voxels", "the end of the file before them");
    left -= count;
  }
  return header;
}

// To the end, so that a gzip checksum is verified even when it follows more bytes than were needed.
void read_to_the_end(ByteStream& stream, const VolumeLimits& limits) {
  std::array<std::uint8_t, 4096> rest;
  std::int64_t seen = 0;
  while (const std::size_t count = stream.read(rest)) {
    seen += static_cast<std::int64_t>(count);
    if (seen > limits.trailing_bytes) {
      throw DataError(
          {.what = "data follows the last voxel",
           .where = stream.name(),
           .expected = "at most " + std::to_string(limits.trailing_bytes) + " bytes after it",
           .found = "more",
           .remedy = "the header and the data do not belong together; export the volume again"});
    }
  }
}

struct ToFloat {
  using Out = float;
  float operator()(double value) const {
    constexpr double kMost = std::numeric_limits<float>::max();
    if (std::abs(value) > kMost) {  // converting would be undefined
      return std::copysign(std::numeric_limits<float>::infinity(),
                           static_cast<float>(value > 0 ? 1 : -1));
    }
    return static_cast<float>(value);
  }
};

struct ToLabel {
  using Out = std::int32_t;
  const std::string& name;
  std::int32_t operator()(double value) const {
    const double nearest = std::nearbyint(value);
    // The slack is for a slope that is not a binary fraction.
    if (!(std::abs(value - nearest) <= 1e-5) || std::abs(nearest) > 0x1p31 - 1) {
      throw DataError({.what = "a label is not a whole number",
                       .where = name,
                       .expected = "integral values within 32 bits",
                       .found = std::to_string(value),
                       .remedy = "is this an image, or a label map resampled with interpolation?"});
    }
    return static_cast<std::int32_t>(nearest);
  }
};

template <class Stored, class Convert>
void decode_as(std::span<const std::uint8_t> bytes, const NiftiHeader& header,
               const Convert& convert, std::span<typename Convert::Out> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::array<std::uint8_t, sizeof(Stored)> raw;
    std::memcpy(raw.data(), bytes.data() + i * sizeof(Stored), sizeof(Stored));
    if (header.swapped) std::reverse(raw.begin(), raw.end());
    out[i] =
        convert(header.slope * static_cast<double>(std::bit_cast<Stored>(raw)) + header.intercept);
  }
}

template <class Convert>
void decode(std::span<const std::uint8_t> bytes, const NiftiHeader& header, const Convert& convert,
            std::span<typename Convert::Out> out) {
  switch (header.type) {
    case NiftiType::kUint8:
      return decode_as<std::uint8_t>(bytes, header, convert, out);
    case NiftiType::kInt8:
      return decode_as<std::int8_t>(bytes, header, convert, out);
    case NiftiType::kInt16:
      return decode_as<std::int16_t>(bytes, header, convert, out);
    case NiftiType::kUint16:
      return decode_as<std::uint16_t>(bytes, header, convert, out);
    case NiftiType::kInt32:
      return decode_as<std::int32_t>(bytes, header, convert, out);
    case NiftiType::kUint32:
      return decode_as<std::uint32_t>(bytes, header, convert, out);
    case NiftiType::kInt64:
      return decode_as<std::int64_t>(bytes, header, convert, out);
    case NiftiType::kUint64:
      return decode_as<std::uint64_t>(bytes, header, convert, out);
    case NiftiType::kFloat32:
      return decode_as<float>(bytes, header, convert, out);
    case NiftiType::kFloat64:
      return decode_as<double>(bytes, header, convert, out);
  }
}

// Where the planes of the file (x fastest) begin in a row-major array (last axis fastest).
struct Placement {
  explicit Placement(const std::vector<std::int64_t>& file_shape) : shape(file_shape) {
    shape.resize(std::max<std::size_t>(shape.size(), 3), 1);
    strides.assign(shape.size(), 1);
    for (std::size_t axis = shape.size() - 1; axis > 0; --axis) {
      strides[axis - 1] = strides[axis] * static_cast<std::size_t>(shape[axis]);
    }
    plane = static_cast<std::size_t>(shape[0] * shape[1]);
    for (std::size_t axis = 2; axis < shape.size(); ++axis)
      planes *= static_cast<std::size_t>(shape[axis]);
  }
  std::size_t start_of(std::size_t index) const {
    std::size_t start = 0;
    for (std::size_t axis = 2; axis < shape.size(); ++axis) {
      start += index % static_cast<std::size_t>(shape[axis]) * strides[axis];
      index /= static_cast<std::size_t>(shape[axis]);
    }
    return start;
  }
  std::vector<std::int64_t> shape;
  std::vector<std::size_t> strides;
  std::size_t plane = 1, planes = 1;
};

// A few planes at a time: reads and writes then both stay within cache lines already loaded.
template <class Convert>
std::vector<typename Convert::Out> read_voxels(ByteStream& stream, const NiftiHeader& header,
                                               const Convert& convert) {
  using Out = typename Convert::Out;
  const Placement place(header.grid.shape);
  const std::size_t together =
      std::min({place.planes, std::size_t{16},
                std::max<std::size_t>(1, (std::size_t{1} << 20) / place.plane)});
  std::vector<Out> values(static_cast<std::size_t>(header.grid.size()));
  std::vector<std::uint8_t> bytes(together * place.plane * header.bytes_per_voxel);
  std::vector<Out> block(together * place.plane);
  std::vector<std::size_t> starts(together);
  for (std::size_t first = 0; first < place.planes; first += together) {
    const std::size_t count = std::min(together, place.planes - first);
    const auto wanted = std::span(bytes).first(count * place.plane * header.bytes_per_voxel);
    if (const std::size_t have = stream.read(wanted); have < wanted.size()) {
      truncated(stream.name(), std::to_string(header.grid.size()) + " voxels",
                std::to_string(first * place.plane + have / header.bytes_per_voxel));
    }
    decode(wanted, header, convert, std::span(block).first(count * place.plane));
    for (std::size_t p = 0; p < count; ++p) starts[p] = place.start_of(first + p);
    const auto width = static_cast<std::size_t>(place.shape[0]);
    for (std::size_t i = 0; i < place.plane; ++i) {
      Out* target = values.data() + i % width * place.strides[0] + i / width * place.strides[1];
      for (std::size_t p = 0; p < count; ++p) target[starts[p]] = block[p * place.plane + i];
    }
  }
  return values;
}

Volume read_floats(ByteStream& stream, const VolumeLimits& limits) {
  NiftiHeader header = read_header(stream, limits);
  std::vector<float> values = read_voxels(stream, header, ToFloat{});
  read_to_the_end(stream, limits);
  return {std::move(header.grid), std::move(values)};
}

}  // namespace

Grid read_grid(const std::filesystem::path& path, const VolumeLimits& limits) {
  ByteStream stream(path);
  return read_header(stream, limits).grid;
}

Volume read_volume(const std::filesystem::path& path, const VolumeLimits& limits) {
  ByteStream stream(path);
  return read_floats(stream, limits);
}

Volume parse_volume(std::span<const std::uint8_t> bytes, std::string_view name,
                    const VolumeLimits& limits) {
  ByteStream stream(bytes, name);
  return read_floats(stream, limits);
}

LabelVolume read_labels(const std::filesystem::path& path, const VolumeLimits& limits) {
  ByteStream stream(path);
  NiftiHeader header = read_header(stream, limits);
  std::vector<std::int32_t> values = read_voxels(stream, header, ToLabel{stream.name()});
  read_to_the_end(stream, limits);
  return {std::move(header.grid), std::move(values)};
}

void require_finite(const Volume& volume, const std::filesystem::path& path) {
  const auto bad = [](float value) { return !std::isfinite(value); };
  const auto first = std::find_if(volume.values.begin(), volume.values.end(), bad);
  if (first == volume.values.end()) return;
  const auto index = first - volume.values.begin();
  const auto count = std::count_if(first, volume.values.end(), bad);
  throw DataError({.what = "intensities are not numbers",
                   .where = path.string(),
                   .expected = "finite values in every voxel",
                   .found = std::to_string(count) + " NaN or infinite, the first at index " +
                            std::to_string(index),
                   .remedy = "repair the volume; a NaN would spread to the whole network"});
}

}  // namespace collegium
