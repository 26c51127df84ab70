#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "collegium/aggregator.h"
#include "collegium/settings.h"

namespace collegium {

// delta = sum_k w_k delta_k / sum_k w_k, over the sites k of the round (McMahan et al. 2017, Alg.
// 1).
//
// The running sum takes 5 bytes a value: a float32 and, in 8 bits, what that float32 could not hold
// (Knuth's two-sum). Weights count relative to the first one, as float32, so one site alone comes
// out bit for bit, and a result is within 2^-22 of the mean of the absolute values for up to a
// thousand sites in any order. A sum beyond float32's range is refused in finish().
//
// Setting `denominator` (> 0) divides by that public constant instead of the sum of weights.
class WeightedMean final : public Aggregator {
 public:
  explicit WeightedMean(const Settings& settings);

  Traits traits() const override { return {.linear = true, .retains_updates = false}; }

  // With the realised sum of weights W in the denominator: mean - mean without j = w_j (delta_j -
  // mean without j) / W, which is at most 2 clip w_j / W. With a constant denominator D: clip w_j /
  // D.
  std::optional<double> sensitivity(double clip, std::span<const double> weights) const override;

  void accumulate(const Update& update) override;
  void merge(Aggregator& other) override;
  void finish(std::span<float> delta) override;

 private:
  float relative(double weight) const;  // to the first one

  std::optional<double> denominator_;
  double first_weight_ = 0.0;
  double weight_ = 0.0;  // sum of weights, in units of the first
  std::size_t size_ = 0;
  std::unique_ptr<float[]> sum_;         // null until the first update
  std::unique_ptr<std::int8_t[]> rest_;  // what sum_ could not hold
};

}  // namespace collegium
