// How near the passes over flat vectors come to the memory's bandwidth, measured in the same run by
// a triad. Prints one line a pass: seconds, GB/s of the bytes it must move, and that as a share of
// the triad's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "collegium/vector_ops.h"
#include "privacy/noise.h"
#include "vector/passes.h"

namespace {

using namespace collegium;

// The least of several runs: what the machine can do when nothing else runs.
double seconds(const std::function<void()>& work, int runs = 7) {
  double least = 1e30;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    least = std::min(
        least, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return least;
}

__attribute__((target_clones("avx512f", "avx2", "default"))) void triad(float* a, const float* b,
                                                                        const float* c,
                                                                        std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + 0.5f * c[i];
}

__attribute__((target_clones("avx512f", "avx2", "default"))) void plain_accumulate(float* sum,
                                                                                   float weight,
                                                                                   const float* x,
                                                                                   std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += weight * x[i];
}

void report(const char* name, double time, double bytes, double limit) {
  std::printf("%-44s %9.4f s %8.2f GB/s %7.2f\n", name, time, bytes / time / 1e9,
              bytes / time / limit);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t size =
      argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 4702227;  // SegResNet, 16 filters
  constexpr int kSites = 13;
  const double bytes = static_cast<double>(size) * sizeof(float);
  std::vector<std::vector<float>> updates(kSites, std::vector<float>(size));
  for (int site = 0; site < kSites; ++site)
    for (std::size_t i = 0; i < size; ++i)
      updates[site][i] = static_cast<float>((i * 2654435761u + site) % 1000) * 1e-3f;
  std::vector<float> sum(size), work(updates[0]);
  std::vector<double> wide(size);

  // Far larger than any cache, as 13 updates are; when the vectors asked for are small, so is the
  // triad.
  const std::size_t stream_size =
      size < 1000000 ? size : std::max<std::size_t>(size, std::size_t{1} << 24);
  std::vector<float> a(stream_size), b(stream_size, 1.0f), c(stream_size, 2.0f);
  const double limit = 12.0 * static_cast<double>(stream_size) /
                       seconds([&] { triad(a.data(), b.data(), c.data(), stream_size); }, 15);
  std::printf("%zu floats, %d sites; triad %.2f GB/s (read 2, write 1)\n", size, kSites,
              limit / 1e9);
  std::printf("%-44s %11s %13s %7s\n", "", "least time", "", "/ triad");

  report("accumulate, bare float loop (the limit)", seconds([&] {
           for (const auto& update : updates)
             plain_accumulate(sum.data(), 1.0f / kSites, update.data(), size);
         }),
         3.0 * kSites * bytes, limit);
  report("accumulate 13 updates, float sum", seconds([&] {
           for (const auto& update : updates)
             add_scaled(std::span<float>(sum), 1.0 / kSites, update);
         }),
         3.0 * kSites * bytes, limit);
  report("accumulate 13 updates, double sum", seconds([&] {
           for (const auto& update : updates)
             add_scaled(std::span<double>(wide), 1.0 / kSites, update);
         }),
         5.0 * kSites * bytes, limit);
  report("norm", seconds([&] {
           if (l2_norm(updates[3]) < 0) std::abort();
         }),
         bytes, limit);
  report("all finite", seconds([&] {
           if (!all_finite(updates[4])) std::abort();
         }),
         bytes, limit);
  report("scale", seconds([&] { scale(std::span<float>(work), 0.999); }), 2 * bytes, limit);
  report("difference", seconds([&] { subtract(updates[5], updates[6], sum); }), 3 * bytes, limit);
  report("clip (norm, then scale)", seconds([&] {
           clip_to_norm(std::span<float>(work), 1.0);
           work[0] = 1e6f;
         }),
         3 * bytes, limit);

  const auto stream = NoiseSource::system().stream(NoisePurpose::gradient_noise, 0);
  const double noise = seconds([&] { add_gaussian_noise(std::span<float>(work), 1.0, *stream); });
  report("gaussian noise on a grid", noise, 2 * bytes, limit);
  std::vector<std::uint32_t> words(size);
  const double cipher = seconds([&] { stream->words(words); });
  std::printf("gaussian noise: %.2f ns a value; its cipher words alone %.2f ns (%.2f GB/s)\n",
              noise / static_cast<double>(size) * 1e9, 2 * cipher / static_cast<double>(size) * 1e9,
              bytes / cipher / 1e9);

  for (const Device device : devices()) {
    if (device.kind == Device::Kind::cpu) continue;
    const DeviceVector x(updates[0], device), y(updates[1], device);
    std::printf("%s: ", to_string(device).c_str());
    std::printf("accumulate %.1f GB/s, ", 3 * bytes / 1e9 / seconds([&] {
                                            add_scaled(x.view(), 1e-3, y.view());
                                            all_finite(VectorView(x.view().data, 1, device));
                                          }));
    std::printf("norm %.1f GB/s, ", bytes / 1e9 / seconds([&] { l2_norm(x.view()); }));
    std::printf("noise %.2f ns a value\n", 1e9 / static_cast<double>(size) * seconds([&] {
                                             add_gaussian_noise(x.view(), 1.0, *stream);
                                             all_finite(VectorView(x.view().data, 1, device));
                                           }));
  }
  return 0;
}
