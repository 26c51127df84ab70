#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/ranges.h"
#include "collegium/layout.h"
#include "config/training_config.h"

namespace collegium {

// One step over the flat vectors, in torch's arithmetic; frozen ranges are not touched. `step`
// loops are plain and sequential, so equal inputs give equal bits.
class Optimizer {
 public:
  virtual ~Optimizer();
  virtual void step(std::span<float> values, std::span<const float> gradient, double rate) = 0;
};

// w -= rate (g + decay w)
class Sgd final : public Optimizer {
 public:
  Sgd(const TrainingConfig& config, const Layout& layout);
  void step(std::span<float> values, std::span<const float> gradient, double rate) override;

 private:
  std::vector<Range> ranges_;
  float decay_;
};

// Kingma and Ba 2015 as in torch.optim.Adam: g' = g + decay w; m = b1 m + (1 - b1) g'; v = b2 v +
// (1 - b2) g'^2; w -= rate / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps). A new object is a
// restart of the moments.
class Adam final : public Optimizer {
 public:
  Adam(const TrainingConfig& config, const Layout& layout);
  void step(std::span<float> values, std::span<const float> gradient, double rate) override;

 private:
  std::vector<Range> ranges_;
  double beta1_, beta2_, eps_, decay_;
  std::int64_t steps_ = 0;
  std::vector<float> first_, second_;
};

std::unique_ptr<Optimizer> make_optimizer(const TrainingConfig& config,
                                          const Layout& layout);  // throws ConfigError

}  // namespace collegium
