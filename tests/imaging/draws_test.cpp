#include "imaging/draws.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace collegium {
namespace {

TEST(Draws, DependOnEveryPartOfTheKey) {
  const auto first = [](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
    return Draws(a, b, c, d).bits();
  };
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    seen.insert(
        {first(i, 0, 0, 0), first(0, i + 1, 0, 0), first(0, 0, i + 1, 0), first(0, 0, 0, i + 1)});
  }
  EXPECT_EQ(seen.size(), 4000u);
}

TEST(Draws, AreUniform) {
  Draws draws(5, 0, 0, 0);
  constexpr int kCount = 100000;
  double sum = 0, squares = 0;
  std::array<int, 7> faces{};
  for (int i = 0; i < kCount; ++i) {
    const double u = draws.uniform();
    sum += u, squares += u * u;
    ++faces[draws.below(7)];
  }
  // five standard errors
  EXPECT_NEAR(sum / kCount, 0.5, 5 * std::sqrt(1. / 12 / kCount));
  EXPECT_NEAR(squares / kCount, 1. / 3, 5 * std::sqrt(4. / 45 / kCount));
  for (const int face : faces) EXPECT_NEAR(face, kCount / 7., 5 * std::sqrt(kCount * 6. / 49));
}

}  // namespace
}  // namespace collegium
