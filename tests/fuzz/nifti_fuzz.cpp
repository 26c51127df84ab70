#include <cstddef>
#include <cstdint>

#include "collegium/error.h"
#include "imaging/nifti.h"

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
