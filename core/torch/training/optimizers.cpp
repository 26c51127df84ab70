#include "torch/training/optimizers.h"

#include <cmath>

#include "collegium/error.h"

namespace collegium {

Optimizer::~Optimizer() = default;

Sgd::Sgd(const TrainingConfig& config, const Layout& layout)
    : ranges_(trainable_ranges(layout)), decay_(static_cast<float>(config.weight_decay)) {}

void Sgd::step(std::span<float> values, std::span<const float> gradient, double rate) {
  const auto step = static_cast<float>(rate);
  for (const auto& range : ranges_)
    for (std::size_t i = range.offset; i < range.offset + range.size; ++i)
      values[i] -= step * (gradient[i] + decay_ * values[i]);
}

Adam::Adam(const TrainingConfig& config, const Layout& layout)
    : ranges_(trainable_ranges(layout)),
      beta1_(config.beta1),
      beta2_(config.beta2),
      eps_(config.eps),
      decay_(config.weight_decay),
      first_(layout.size()),
      second_(layout.size()) {}

void Adam::step(std::span<float> values, std::span<const float> gradient, double rate) {
  ++steps_;
  const auto step = static_cast<float>(rate / (1 - std::pow(beta1_, static_cast<double>(steps_))));
  const auto scale =
      static_cast<float>(std::sqrt(1 - std::pow(beta2_, static_cast<double>(steps_))));
  const auto keep1 = static_cast<float>(1 - beta1_), beta2 = static_cast<float>(beta2_),
             keep2 = static_cast<float>(1 - beta2_), eps = static_cast<float>(eps_),
             decay = static_cast<float>(decay_);
  for (const auto& range : ranges_)
    for (std::size_t i = range.offset; i < range.offset + range.size; ++i) {
      const float g = gradient[i] + decay * values[i];
      first_[i] += keep1 * (g - first_[i]);
      second_[i] = beta2 * second_[i] + keep2 * g * g;
      values[i] -= step * first_[i] / (std::sqrt(second_[i]) / scale + eps);
    }
}

std::unique_ptr<Optimizer> make_optimizer(const TrainingConfig& config, const Layout& layout) {
  if (config.optimizer == "adam") return std::make_unique<Adam>(config, layout);
  if (config.optimizer == "sgd") return std::make_unique<Sgd>(config, layout);
  throw ConfigError({.what = "there is no optimizer of this name",
                     .where = "[training] optimizer",
                     .expected = "adam or sgd",
                     .found = config.optimizer});
}

}  // namespace collegium
