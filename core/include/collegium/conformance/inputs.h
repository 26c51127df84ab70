#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "collegium/random.h"

// What the checks feed to a plugin: seeded, so that a failure comes again.
namespace collegium::conformance {

using Values = std::vector<float>;

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kGuard = 12345.678F;  // around spans that nobody may write beyond

inline Values random_values(std::size_t size, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Values values(size);
  for (float& value : values) value = normal(random);
  return values;
}

// The updates of one round.
struct Round {
  std::vector<Values> updates;
  std::vector<double> weights;

  std::size_t sites() const { return updates.size(); }
  std::size_t size() const { return updates.front().size(); }
  double largest() const {  // of all values, by size
    double largest = 0;
    for (const Values& values : updates)
      for (const float value : values) largest = std::max(largest, std::abs(double{value}));
    return largest;
  }
};

inline Round random_round(std::size_t sites, std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  Round round;
  for (std::size_t k = 0; k < sites; ++k) {
    round.updates.push_back(random_values(size, random));
    round.weights.push_back(1.0 + static_cast<double>(random() % 4));
  }
  return round;
}

inline double norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * double{value};
  return std::sqrt(sum);
}

inline double distance(std::span<const float> a, std::span<const float> b) {  // largest difference
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(double{a[i]} - double{b[i]});
    largest = difference <= largest ? largest : difference;  // a NaN is larger
  }
  return largest;
}

inline bool finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// The host's random words, seeded: two objects of one seed give the same words. Counts them.
class SeededWords final : public SecureRandom {
 public:
  explicit SeededWords(unsigned seed) : random_(seed) {}
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(random_());
    drawn_ += out.size();
  }
  bool is_private() const override { return false; }
  std::size_t drawn() const { return drawn_; }

 private:
  std::mt19937 random_;
  std::size_t drawn_ = 0;
};

}  // namespace collegium::conformance
