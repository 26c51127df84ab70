#pragma once
#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace collegium {

// Values on a circle of `size` points and their discrete Fourier transform: products of spectra are
// convolutions, powers are repeated ones. The only place that sees the FFT library.
class Circle {
 public:
  // Frequencies 0 ... size/2; the others are their conjugates.
  using Spectrum = std::vector<std::complex<double>>;

  static std::size_t good_size(std::size_t least);  // quick to transform

  explicit Circle(std::size_t size);  // a good one
  ~Circle();

  std::size_t size() const { return size_; }
  Spectrum transform(std::span<const double> values) const;
  std::vector<double> values(const Spectrum& spectrum) const;

 private:
  struct Plan;
  std::size_t size_;
  std::unique_ptr<Plan> plan_;
};

// product *= base^times.
void multiply_by_power(Circle::Spectrum& product, const Circle::Spectrum& base, std::int64_t times);

}  // namespace collegium
