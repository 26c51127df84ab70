#pragma once
#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "collegium/aggregator.h"
#include "collegium/error.h"
#include "collegium/settings.h"
#include "collegium/vector_ops.h"

namespace collegium::planted {

// The weighted mean times the setting `shrink`: correct, and the base of those that are broken.
class Mean : public Aggregator {
 public:
  explicit Mean(const Settings& settings) : shrink_(settings.number_in("shrink", 1.0, 0.0, 1.0)) {}
  struct Unread {};
  explicit Mean(Unread) {}

  Traits traits() const override { return {.linear = true, .retains_updates = false}; }

  std::optional<double> sensitivity(double clip, std::span<const double> weights) const override {
    const double largest = *std::max_element(weights.begin(), weights.end());
    return 2 * clip * largest / std::accumulate(weights.begin(), weights.end(), 0.0);
  }

  void accumulate(const Update& update) override {
    if (count_ > 0 && update.values.size() != state_->sum.size())
      throw ConfigError({.what = "another size"});
    state_->sum.resize(update.values.size());
    add_scaled(state_->sum, update.weight, update.values);
    weight_ += update.weight;
    ++count_;
  }

  void merge(Aggregator& other) override {
    auto* part = dynamic_cast<Mean*>(&other);
    if (!part || part == this) throw ConfigError({.what = "not another Mean"});
    if (part->count_ == 0) return;
    state_->sum.resize(part->state_->sum.size());
    for (std::size_t i = 0; i < state_->sum.size(); ++i) state_->sum[i] += part->state_->sum[i];
    weight_ += part->weight_;
    count_ += part->count_;
    part->state_ = std::make_shared<State>();
    part->count_ = 0;
  }

  void finish(std::span<float> delta) override {
    if (count_ == 0 || delta.size() != state_->sum.size())
      throw ConfigError({.what = "nothing of this size was accumulated"});
    for (std::size_t i = 0; i < delta.size(); ++i)
      delta[i] = static_cast<float>(shrink_ * state_->sum[i] / weight_);
    if (!all_finite(delta)) throw ConfigError({.what = "the sum is too large"});
  }

 protected:
  struct State {
    std::vector<double> sum;
  };
  double shrink_ = 1.0;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  double weight_ = 0;
  int count_ = 0;
};

}  // namespace collegium::planted
