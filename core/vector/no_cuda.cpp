#include "collegium/error.h"
#include "vector/passes.h"

namespace collegium::cuda {
namespace {

[[noreturn]] void refuse() {
  throw SystemError({.what = "this build has no CUDA kernels",
                     .remedy = "build with COLLEGIUM_CUDA=ON and nvcc"});
}

}  // namespace

std::string status() { return "this build has no CUDA kernels"; }
std::vector<int> usable() { return {}; }
float* allocate(std::size_t, int) { refuse(); }
void release(float*, int) noexcept {}
void copy_in(const VectorView&, const float*) { refuse(); }
void copy_out(float*, const VectorView&) { refuse(); }
double dot(const VectorView&, const VectorView&) { refuse(); }
bool all_finite(const VectorView&) { refuse(); }
void fill_zero(const VectorView&) { refuse(); }
void scale(const VectorView&, double) { refuse(); }
void add_scaled(const VectorView&, double, const VectorView&) { refuse(); }
void add_grid_noise(const VectorView&, double, const NoiseWords&) { refuse(); }

}  // namespace collegium::cuda
