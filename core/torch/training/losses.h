#pragma once
#include <ATen/core/Tensor.h>

#include <memory>

#include "config/training_config.h"

namespace collegium {

// A loss as a scalar tensor, differentiable in `outputs`: the network's prediction, and behind it
// what else the network gives, of which a loss may make use. Under patient privacy it is evaluated
// a sample at a time, so that no sample's gradient depends on another; per_sample() does that in
// one pass where the loss knows how.
class Loss {
 public:
  virtual ~Loss();
  virtual at::Tensor mean(at::TensorList outputs, const at::Tensor& targets) const = 0;
  // [B]: mean(outputs[i:i+1], targets[i:i+1]) for every i.
  virtual at::Tensor per_sample(at::TensorList outputs, const at::Tensor& targets) const;
  virtual std::size_t outputs() const { return 1; }  // how many it takes
};

// dice           MONAI's DiceLoss(sigmoid=True): mean over samples and regions of
//                1 - (2 sum(p t) + smooth_nr) / (sum(p^n) + sum(t^n) + smooth_dr), n = 2 if
//                squared_pred else 1
// dice_bce       the same plus the mean binary cross-entropy of every voxel and region
// cross_entropy  softmax over the channels, targets are class indices
// mse            mean of squared differences
std::unique_ptr<Loss> make_loss(const LossConfig& config);

// Dice of probabilities instead of logits; training always takes logits.
std::unique_ptr<Loss> make_probability_dice(
    const LossConfig& config);  // throws ConfigError for an unknown name

}  // namespace collegium
