#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vector/chacha20.h"
#include "vector/device.h"

namespace collegium {

// The passes of collegium/vector_ops.h over views on any device; the views of one call have one
// size and one device (std::invalid_argument otherwise). SystemError when the device refuses. Every
// result has the same bits everywhere.
double l2_norm(VectorView x);
double dot(VectorView x, VectorView y);
bool all_finite(VectorView x);
void fill_zero(VectorView x);
void scale(VectorView x, double factor);
void add_scaled(VectorView sum, double factor, VectorView x);

// The passes on the CPU; sizes are the caller's business. add_grid_noise takes 4 words for every 2
// values begun.
namespace cpu {
double dot(const float* x, const float* y, std::size_t size);
bool all_finite(const float* x, std::size_t size);
void scale(float* x, std::size_t size, double factor);
void add_scaled(float* sum, double factor, const float* x, std::size_t size);
void add_scaled(double* sum, double factor, const float* x, std::size_t size);
void subtract(const float* a, const float* b, float* out, std::size_t size);
void add_grid_noise(float* x, std::size_t size, double sigma, const std::uint32_t* words);
}  // namespace cpu

// The passes on a GPU: cuda.cu, or no_cuda.cpp where the build had no nvcc; then every call but
// status() throws.
namespace cuda {
std::string status();  // "" if a GPU can be used
std::vector<int> usable();
float* allocate(std::size_t size, int device);
void release(float* data, int device) noexcept;
void copy_in(const VectorView& to, const float* from);
void copy_out(float* to, const VectorView& from);
double dot(const VectorView& x, const VectorView& y);
bool all_finite(const VectorView& x);
void fill_zero(const VectorView& x);
void scale(const VectorView& x, double factor);
void add_scaled(const VectorView& sum, double factor, const VectorView& x);
// Values 8b to 8b+7 are noised by the words of block first_block + b.
void add_grid_noise(const VectorView& x, double sigma, const NoiseWords& words);
}  // namespace cuda

// Folds the chunks' sums by pairs, in place: the same tree for every device and number of threads.
double fold_chunks(std::span<double> sums);

}  // namespace collegium
