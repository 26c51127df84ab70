#include <cuda_runtime.h>

#include <algorithm>
#include <string>
#include <vector>

#include "collegium/error.h"
#include "vector/bodies.h"
#include "vector/passes.h"

namespace collegium::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int kLeastCapability = 8;  // the kernels are compiled for 8.0 and later
static_assert(kLanes == kWarp, "a warp holds the lanes of one chunk");

void check(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  throw SystemError({.what = std::string("CUDA: ") + what, .found = cudaGetErrorString(code)});
}

// Makes a device current and puts the caller's back.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    check(cudaGetDevice(&before_), "no current device");
    check(cudaSetDevice(device), "the device cannot be used");
  }
  ~OnDevice() { cudaSetDevice(before_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

// A few bytes on the device for the length of one call.
template <class T>
class Scratch {
 public:
  Scratch(std::size_t size, cudaStream_t stream) : stream_(stream) {
    check(cudaMallocAsync(reinterpret_cast<void**>(&data_), size * sizeof(T), stream),
          "no memory for a partial sum");
  }
  ~Scratch() { cudaFreeAsync(data_, stream_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  cudaStream_t stream_;
};

cudaStream_t stream_of(const VectorView& x) { return static_cast<cudaStream_t>(x.stream); }

// Every kernel strides over its work, so any number of blocks is right; this many fill the largest
// GPUs.
unsigned blocks_for(std::size_t threads) {
  return static_cast<unsigned>(
      std::clamp<std::size_t>((threads + kThreads - 1) / kThreads, 1, 4096));
}

__device__ std::size_t first_index() { return std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ std::size_t index_stride() { return std::size_t{gridDim.x} * blockDim.x; }

__global__ void scale_kernel(float* x, std::size_t size, Scale body) {
  for (std::size_t i = first_index(); i < size; i += index_stride()) x[i] = body(x[i]);
}

__global__ void add_scaled_kernel(float* sum, const float* x, std::size_t size, AddScaled body) {
  for (std::size_t i = first_index(); i < size; i += index_stride()) sum[i] = body(sum[i], x[i]);
}

__global__ void finite_kernel(const float* x, std::size_t size, int* bad) {
  for (std::size_t i = first_index(); i < size; i += index_stride())
    if (!is_finite_bits(x[i])) *bad = 1;  // all who write write the same
}

// One warp a chunk: lane i sums elements i, i + 32, ... in order, then the lanes fold by halves.
__global__ void dot_kernel(const float* x, const float* y, std::size_t size, double* sums) {
  const std::size_t chunks = (size + kChunk - 1) / kChunk;
  const unsigned lane = threadIdx.x % kWarp;
  for (std::size_t chunk = first_index() / kWarp; chunk < chunks; chunk += index_stride() / kWarp) {
    const std::size_t end = chunk * kChunk + kChunk < size ? chunk * kChunk + kChunk : size;
    double sum = 0.0;
    for (std::size_t i = chunk * kChunk + lane; i < end; i += kWarp)
      sum += static_cast<double>(x[i]) * y[i];
    for (int half = kWarp / 2; half > 0; half /= 2) sum += __shfl_down_sync(0xffffffffu, sum, half);
    if (lane == 0) sums[chunk] = sum;
  }
}

// One thread a cipher block: 16 words, 8 values.
__global__ void noise_kernel(float* x, std::size_t size, GridNoise body, NoiseWords from) {
  const std::size_t blocks = (size + 7) / 8;
  for (std::size_t block = first_index(); block < blocks; block += index_stride()) {
    std::uint32_t words[16];
    chacha20_block(from, from.first_block + static_cast<std::uint32_t>(block), words);
    for (int p = 0; p < 4; ++p) {
      const NormalPair normals = box_muller(words + 4 * p);
      const std::size_t i = 8 * block + 2 * p;
      if (i < size) x[i] = body(x[i], normals.first);
      if (i + 1 < size) x[i + 1] = body(x[i + 1], normals.second);
    }
  }
}

void check_launch() { check(cudaGetLastError(), "a kernel was not started"); }

}  // namespace

std::vector<int> usable() {
  int found = 0;
  if (cudaGetDeviceCount(&found) != cudaSuccess) return {};
  std::vector<int> list;
  for (int device = 0; device < found; ++device) {
    int major = 0;
    if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess)
      continue;
    if (major >= kLeastCapability) list.push_back(device);
  }
  return list;
}

std::string status() {
  int found = 0;
  const cudaError_t code = cudaGetDeviceCount(&found);
  if (code != cudaSuccess) return cudaGetErrorString(code);
  if (found == 0) return "no CUDA device";
  return usable().empty() ? "the CUDA devices are older than compute capability 8.0" : "";
}

float* allocate(std::size_t size, int device) {
  const OnDevice guard(device);
  float* data = nullptr;
  check(cudaMalloc(reinterpret_cast<void**>(&data), std::max<std::size_t>(size, 1) * sizeof(float)),
        "out of memory");
  return data;
}

void release(float* data, int) noexcept { cudaFree(data); }

void copy_in(const VectorView& to, const float* from) {
  const OnDevice guard(to.device.index);
  check(cudaMemcpyAsync(to.data, from, to.size * sizeof(float), cudaMemcpyHostToDevice,
                        stream_of(to)),
        "copy in");
  check(cudaStreamSynchronize(stream_of(to)), "copy in");
}

void copy_out(float* to, const VectorView& from) {
  const OnDevice guard(from.device.index);
  check(cudaMemcpyAsync(to, from.data, from.size * sizeof(float), cudaMemcpyDeviceToHost,
                        stream_of(from)),
        "copy out");
  check(cudaStreamSynchronize(stream_of(from)), "copy out");
}

double dot(const VectorView& x, const VectorView& y) {
  if (x.size == 0) return 0.0;
  const OnDevice guard(x.device.index);
  const cudaStream_t stream = stream_of(x);
  std::vector<double> sums((x.size + kChunk - 1) / kChunk);
  const Scratch<double> partial(sums.size(), stream);
  dot_kernel<<<blocks_for(sums.size() * kWarp), kThreads, 0, stream>>>(x.data, y.data, x.size,
                                                                       partial.data());
  check_launch();
  check(cudaMemcpyAsync(sums.data(), partial.data(), sums.size() * sizeof(double),
                        cudaMemcpyDeviceToHost, stream),
        "partial sums");
  check(cudaStreamSynchronize(stream), "partial sums");
  return fold_chunks(sums);
}

bool all_finite(const VectorView& x) {
  if (x.size == 0) return true;
  const OnDevice guard(x.device.index);
  const cudaStream_t stream = stream_of(x);
  const Scratch<int> flag(1, stream);
  int bad = 0;
  check(cudaMemsetAsync(flag.data(), 0, sizeof bad, stream), "finite check");
  finite_kernel<<<blocks_for(x.size), kThreads, 0, stream>>>(x.data, x.size, flag.data());
  check_launch();
  check(cudaMemcpyAsync(&bad, flag.data(), sizeof bad, cudaMemcpyDeviceToHost, stream),
        "finite check");
  check(cudaStreamSynchronize(stream), "finite check");
  return bad == 0;
}

void fill_zero(const VectorView& x) {
  const OnDevice guard(x.device.index);
  check(cudaMemsetAsync(x.data, 0, x.size * sizeof(float), stream_of(x)), "fill");
}

void scale(const VectorView& x, double factor) {
  const OnDevice guard(x.device.index);
  scale_kernel<<<blocks_for(x.size), kThreads, 0, stream_of(x)>>>(x.data, x.size, Scale{factor});
  check_launch();
}

void add_scaled(const VectorView& sum, double factor, const VectorView& x) {
  const OnDevice guard(x.device.index);
  add_scaled_kernel<<<blocks_for(x.size), kThreads, 0, stream_of(sum)>>>(sum.data, x.data, x.size,
                                                                         AddScaled{factor});
  check_launch();
}

void add_grid_noise(const VectorView& x, double sigma, const NoiseWords& words) {
  const OnDevice guard(x.device.index);
  noise_kernel<<<blocks_for((x.size + 7) / 8), kThreads, 0, stream_of(x)>>>(
      x.data, x.size, GridNoise(sigma), words);
  check_launch();
}

}  // namespace collegium::cuda
