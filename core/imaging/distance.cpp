#include "imaging/distance.h"

#include <algorithm>
#include <limits>

namespace collegium {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

// One line of the transform: f -> min over q of f(q) + (spacing (p - q))^2.
class LineTransform {
 public:
  explicit LineTransform(std::size_t longest)
      : in_(longest), parabola_(longest), from_(longest + 1) {}

  // In place, over `length` values `stride` apart.
  void run(double* values, std::size_t length, std::size_t stride, double spacing) {
    for (std::size_t i = 0; i < length; ++i) in_[i] = values[i * stride];
    const double unit = spacing * spacing;
    const std::size_t count = envelope(length, unit);
    if (count == 0) return;  // no voxel yet: still infinitely far
    std::size_t k = 0;
    for (std::size_t p = 0; p < length; ++p) {
      while (k + 1 < count && from_[k + 1] < static_cast<double>(p)) ++k;
      const double steps = static_cast<double>(p) - static_cast<double>(parabola_[k]);
      values[p * stride] = in_[parabola_[k]] + unit * steps * steps;
    }
  }

 private:
  // Keeps the parabolas that are lowest somewhere, and from where on each is.
  std::size_t envelope(std::size_t length, double unit) {
    std::size_t count = 0;
    for (std::size_t q = 0; q < length; ++q) {
      if (in_[q] == kFar) continue;
      double start = -kFar;
      while (count > 0) {
        start = crossing(parabola_[count - 1], q, unit);
        if (start > from_[count - 1]) break;
        --count;
      }
      if (count == 0) start = -kFar;
      parabola_[count] = q;
      from_[count] = start;
      ++count;
    }
    return count;
  }
  double crossing(std::size_t p, std::size_t q, double unit) const {
    const auto a = static_cast<double>(p), b = static_cast<double>(q);
    return (in_[q] - in_[p] + unit * (b * b - a * a)) / (2 * unit * (b - a));
  }

  std::vector<double> in_;
  std::vector<std::size_t> parabola_;
  std::vector<double> from_;
};

}  // namespace

std::vector<double> squared_distances(std::span<const std::uint8_t> mask, const Extent& extent,
                                      const Spacing& spacing) {
  const auto nx = static_cast<std::size_t>(extent[0]), ny = static_cast<std::size_t>(extent[1]),
             nz = static_cast<std::size_t>(extent[2]);
  std::vector<double> values(mask.size());
  std::transform(mask.begin(), mask.end(), values.begin(),
                 [](std::uint8_t inside) { return inside != 0 ? 0 : kFar; });
  LineTransform line(std::max({nx, ny, nz}));
  for (std::size_t row = 0; row < nx * ny; ++row) line.run(&values[row * nz], nz, 1, spacing[2]);
  for (std::size_t x = 0; x < nx; ++x) {
    for (std::size_t z = 0; z < nz; ++z) line.run(&values[x * ny * nz + z], ny, nz, spacing[1]);
  }
  for (std::size_t row = 0; row < ny * nz; ++row) line.run(&values[row], nx, ny * nz, spacing[0]);
  return values;
}

}  // namespace collegium
