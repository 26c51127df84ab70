#include "imaging/nifti_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "collegium/error.h"
#include "imaging/nifti_affine.h"

namespace collegium {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the reader swaps bytes for little-endian machines");

struct TypeFacts {
  int code;
  int bits;
};
constexpr TypeFacts kTypes[] = {{2, 8},   {4, 16},   {8, 32},   {16, 32},   {64, 64},
                                {256, 8}, {512, 16}, {768, 32}, {1024, 64}, {1280, 64}};

// Fields by offset, in the file's byte order.
class Fields {
 public:
  Fields(std::span<const std::uint8_t> bytes, bool swapped) : bytes_(bytes), swapped_(swapped) {}

  template <class T>
  T at(std::size_t offset) const {
    std::array<std::uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    return std::bit_cast<T>(raw);
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool swapped_;
};

// The two versions hold the same things at other places and widths.
struct RawHeader {
  std::array<std::int64_t, 8> dim;
  int datatype, bitpix, units;
  double vox_offset, slope, intercept;
  RawOrientation orientation;
};

RawHeader read_version_1(const Fields& f) {
  RawHeader h{};
  for (std::size_t i = 0; i < 8; ++i) h.dim[i] = f.at<std::int16_t>(40 + 2 * i);
  for (std::size_t i = 0; i < 4; ++i) h.orientation.pixdim[i] = f.at<float>(76 + 4 * i);
  for (std::size_t i = 0; i < 3; ++i) h.orientation.quaternion[i] = f.at<float>(256 + 4 * i);
  for (std::size_t i = 0; i < 3; ++i) h.orientation.offset[i] = f.at<float>(268 + 4 * i);
  for (std::size_t i = 0; i < 12; ++i) h.orientation.rows[i] = f.at<float>(280 + 4 * i);
  h.orientation.qform_code = f.at<std::int16_t>(252);
  h.orientation.sform_code = f.at<std::int16_t>(254);
  h.datatype = f.at<std::int16_t>(70);
  h.bitpix = f.at<std::int16_t>(72);
  h.units = f.at<std::uint8_t>(123);
  h.vox_offset = f.at<float>(108);
  h.slope = f.at<float>(112);
  h.intercept = f.at<float>(116);
  return h;
}

RawHeader read_version_2(const Fields& f) {
  RawHeader h{};
  for (std::size_t i = 0; i < 8; ++i) h.dim[i] = f.at<std::int64_t>(16 + 8 * i);
  for (std::size_t i = 0; i < 4; ++i) h.orientation.pixdim[i] = f.at<double>(104 + 8 * i);
  for (std::size_t i = 0; i < 3; ++i) h.orientation.quaternion[i] = f.at<double>(352 + 8 * i);
  for (std::size_t i = 0; i < 3; ++i) h.orientation.offset[i] = f.at<double>(376 + 8 * i);
  for (std::size_t i = 0; i < 12; ++i) h.orientation.rows[i] = f.at<double>(400 + 8 * i);
  h.orientation.qform_code = f.at<std::int32_t>(344);
  h.orientation.sform_code = f.at<std::int32_t>(348);
  h.datatype = f.at<std::int16_t>(12);
  h.bitpix = f.at<std::int16_t>(14);
  h.units = f.at<std::int32_t>(500);
  h.vox_offset = static_cast<double>(f.at<std::int64_t>(168));
  h.slope = f.at<double>(176);
  h.intercept = f.at<double>(184);
  return h;
}

std::vector<std::int64_t> checked_shape(const std::array<std::int64_t, 8>& dim,
                                        std::string_view name, const VolumeLimits& limits) {
  if (dim[0] < 1 || dim[0] > 7) {
    throw DataError({.what = "the header's number of axes is impossible",
                     .where = std::string(name),
                     .expected = "1 to 7",
                     .found = std::to_string(dim[0])});
  }
  std::int64_t total = 1;
  for (std::int64_t axis = 1; axis <= dim[0]; ++axis) {
    const std::int64_t length = dim[static_cast<std::size_t>(axis)];
    if (length < 1) {
      throw DataError({.what = "axis " + std::to_string(axis) + " has an impossible length",
                       .where = std::string(name),
                       .expected = "1 or more",
                       .found = std::to_string(length)});
    }
    if (total > limits.voxels / length) {
      throw DataError(
          {.what = "the header claims too many voxels",
           .where = std::string(name),
           .expected = "at most " + std::to_string(limits.voxels),
           .found = std::to_string(total) + " times " + std::to_string(length) + " or more",
           .remedy = "the header is damaged, or the volume should be resampled first"});
    }
    total *= length;
  }
  return {dim.begin() + 1, dim.begin() + 1 + dim[0]};
}

std::size_t checked_type(int datatype, int bitpix, std::string_view name) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const TypeFacts& t) { return t.code == datatype; });
  if (type == std::end(kTypes)) {
    throw DataError({.what = "the voxel type is not supported",
                     .where = std::string(name),
                     .expected = "8 to 64 bit integers, float or double",
                     .found = "datatype " + std::to_string(datatype),
                     .remedy = "convert it to int16 or float32"});
  }
  if (type->bits != bitpix) {
    throw DataError({.what = "the header contradicts itself about the voxel type",
                     .where = std::string(name),
                     .expected = "bitpix " + std::to_string(type->bits) + " for datatype " +
                                 std::to_string(datatype),
                     .found = std::to_string(bitpix)});
  }
  return static_cast<std::size_t>(bitpix / 8);
}

std::int64_t checked_offset(double offset, std::int64_t least, std::string_view name) {
  // The bound keeps the conversion and later sums exact; whether the file is that long comes later.
  if (!(offset >= static_cast<double>(least)) || offset > 0x1p40 || offset != std::floor(offset)) {
    throw DataError(
        {.what = "the voxels cannot begin there",
         .where = std::string(name),
         .expected = "vox_offset of " + std::to_string(least) + " or more, inside the file",
         .found = std::to_string(offset)});
  }
  return static_cast<std::int64_t>(offset);
}

bool is_dicom(std::span<const std::uint8_t> start) {
  return start.size() >= 132 && std::memcmp(start.data() + 128, "DICM", 4) == 0;
}

void check_magic(std::span<const std::uint8_t> bytes, std::string_view name) {
  const bool second = bytes.size() == kNifti2HeaderSize;
  const std::uint8_t* magic = bytes.data() + (second ? 4 : 344);
  const bool good =
      second ? std::memcmp(magic, "n+2\0\r\n\032\n", 8) == 0 : std::memcmp(magic, "n+1\0", 4) == 0;
  if (good) return;
  const bool pair = std::memcmp(magic, "ni1", 4) == 0 || std::memcmp(magic, "ni2", 4) == 0;
  throw DataError({.what = pair ? "header and image in two files are not supported"
                                : "the header lacks NIfTI's magic number",
                   .where = std::string(name),
                   .expected = second ? "n+2" : "n+1",
                   .found = pair ? "a .hdr/.img pair" : "something else, perhaps ANALYZE 7.5",
                   .remedy = "convert it to a single .nii.gz file"});
}

}  // namespace

std::size_t nifti_header_size(std::span<const std::uint8_t> start, std::string_view name) {
  for (const bool swapped : {false, true}) {
    const auto size = Fields(start, swapped).at<std::int32_t>(0);
    if (size == 348) return kNifti1HeaderSize;
    if (size == 540) return kNifti2HeaderSize;
  }
  throw DataError({.what = "not a NIfTI file",
                   .where = std::string(name),
                   .expected = "a header of 348 or 540 bytes",
                   .found = is_dicom(start) ? "a DICOM file" : "other data",
                   .remedy = "convert it to NIfTI, DICOM for instance with dcm2niix"});
}

NiftiHeader parse_nifti_header(std::span<const std::uint8_t> bytes, std::string_view name,
                               const VolumeLimits& limits) {
  const auto size = static_cast<std::int32_t>(bytes.size());
  NiftiHeader header;
  header.swapped = Fields(bytes, false).at<std::int32_t>(0) != size;
  check_magic(bytes, name);
  const Fields fields(bytes, header.swapped);
  const RawHeader raw =
      bytes.size() == kNifti1HeaderSize ? read_version_1(fields) : read_version_2(fields);

  header.grid.shape = checked_shape(raw.dim, name, limits);
  header.bytes_per_voxel = checked_type(raw.datatype, raw.bitpix, name);
  header.type = static_cast<NiftiType>(raw.datatype);
  header.data_offset = checked_offset(raw.vox_offset, size + 4, name);
  header.grid.affine = nifti_affine(raw.orientation, raw.units, name);
  header.grid.spacing = spacing_of(header.grid.affine);
  if (std::isfinite(raw.slope) && raw.slope != 0) {
    if (std::isinf(raw.intercept)) {
      throw DataError({.what = "the intensity intercept is infinite",
                       .where = std::string(name),
                       .expected = "a finite scl_inter",
                       .found = "infinity"});
    }
    header.slope = raw.slope;
    header.intercept = std::isnan(raw.intercept) ? 0 : raw.intercept;
  }
  return header;
}

}  // namespace collegium
