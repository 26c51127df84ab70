#include <algorithm>
#include <vector>

#include "vector/bodies.h"
#include "vector/passes.h"

// The same loop compiled for three instruction sets, chosen when the library is loaded. Results do
// not differ: this file is compiled without fused multiply-add. Sanitizers cannot run before the
// choice is made.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define COLLEGIUM_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define COLLEGIUM_CLONES
#endif

namespace collegium {
namespace cpu {
namespace {

COLLEGIUM_CLONES double dot_chunk(const float* x, const float* y, std::size_t size) {
  double lanes[kLanes] = {};
  const std::size_t rows = size / kLanes;
  for (std::size_t row = 0; row < rows; ++row, x += kLanes, y += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += static_cast<double>(x[lane]) * y[lane];
  for (std::size_t lane = 0; lane < size % kLanes; ++lane)
    lanes[lane] += static_cast<double>(x[lane]) * y[lane];
  for (std::size_t half = kLanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

COLLEGIUM_CLONES bool finite_chunk(const float* x, std::size_t size) {
  std::uint32_t bad = 0;
  for (std::size_t i = 0; i < size; ++i) bad |= !is_finite_bits(x[i]);
  return bad == 0;
}

}  // namespace

double dot(const float* x, const float* y, std::size_t size) {
  std::vector<double> sums;
  sums.reserve(size / kChunk + 1);
  for (std::size_t at = 0; at < size; at += kChunk)
    sums.push_back(dot_chunk(x + at, y + at, std::min(kChunk, size - at)));
  return fold_chunks(sums);
}

bool all_finite(const float* x, std::size_t size) {
  for (std::size_t at = 0; at < size; at += kChunk)
    if (!finite_chunk(x + at, std::min(kChunk, size - at))) return false;
  return true;
}

COLLEGIUM_CLONES void scale(float* x, std::size_t size, double factor) {
  const Scale body{factor};
  for (std::size_t i = 0; i < size; ++i) x[i] = body(x[i]);
}

COLLEGIUM_CLONES void add_scaled(float* sum, double factor, const float* x, std::size_t size) {
  const AddScaled body{factor};
  for (std::size_t i = 0; i < size; ++i) sum[i] = body(sum[i], x[i]);
}

COLLEGIUM_CLONES void add_scaled(double* sum, double factor, const float* x, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) sum[i] += factor * static_cast<double>(x[i]);
}

COLLEGIUM_CLONES void subtract(const float* a, const float* b, float* out, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out[i] = a[i] - b[i];
}

COLLEGIUM_CLONES void add_grid_noise(float* x, std::size_t size, double sigma,
                                     const std::uint32_t* words) {
  const GridNoise body(sigma);
  const std::size_t pairs = size / 2;
  for (std::size_t p = 0; p < pairs; ++p) {
    const NormalPair normals = box_muller(words + 4 * p);
    x[2 * p] = body(x[2 * p], normals.first);
    x[2 * p + 1] = body(x[2 * p + 1], normals.second);
  }
  if (size % 2 == 1) x[size - 1] = body(x[size - 1], box_muller(words + 4 * pairs).first);
}

}  // namespace cpu

double fold_chunks(std::span<double> sums) {
  std::size_t left = sums.size();
  if (left == 0) return 0.0;
  for (; left > 1; left = (left + 1) / 2) {
    for (std::size_t i = 0; i < left / 2; ++i) sums[i] = sums[2 * i] + sums[2 * i + 1];
    if (left % 2 == 1) sums[left / 2] = sums[left - 1];
  }
  return sums[0];
}

}  // namespace collegium
