#pragma once
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace collegium::testing {

// A NIfTI file put together field by field, from the format's tables and not from our reader, so
// that it can be wrong in any way a test wants.
struct NiftiBytes {
  int version = 1;
  bool big_endian = false;
  std::vector<std::int64_t> dim{3, 2, 3, 4};
  int datatype = 4, bitpix = 16;
  double vox_offset = -1;  // below 0: right after the header and its four extension bytes
  double slope = 0, intercept = 0;
  std::string magic;  // empty: the right one
  std::array<double, 8> pixdim{1, 1, 1, 1, 1, 1, 1, 1};
  int qform_code = 0, sform_code = 1, units = 2;
  std::array<double, 6> quaternion_offset{};
  std::array<double, 12> sform{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
  std::string description;
  std::vector<std::uint8_t> voxels;

  template <class T>
  NiftiBytes& fill(const std::vector<T>& values) {
    for (const T value : values) {
      const auto raw = encode(value);
      voxels.insert(voxels.end(), raw.begin(), raw.end());
    }
    return *this;
  }

  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out(version == 1 ? 352 : 544);
    const double offset = vox_offset < 0 ? static_cast<double>(out.size()) : vox_offset;
    version == 1 ? write_1(out, offset) : write_2(out, offset);
    out.insert(out.end(), voxels.begin(), voxels.end());
    return out;
  }

 private:
  template <class T>
  std::array<std::uint8_t, sizeof(T)> encode(T value) const {
    std::array<std::uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), &value, sizeof(T));
    if (big_endian) std::reverse(raw.begin(), raw.end());
    return raw;
  }
  template <class T>
  void put(std::vector<std::uint8_t>& out, std::size_t at, T value) const {
    const auto raw = encode(value);
    std::copy(raw.begin(), raw.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  static void put_text(std::vector<std::uint8_t>& out, std::size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void write_1(std::vector<std::uint8_t>& out, double offset) const {
    put(out, 0, std::int32_t{348});
    for (std::size_t i = 0; i < dim.size(); ++i)
      put(out, 40 + 2 * i, static_cast<std::int16_t>(dim[i]));
    put(out, 70, static_cast<std::int16_t>(datatype));
    put(out, 72, static_cast<std::int16_t>(bitpix));
    for (std::size_t i = 0; i < 8; ++i) put(out, 76 + 4 * i, static_cast<float>(pixdim[i]));
    put(out, 108, static_cast<float>(offset));
    put(out, 112, static_cast<float>(slope));
    put(out, 116, static_cast<float>(intercept));
    put(out, 123, static_cast<std::uint8_t>(units));
    put_text(out, 148, description);
    put(out, 252, static_cast<std::int16_t>(qform_code));
    put(out, 254, static_cast<std::int16_t>(sform_code));
    for (std::size_t i = 0; i < 6; ++i)
      put(out, 256 + 4 * i, static_cast<float>(quaternion_offset[i]));
    for (std::size_t i = 0; i < 12; ++i) put(out, 280 + 4 * i, static_cast<float>(sform[i]));
    put_text(out, 344, magic.empty() ? std::string("n+1\0", 4) : magic);
  }

  void write_2(std::vector<std::uint8_t>& out, double offset) const {
    put(out, 0, std::int32_t{540});
    put_text(out, 4, magic.empty() ? std::string("n+2\0\r\n\032\n", 8) : magic);
    put(out, 12, static_cast<std::int16_t>(datatype));
    put(out, 14, static_cast<std::int16_t>(bitpix));
    for (std::size_t i = 0; i < dim.size(); ++i) put(out, 16 + 8 * i, dim[i]);
    for (std::size_t i = 0; i < 8; ++i) put(out, 104 + 8 * i, pixdim[i]);
    put(out, 168, static_cast<std::int64_t>(offset));
    put(out, 176, slope);
    put(out, 184, intercept);
    put_text(out, 240, description);
    put(out, 344, static_cast<std::int32_t>(qform_code));
    put(out, 348, static_cast<std::int32_t>(sform_code));
    for (std::size_t i = 0; i < 6; ++i) put(out, 352 + 8 * i, quaternion_offset[i]);
    for (std::size_t i = 0; i < 12; ++i) put(out, 400 + 8 * i, sform[i]);
    put(out, 500, static_cast<std::int32_t>(units));
  }
};

inline std::vector<std::uint8_t> gzipped(std::span<const std::uint8_t> bytes, int level = 6) {
  z_stream stream{};
  deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::vector<std::uint8_t> out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace collegium::testing
