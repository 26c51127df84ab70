#include "torch/graph/keyed_random.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/ivalue_inl.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

#include "collegium/error.h"
#include "imaging/draws.h"

namespace collegium::graph {
namespace {

using Shape = std::vector<std::int64_t>;

std::uint64_t together(std::span<const std::uint64_t> keys) {
  std::uint64_t all = 0;
  for (const auto key : keys) all = Draws(all, key, 0, 0).bits();
  return all;
}

// The axis that holds the samples, or -1.
std::int64_t sample_axis(at::IntArrayRef shape, std::int64_t samples) {
  if (samples == 0 || shape.empty()) return -1;
  if (shape[0] > 0 && shape[0] % samples == 0) return 0;
  for (std::size_t axis = 1; axis < shape.size(); ++axis)
    if (shape[axis] == samples) return static_cast<std::int64_t>(axis);
  return -1;
}

// float32 on the CPU; draw(Draws&) -> float.
template <class Draw>
at::Tensor filled(at::IntArrayRef shape, const DrawKeys& keys, Draw draw) {
  const auto samples = static_cast<std::int64_t>(keys.samples.size());
  const auto axis = sample_axis(shape, samples);
  Shape order(shape.begin(), shape.end());
  if (axis > 0) std::swap(order[0], order[static_cast<std::size_t>(axis)]);
  auto values = at::empty(order, at::kFloat);
  auto* at = values.mutable_data_ptr<float>();
  const auto blocks = axis < 0 ? 1 : samples;
  const auto size = values.numel() / blocks;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const auto key =
        axis < 0 ? together(keys.samples) : keys.samples[static_cast<std::size_t>(block)];
    Draws draws(key, keys.call, 0, 0);
    for (std::int64_t i = 0; i < size; ++i) *at++ = draw(draws);
  }
  return axis > 0 ? values.transpose(0, axis) : values;
}

// Bernoulli(p): 1 or 0.
at::Tensor coins(at::IntArrayRef shape, double p, const DrawKeys& keys) {
  return filled(shape, keys, [p](Draws& draws) { return draws.uniform() < p ? 1.0f : 0.0f; });
}

float standard_normal(Draws& draws) {  // Box and Muller 1958
  const double radius = std::sqrt(-2 * std::log(1 - draws.uniform()));
  return static_cast<float>(radius * std::cos(2 * std::numbers::pi * draws.uniform()));
}

Shape channels_of(const at::Tensor& x) {
  if (x.dim() < 2)
    throw DataError(
        {.what = "channels can be dropped of two axes or more only", .found = c10::str(x.sizes())});
  Shape shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  return shape;
}

void check_probability(double p) {
  if (!(p >= 0 && p <= 1))
    throw DataError(
        {.what = "a probability of dropout", .expected = "0 to 1", .found = std::to_string(p)});
}

// Klambauer et al. 2017, Sec. "Alpha dropout": mean and variance of SELU's activations are kept.
at::Tensor alpha_dropout(const at::Tensor& x, const Shape& shape, double p, const DrawKeys& keys) {
  constexpr double kAlpha = 1.7580993408473766;
  const double a = p == 1 ? 0 : 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  const auto kept = coins(shape, 1 - p, keys).to(x.options());
  return x * (kept * a) + (kept - 1) * (kAlpha * a) + kAlpha * a * p;
}

at::Tensor dropped(std::string_view op, const at::Tensor& x, double p, const DrawKeys& keys) {
  const Shape shape = op.starts_with("feature") ? channels_of(x) : x.sizes().vec();
  if (op.find("alpha") != std::string_view::npos) return alpha_dropout(x, shape, p, keys);
  return x * dropout_mask(shape, p, keys).to(x.options());
}

}  // namespace

at::Tensor dropout_mask(at::IntArrayRef shape, double p, const DrawKeys& keys) {
  check_probability(p);
  const float kept = p == 1 ? 0.0f : static_cast<float>(1 / (1 - p));
  return filled(shape, keys, [=](Draws& draws) { return draws.uniform() < p ? 0.0f : kept; });
}

at::Tensor keyed_random(std::string_view op, const std::vector<c10::IValue>& operands,
                        const DrawKeys& keys, at::Device device) {
  op.remove_prefix(std::string_view("aten::").size());
  const bool in_place = op.substr(0, op.find('.')).ends_with('_');
  if (op.find("dropout") != std::string_view::npos) {
    const auto x = operands[0].toTensor();
    const double p = operands[1].toDouble();
    check_probability(p);
    if (p == 0 || keys.samples.empty() || !operands[2].toBool()) return x;
    const auto result = dropped(op, x, p, keys);
    if (in_place) x.copy_(result);
    return in_place ? x : result;
  }
  const bool like = op.ends_with("_like") || in_place;
  const Shape shape = like ? operands[0].toTensor().sizes().vec() : operands[0].toIntVector();
  at::Tensor drawn;
  if (op == "bernoulli_.float") {
    check_probability(operands[1].toDouble());
    drawn = coins(shape, operands[1].toDouble(), keys);
  } else if (op == "rand" || op == "rand_like") {
    drawn = filled(shape, keys, [](Draws& draws) {  // below 1 as a float, too
      return static_cast<float>(draws.bits() >> 40) * 0x1p-24f;
    });
  } else if (op == "randn" || op == "randn_like") {
    drawn = filled(shape, keys, standard_normal);
  } else if (op == "uniform_") {
    const double low = operands[1].toDouble(), high = operands[2].toDouble();
    drawn = filled(shape, keys,
                   [=](Draws& draws) { return static_cast<float>(draws.uniform(low, high)); });
  } else if (op == "normal_") {
    const auto mean = static_cast<float>(operands[1].toDouble()),
               deviation = static_cast<float>(operands[2].toDouble());
    drawn = filled(shape, keys,
                   [=](Draws& draws) { return mean + deviation * standard_normal(draws); });
  } else {
    const double rate = operands[1].toDouble();  // exponential_
    drawn = filled(shape, keys, [=](Draws& draws) {
      return static_cast<float>(-std::log(1 - draws.uniform()) / rate);
    });
  }
  if (in_place) return operands[0].toTensor().copy_(drawn);
  const auto& type = operands[1];
  auto options =
      like ? operands[0].toTensor().options() : at::TensorOptions(at::kFloat).device(device);
  if (type.isInt()) options = options.dtype(static_cast<at::ScalarType>(type.toInt()));
  return drawn.to(options);
}

}  // namespace collegium::graph
