#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "collegium/random.h"
#include "vector/device.h"

namespace collegium {

// What a stream of random words is for. Every draw in the product has its purpose here, so that no
// two share a stream.
enum class NoisePurpose : std::uint32_t {
  gradient_noise = 1,    // DP-SGD
  subject_sampling = 2,  // Poisson batches: under privacy the coins are as secret as the noise
  cohort_sampling = 3,
  mechanism = 4,      // privacy mechanisms, built-in and plugins
  central_noise = 5,  // noise the coordinator adds after aggregation
  audit = 6,          // who is a canary, when the product attacks itself
};

// A stream of ChaCha20 words (RFC 8439): word i is word i % 16 of block i / 16 under nonce
// LE32(purpose) || LE64(id). It has a key of its own from the operating system, takes a new one
// when a child process inherits it and when its 2^36 words are used up. Made by NoiseSource.
class NoiseStream final : public SecureRandom {
 public:
  ~NoiseStream() override;
  void words(std::span<std::uint32_t> out) override;
  bool is_private() const override;

 private:
  friend class NoiseSource;
  friend void add_gaussian_noise(VectorView, double, NoiseStream&);
  struct State;
  explicit NoiseStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Where noise comes from. In production: system(), which has no seed and no state to copy.
class NoiseSource {
 public:
  using Key = std::array<std::uint8_t, 32>;

  static NoiseSource system();
  // For tests only: streams follow from the key, and is_private() is false on everything made from
  // it.
  static NoiseSource not_private_for_tests(const Key& key);

  bool is_private() const { return !test_key_; }
  // `id` tells streams of one purpose apart, so that a test key gives each its own words whatever
  // the order of calls.
  std::unique_ptr<NoiseStream> stream(NoisePurpose purpose, std::uint64_t id) const;

 private:
  std::shared_ptr<const Key> test_key_;
};

// Gaussian noise that survives floating point: x = g rint((x + sigma N) / g) with g = 2^(floor(log2
// sigma) - 6), N from 64 + 64 random bits by Box-Muller, all in double, then float32. Rounding
// comes after the noise, so it costs no privacy, and outputs lie on one grid whatever the input, so
// low-order bits say nothing about it (Mironov 2012). Non-finite values count as 0. sigma > 0, or
// ConfigError.
//
// What is left: while |x| < 2^8 sigma the error of N (4e-15) and of the sum moves a cell's edges by
// less than 2^-43 sigma and its probability by a factor within 1 +- 2^-35; that u1 has 64 bits
// moves it by 1e-9 at 7 sigma, 1e-3 at 8.8 and one half at 9.3, beyond which a draw lies once in
// 10^20. By advanced composition (Dwork, Rothblum and Vadhan 2010) over n noised coordinates, both
// neighbours counted, that is less than 1e-3 sqrt(n / 2e11) in epsilon and 1e-8 n / 2e11 in delta;
// 2e11 coordinates are 20 million parameters for 10,000 steps.
void add_gaussian_noise(std::span<float> x, double sigma, NoiseStream& stream);
void add_gaussian_noise(VectorView x, double sigma, NoiseStream& stream);
// The same from any source of words, for code that is handed one: 4 words for every 2 values begun.
void add_gaussian_noise(std::span<float> x, double sigma, SecureRandom& random);

}  // namespace collegium
