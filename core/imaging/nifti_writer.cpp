#include <zlib.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "collegium/error.h"
#include "imaging/nifti.h"
#include "imaging/nifti_header.h"

namespace collegium {
namespace {

constexpr std::size_t kDataOffset = kNifti1HeaderSize + 4;  // four zero bytes: no extension follows

class HeaderBytes {
 public:
  template <class T>
  void put(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(T));
  }
  void put_text(std::size_t offset, std::string_view text) {
    std::memcpy(bytes_.data() + offset, text.data(), text.size());
  }
  const std::array<std::uint8_t, kDataOffset>& bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, kDataOffset> bytes_{};
};

HeaderBytes make_header(NiftiType type, int bits, const Extent& extent, const Affine& affine) {
  HeaderBytes header;
  header.put<std::int32_t>(0, 348);
  const Spacing spacing = spacing_of(affine);
  header.put<std::int16_t>(40, 3);
  header.put<float>(76, 1);
  for (std::size_t axis = 0; axis < 7; ++axis) {
    const bool spatial = axis < 3;
    header.put<std::int16_t>(42 + 2 * axis, static_cast<std::int16_t>(spatial ? extent[axis] : 1));
    header.put<float>(80 + 4 * axis, static_cast<float>(spatial ? spacing[axis] : 1));
  }
  header.put<std::int16_t>(70, static_cast<std::int16_t>(type));
  header.put<std::int16_t>(72, static_cast<std::int16_t>(bits));
  header.put<float>(108, kDataOffset);
  header.put<float>(112, 1);         // scl_slope
  header.put<std::uint8_t>(123, 2);  // xyzt_units: mm
  header.put<std::int16_t>(254, 1);  // sform_code: scanner coordinates
  for (std::size_t i = 0; i < 12; ++i) {
    header.put<float>(280 + 4 * i, static_cast<float>(affine[i / 4][i % 4]));
  }
  header.put_text(344, "n+1");
  return header;
}

// Row-major [x, y, z] to x fastest.
template <class T>
void append_voxels(std::span<const T> values, const Extent& extent,
                   std::vector<std::uint8_t>& file) {
  const auto x_count = static_cast<std::size_t>(extent[0]),
             y_count = static_cast<std::size_t>(extent[1]),
             z_count = static_cast<std::size_t>(extent[2]);
  const std::size_t start = file.size();
  file.resize(start + values.size() * sizeof(T));
  std::uint8_t* out = file.data() + start;
  for (std::size_t z = 0; z < z_count; ++z) {
    for (std::size_t y = 0; y < y_count; ++y) {
      for (std::size_t x = 0; x < x_count; ++x, out += sizeof(T)) {
        std::memcpy(out, &values[(x * y_count + y) * z_count + z], sizeof(T));
      }
    }
  }
}

std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::bad_alloc();
  }
  std::vector<std::uint8_t> out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int state = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (state != Z_STREAM_END) throw std::bad_alloc();
  return out;
}

template <class T>
void write(const std::filesystem::path& path, std::span<const T> values, const Extent& extent,
           const Affine& affine, NiftiType type) {
  for (const std::int64_t length : extent) {
    if (length < 1 || length > 32767) {
      throw DataError({.what = "the volume does not fit a NIfTI-1 file",
                       .where = path.string(),
                       .expected = "axes of 1 to 32767",
                       .found = std::to_string(length)});
    }
  }
  if (static_cast<std::int64_t>(values.size()) != voxels(extent) ||
      values.size_bytes() > (std::size_t{1} << 31)) {
    throw DataError({.what = "the values do not fill the volume",
                     .where = path.string(),
                     .expected = std::to_string(voxels(extent)) + " values, 2 GiB at most",
                     .found = std::to_string(values.size())});
  }
  const HeaderBytes header = make_header(type, static_cast<int>(8 * sizeof(T)), extent, affine);
  std::vector<std::uint8_t> file(header.bytes().begin(), header.bytes().end());
  append_voxels(values, extent, file);
  write_file_atomically(path.string(), {path.extension() == ".gz" ? gzip(file) : file});
}

}  // namespace

void write_volume(const std::filesystem::path& path, std::span<const std::uint8_t> values,
                  const Extent& extent, const Affine& affine) {
  write(path, values, extent, affine, NiftiType::kUint8);
}

void write_volume(const std::filesystem::path& path, std::span<const float> values,
                  const Extent& extent, const Affine& affine) {
  write(path, values, extent, affine, NiftiType::kFloat32);
}

}  // namespace collegium
