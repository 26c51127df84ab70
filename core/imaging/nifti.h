#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "imaging/volume.h"

namespace collegium {

// Single-file NIfTI-1 and NIfTI-2, plain or gzip, either byte order (nifti.nimh.nih.gov). The
// reader is strict: sizes are checked before anything is allocated, the gzip checksum of every file
// is checked, only the named file is opened, and text fields of the header (they may hold a
// patient's name) are never looked at. Everything it refuses is a DataError naming the file, what
// was expected, what was found and what to do.
struct VolumeLimits {
  std::int64_t voxels = std::int64_t{1} << 29;  // over all axes
  std::int64_t trailing_bytes = std::int64_t{1}
                                << 20;  // after the last voxel, before the file's end
};

// Shape, affine and spacing; reads no voxel and, for gzip, checks no checksum.
Grid read_grid(const std::filesystem::path& path, const VolumeLimits& limits = {});

// slope * stored + intercept, worked out in double and rounded once. NaN and infinity pass (see
// require_finite).
Volume read_volume(const std::filesystem::path& path, const VolumeLimits& limits = {});

// The same, and every value must be integral after scaling and fit 32 bits.
LabelVolume read_labels(const std::filesystem::path& path, const VolumeLimits& limits = {});

// A file held in memory; `name` stands for it in errors.
Volume parse_volume(std::span<const std::uint8_t> bytes, std::string_view name,
                    const VolumeLimits& limits = {});

// Refuses NaN and infinite intensities: DataError with the file, the index of the first and how
// many there are.
void require_finite(const Volume& volume, const std::filesystem::path& path);

// A NIfTI-1 file, gzip if the name ends in .gz; `values` row-major [x, y, z]. Written beside and
// renamed, so a reader never sees half a file. SystemError if it cannot be written, DataError if an
// axis is longer than NIfTI-1 allows (32767).
void write_volume(const std::filesystem::path& path, std::span<const std::uint8_t> values,
                  const Extent& extent, const Affine& affine);
void write_volume(const std::filesystem::path& path, std::span<const float> values,
                  const Extent& extent, const Affine& affine);

}  // namespace collegium
