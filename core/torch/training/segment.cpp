#include "torch/training/segment.h"

#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "collegium/error.h"
#include "imaging/sliding_window.h"
#include "imaging/transforms.h"
#include "torch/training/device.h"

namespace collegium {
namespace {

Extent window_for(const EvaluationOptions& options, const Extent& image, std::int64_t divisor) {
  if (options.roi.empty()) return round_up(image, divisor);
  return {options.roi[0], options.roi[1], options.roi[2]};
}

}  // namespace

FloatImage segment(const Network& network, const FlatModel& model, const FloatImage& image,
                   std::int64_t regions, const EvaluationOptions& options) {
  const SlidingWindow window{
      .roi = window_for(options, image.extent, network.divisor()),
      .overlap = options.overlap,
      .importance = options.gaussian ? Importance::kGaussian : Importance::kConstant,
      .batch = 2};  // two small windows are faster than one: see prefers_pairs()
  const auto run = [&](std::span<const float> patches, std::int64_t count,
                       std::span<float> outputs) {
    const auto& roi = window.roi;
    const auto x = at::from_blob(const_cast<float*>(patches.data()),
                                 {count, image.channels, roi[0], roi[1], roi[2]}, at::kFloat);
    const auto y = network.forward(x.to(model.flat().device()), model.parameters(), {})
                       .to(at::kCPU)
                       .contiguous();
    if (static_cast<std::size_t>(y.numel()) != outputs.size())
      throw DataError({.what = "the network's output does not fit the regions of this data set",
                       .expected = std::to_string(regions) + " channels",
                       .found = c10::str(y.sizes())});
    std::copy_n(y.const_data_ptr<float>(), outputs.size(), outputs.begin());
  };
  return sliding_inference(image, window, regions, run);
}

FlatModel loaded_model(const Network& network, std::span<const float> model,
                       const EvaluationOptions& options) {
  const auto layout = layout_of(network, {});
  if (model.size() != layout.size())
    throw DataError({.what = "the model does not fit this network",
                     .expected = std::to_string(layout.size()) + " values",
                     .found = std::to_string(model.size())});
  FlatModel parameters(layout, choose_device(options.device, "auto"));
  parameters.load(model);
  return parameters;
}

}  // namespace collegium
