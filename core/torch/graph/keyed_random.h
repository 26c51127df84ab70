#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace collegium::graph {

// Random operators draw by the keys of a pass, one key a sample, and by the number of the call, so
// that a sample's mask depends neither on the batch it is in nor on any generator of the process.
struct DrawKeys {
  std::span<const std::uint64_t> samples;
  std::uint64_t call = 0;
};

// `op` as GraphOperator names it, with its operands in the order of its schema. Without keys
// nothing is dropped, as in the evaluation of a built-in network.
//
// A result whose first axis is a multiple of the number of samples belongs to them in blocks; else
// the first axis as long as their number is the samples'; else all keys together give one stream.
at::Tensor keyed_random(std::string_view op, const std::vector<c10::IValue>& operands,
                        const DrawKeys& keys, at::Device device);

// 1 / (1 - p) where kept, 0 where dropped.
at::Tensor dropout_mask(at::IntArrayRef shape, double p, const DrawKeys& keys);

}  // namespace collegium::graph
