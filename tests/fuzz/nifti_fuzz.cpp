#include "collegium/error.h"
#include "fuzz/target.h"
#include "imaging/nifti.h"
#include "imaging/nifti_bytes.h"

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  struct Type {
    int code, bits;
  };
  std::vector<FuzzInput> files;
  for (const auto& [code, bits] : {Type{2, 8},
                                   {256, 8},
                                   {4, 16},
                                   {512, 16},
                                   {8, 32},
                                   {768, 32},
                                   {1024, 64},
                                   {1280, 64},
                                   {16, 32},
                                   {64, 64}}) {
    for (const int version : {1, 2}) {
      for (const bool big_endian : {false, true}) {
        NiftiBytes file;
        file.version = version;
        file.big_endian = big_endian;
        file.datatype = code;
        file.bitpix = bits;
        file.slope = version;
        file.qform_code = 1;
        file.sform_code = big_endian ? 1 : 0;
        file.voxels.assign(static_cast<std::size_t>(24 * bits / 8), 0x3f);
        files.push_back(file.bytes());
        files.push_back(gzipped(files.back()));
      }
    }
  }
  NiftiBytes series;
  series.dim = {4, 2, 3, 4, 5};
  series.vox_offset = 352 + 32;
  series.voxels.resize(32 + 2 * 120);
  files.push_back(series.bytes());
  return files;
}

// Behind a valid checksum: else few mutations would reach what lies behind inflating.
FuzzInput disguised(FuzzInput input) { return gzipped(input); }

}  // namespace collegium::testing

// Any bytes are either a volume, whole and within the limits, or a DataError that says why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Small enough that the fuzzer spends its time on headers, not on filling memory.
  const collegium::VolumeLimits limits{.voxels = 1 << 16, .trailing_bytes = 1 << 12};
  try {
    const collegium::Volume volume = collegium::parse_volume({data, size}, "fuzz", limits);
    if (volume.grid.size() < 1 || volume.grid.size() > limits.voxels) __builtin_trap();
    if (volume.values.size() != static_cast<std::size_t>(volume.grid.size())) __builtin_trap();
    for (const double length : volume.grid.spacing) {
      if (!(length > 0)) __builtin_trap();
    }
  } catch (const collegium::DataError&) {
  }
  return 0;
}
