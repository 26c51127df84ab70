#include "collegium/vector_ops.h"

#include <cmath>
#include <stdexcept>

#include "vector/passes.h"

namespace collegium {
namespace {

void check_sizes(std::size_t a, std::size_t b) {
  if (a != b) throw std::invalid_argument("vectors of one operation must have one size");
}

}  // namespace

double l2_norm(std::span<const float> x) {
  return std::sqrt(cpu::dot(x.data(), x.data(), x.size()));
}

double dot(std::span<const float> x, std::span<const float> y) {
  check_sizes(x.size(), y.size());
  return cpu::dot(x.data(), y.data(), x.size());
}

bool all_finite(std::span<const float> x) { return cpu::all_finite(x.data(), x.size()); }

void scale(std::span<float> x, double factor) { cpu::scale(x.data(), x.size(), factor); }

void add_scaled(std::span<float> sum, double factor, std::span<const float> x) {
  check_sizes(sum.size(), x.size());
  cpu::add_scaled(sum.data(), factor, x.data(), x.size());
}

void add_scaled(std::span<double> sum, double factor, std::span<const float> x) {
  check_sizes(sum.size(), x.size());
  cpu::add_scaled(sum.data(), factor, x.data(), x.size());
}

void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) {
  check_sizes(a.size(), b.size());
  check_sizes(a.size(), out.size());
  cpu::subtract(a.data(), b.data(), out.data(), out.size());
}

}  // namespace collegium
