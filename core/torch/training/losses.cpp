#include "torch/training/losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>

#include "collegium/error.h"

namespace collegium {
namespace {

class Dice final : public Loss {
 public:
  enum class Outputs { logits, probabilities };
  Dice(LossConfig config, bool cross_entropy, Outputs outputs = Outputs::logits)
      : config_(std::move(config)), cross_entropy_(cross_entropy), outputs_(outputs) {}

  at::Tensor mean(at::TensorList all, const at::Tensor& targets) const override {
    const auto& outputs = all.front();
    if (!config_.batch) return per_sample(all, targets).mean();
    const auto sums = region_sums(outputs, targets);
    const auto dice = quotient(sums.overlap.sum(0), sums.both.sum(0)).mean();
    return cross_entropy_ ? dice + voxel_entropy(outputs, targets).mean() : dice;
  }

  at::Tensor per_sample(at::TensorList all, const at::Tensor& targets) const override {
    const auto& outputs = all.front();
    const auto sums = region_sums(outputs, targets);
    const auto dice = quotient(sums.overlap, sums.both).mean(1);
    return cross_entropy_ ? dice + voxel_entropy(outputs, targets).flatten(1).mean(1) : dice;
  }

 private:
  struct Sums {
    at::Tensor overlap, both;  // [batch, regions]
  };

  Sums region_sums(const at::Tensor& outputs, const at::Tensor& targets) const {
    if (outputs.sizes() != targets.sizes())
      throw DataError({.what = "targets do not look like the network's output",
                       .expected = c10::str(outputs.sizes()),
                       .found = c10::str(targets.sizes())});
    const auto p = (outputs_ == Outputs::logits ? at::sigmoid(outputs) : outputs).flatten(2),
               t = targets.flatten(2);
    const auto overlap = (p * t).sum(2);
    return {overlap, config_.squared_pred ? (p * p).sum(2) + (t * t).sum(2) : p.sum(2) + t.sum(2)};
  }

  at::Tensor quotient(const at::Tensor& overlap, const at::Tensor& both) const {
    return 1 - (2 * overlap + config_.smooth_nr) / (both + config_.smooth_dr);
  }

  static at::Tensor voxel_entropy(const at::Tensor& outputs, const at::Tensor& targets) {
    return at::binary_cross_entropy_with_logits(outputs, targets, {}, {}, at::Reduction::None);
  }

  LossConfig config_;
  bool cross_entropy_;
  Outputs outputs_;
};

class CrossEntropy final : public Loss {
 public:
  at::Tensor mean(at::TensorList all, const at::Tensor& targets) const override {
    return at::cross_entropy_loss(all.front(), targets, {}, at::Reduction::Mean);
  }
  at::Tensor per_sample(at::TensorList all, const at::Tensor& targets) const override {
    const auto& outputs = all.front();
    return at::cross_entropy_loss(outputs, targets, {}, at::Reduction::None)
        .reshape({outputs.size(0), -1})
        .mean(1);
  }
};

class SquaredError final : public Loss {
 public:
  at::Tensor mean(at::TensorList all, const at::Tensor& targets) const override {
    return per_sample(all, targets).mean();
  }
  at::Tensor per_sample(at::TensorList all, const at::Tensor& targets) const override {
    const auto& outputs = all.front();
    const auto difference = outputs - targets.reshape(outputs.sizes());
    return (difference * difference).reshape({outputs.size(0), -1}).mean(1);
  }
};

}  // namespace

Loss::~Loss() = default;

at::Tensor Loss::per_sample(at::TensorList outputs, const at::Tensor& targets) const {
  std::vector<at::Tensor> losses;
  for (std::int64_t i = 0; i < outputs.front().size(0); ++i) {
    std::vector<at::Tensor> of_sample;
    for (const auto& output : outputs) of_sample.push_back(output.narrow(0, i, 1));
    losses.push_back(mean(of_sample, targets.narrow(0, i, 1)));
  }
  return at::stack(losses);
}

std::unique_ptr<Loss> make_loss(const LossConfig& config) {
  if (config.name == "dice") return std::make_unique<Dice>(config, false);
  if (config.name == "dice_bce") return std::make_unique<Dice>(config, true);
  if (config.name == "cross_entropy") return std::make_unique<CrossEntropy>();
  if (config.name == "mse") return std::make_unique<SquaredError>();
  throw ConfigError({.what = "there is no loss of this name",
                     .where = "[training] loss",
                     .expected = "dice, dice_bce, cross_entropy or mse",
                     .found = config.name});
}

std::unique_ptr<Loss> make_probability_dice(const LossConfig& config) {
  return std::make_unique<Dice>(config, false, Dice::Outputs::probabilities);
}

}  // namespace collegium
