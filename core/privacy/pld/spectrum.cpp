#include "privacy/pld/spectrum.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <kissfft/kissfft.hh>
#include <numbers>

namespace collegium {
namespace {

using Complex = std::complex<double>;

constexpr std::size_t kBlock = 256;

// A power of what has sunk below this is nothing beside the rounding of the rest, and denormal
// numbers are slow.
constexpr double kNothing = 1e-140;

void multiply(Complex* a, const Complex* b, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const Complex product = a[i] * b[i];
    const double size_of = std::abs(product.real()) + std::abs(product.imag());
    a[i] = size_of > kNothing ? product : Complex{};
  }
}

}  // namespace

struct Circle::Plan {
  mutable kissfft<double> half;  // the library's class keeps scratch space
  std::vector<Complex> coarse, fine;

  explicit Plan(std::size_t points)
      : half(points, false), coarse(points / kBlock + 1), fine(kBlock) {
    const double turn = std::numbers::pi / static_cast<double>(points);
    for (std::size_t k = 0; k < kBlock; ++k)
      fine[k] = std::polar(1.0, turn * static_cast<double>(k));
    for (std::size_t k = 0; k < coarse.size(); ++k)
      coarse[k] = std::polar(1.0, turn * static_cast<double>(k * kBlock));
  }
  Complex twiddle(std::size_t k) const { return coarse[k / kBlock] * fine[k % kBlock]; }
};

std::size_t Circle::good_size(std::size_t least) {
  std::size_t best = 64;
  while (best < least) best *= 2;
  for (const std::size_t factor : {3, 5, 9, 15})
    for (std::size_t size = factor * 16; size < best; size *= 2)
      if (size >= least) best = size;
  return best;
}

Circle::Circle(std::size_t size) : size_(size), plan_(std::make_unique<Plan>(size / 2)) {}
Circle::~Circle() = default;

Circle::Spectrum Circle::transform(std::span<const double> values) const {
  Spectrum spectrum(size_ / 2 + 1);
  plan_->half.transform_real(values.data(), spectrum.data());
  spectrum.back() = spectrum.front().imag();  // where the library keeps the highest frequency
  spectrum.front() = spectrum.front().real();
  return spectrum;
}

// Values at even and odd points are the real and imaginary part of a circle half as large; the way
// back is the conjugate of the way there.
std::vector<double> Circle::values(const Spectrum& spectrum) const {
  const std::size_t n = size_ / 2;
  Spectrum packed(n), points(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Complex mirror = std::conj(spectrum[n - k]);
    const Complex odd = plan_->twiddle(k) * (spectrum[k] - mirror);
    packed[k] = std::conj(spectrum[k] + mirror + Complex(-odd.imag(), odd.real()));
  }
  plan_->half.transform(packed.data(), points.data());
  std::vector<double> result(size_);
  const double scale = 1.0 / static_cast<double>(size_);
  for (std::size_t k = 0; k < n; ++k) {
    result[2 * k] = points[k].real() * scale;
    result[2 * k + 1] = -points[k].imag() * scale;
  }
  return result;
}

void multiply_by_power(Circle::Spectrum& product, const Circle::Spectrum& base,
                       std::int64_t times) {
  std::array<Complex, kBlock> square;
  for (std::size_t from = 0; from < product.size(); from += kBlock) {
    const std::size_t size = std::min(kBlock, product.size() - from);
    std::copy_n(base.data() + from, size, square.data());
    for (std::int64_t left = times;;) {
      if (left % 2 == 1) multiply(product.data() + from, square.data(), size);
      left /= 2;
      if (left == 0) break;
      multiply(square.data(), square.data(), size);
    }
  }
}

}  // namespace collegium
