#include "torch/training/iterates.h"

namespace collegium {

void MeanOfIterates::add(std::span<const float> model, std::int64_t at, std::int64_t steps) {
  if (2 * at <= steps) return;
  mean_.resize(model.size());
  const float share = 1.0f / static_cast<float>(++count_);
  for (std::size_t i = 0; i < model.size(); ++i) mean_[i] += share * (model[i] - mean_[i]);
}

}  // namespace collegium
