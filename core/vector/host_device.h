#pragma once
#include <cstdint>
#include <cstring>

// Marks a body that is compiled for the CPU and, by nvcc, for the GPU.
#if defined(__CUDACC__)
#define COLLEGIUM_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define COLLEGIUM_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace collegium {

COLLEGIUM_HOST_DEVICE std::uint64_t bits_of(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

COLLEGIUM_HOST_DEVICE double from_bits(std::uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace collegium
