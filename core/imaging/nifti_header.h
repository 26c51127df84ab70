#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "imaging/nifti.h"
#include "imaging/volume.h"

namespace collegium {

inline constexpr std::size_t kNifti1HeaderSize = 348;
inline constexpr std::size_t kNifti2HeaderSize = 540;

// Codes of the field `datatype`; complex, RGB and 128-bit types are refused.
enum class NiftiType : int {
  kUint8 = 2,
  kInt16 = 4,
  kInt32 = 8,
  kFloat32 = 16,
  kFloat64 = 64,
  kInt8 = 256,
  kUint16 = 512,
  kUint32 = 768,
  kInt64 = 1024,
  kUint64 = 1280
};

struct NiftiHeader {
  bool swapped = false;  // the file's byte order is not this machine's
  NiftiType type{};
  std::size_t bytes_per_voxel = 0;
  Grid grid;
  std::int64_t data_offset = 0;  // from the start of the (inflated) file
  double slope = 1, intercept = 0;
};

// 348, 540, or a DataError: this is no NIfTI file. Needs 348 bytes.
std::size_t nifti_header_size(std::span<const std::uint8_t> start, std::string_view name);

// `bytes` is exactly as long as nifti_header_size said. Every field used is checked; the others are
// not looked at.
NiftiHeader parse_nifti_header(std::span<const std::uint8_t> bytes, std::string_view name,
                               const VolumeLimits& limits);

}  // namespace collegium
