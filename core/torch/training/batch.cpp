#include "torch/training/batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "collegium/error.h"

namespace collegium {
namespace {

template <class Values>
at::Tensor stack_arrays(const std::vector<Example>& examples, Values values,
                        std::vector<std::int64_t> Example::*shape_of) {
  auto shape = examples.front().*shape_of;
  shape.insert(shape.begin(), static_cast<std::int64_t>(examples.size()));
  auto all = at::empty(shape, at::kFloat);
  auto* at = all.mutable_data_ptr<float>();
  for (const auto& example : examples) {
    if (example.*shape_of != examples.front().*shape_of)
      throw DataError({.what = "samples of one batch differ in shape",
                       .expected = c10::str(examples.front().*shape_of),
                       .found = c10::str(example.*shape_of),
                       .remedy = "set [training] crop, or batch_size = 1"});
    at = std::copy((example.*values).begin(), (example.*values).end(), at);
  }
  return all;
}

}  // namespace

Batch stack(const std::vector<Example>& examples, std::vector<std::uint64_t> dropout_keys,
            at::Device device, bool channels_last) {
  Batch batch{stack_arrays(examples, &Example::input, &Example::input_shape).to(device),
              stack_arrays(examples, &Example::target, &Example::target_shape).to(device),
              {std::move(dropout_keys)}};
  if (examples.front().index_target) batch.targets = batch.targets.to(at::kLong);
  if (channels_last && batch.inputs.dim() == 4)
    batch.inputs = batch.inputs.contiguous(at::MemoryFormat::ChannelsLast);
  if (channels_last && batch.inputs.dim() == 5)
    batch.inputs = batch.inputs.contiguous(at::MemoryFormat::ChannelsLast3d);
  return batch;
}

bool prefers_pairs(const Example& example) {
  return example.input_shape.size() == 4 && example.input_shape[1] * example.input_shape[2] < 10240;
}

}  // namespace collegium
