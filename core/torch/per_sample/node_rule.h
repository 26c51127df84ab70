#pragma once
#include <ATen/core/Tensor.h>

#include <memory>

#include "torch/per_sample/row_layout.h"
#include "torch/per_sample/uses.h"

namespace collegium::per_sample {

enum class Ghost { where_cheaper, never, always };

// A node that takes a weight, and how samples lie in its output.
struct Consumer {
  NodePtr node;
  RowLayout layout;
  std::int64_t samples;
};

// A weight whose per-sample gradients are never formed: their norms come from products of inputs
// and gradients, their weighted sum from a gradient weighted row by row ("ghost clipping",
// Goodfellow 2015; Li et al. 2022; book-keeping of Bu et al. 2023). Keeps both tensors alive.
class GhostGradient {
 public:
  virtual ~GhostGradient();
  virtual at::Tensor squared_norms() const = 0;  // [samples]
  // sum_i factors[i] g_i, in the shape of the weight, transposed already where the weight is. Rows
  // of samples with factor zero are left out, not multiplied: they may not be finite.
  virtual at::Tensor weighted_sum(const at::Tensor& factors) const = 0;
};

// Per-sample gradients of the weights of one kind of node, read off the node and what flows in.
class NodeRule {
 public:
  virtual ~NodeRule();

  // Whether the formulas below hold for this node, this weight and this layout. Where they do not,
  // generic_rows() is used.
  virtual bool covers(const Consumer& consumer, const Weight& weight) const = 0;
  // [samples, elements of the parameter]. `gradient` is that of the node's only output.
  virtual at::Tensor rows(const Consumer& consumer, const Weight& weight,
                          const at::Tensor& gradient) const = 0;
  // Null where there is no such formula or, unless `choice` is always, forming the rows is cheaper.
  virtual std::unique_ptr<GhostGradient> ghost(const Consumer& consumer, const Weight& weight,
                                               const at::Tensor& gradient, Ghost choice) const;
};

// The rule for a node, or null.
const NodeRule* find_rule(const ag::Node& node);
const NodeRule* convolution_rule(const ag::Node& node);
const NodeRule* linear_rule(const ag::Node& node);
const NodeRule* normalisation_rule(const ag::Node& node);
const NodeRule* embedding_rule(const ag::Node& node);
const NodeRule* broadcast_rule(const ag::Node& node);

// Whether the node normalises with statistics of all it gets along its first axis, as batch
// normalisation does while it trains. Instance normalisation is the same node over [1, samples *
// channels, ...].
bool takes_batch_statistics(const ag::Node& node);
// Whether the node's derivative counts over the whole batch, although it mixes no gradients.
bool counts_over_batch(const ag::Node& node);

// [samples, shape of the weight] -> [samples, elements of the parameter].
at::Tensor parameter_rows(const Weight& weight, const at::Tensor& rows);
// Weights the rows of [rows, ...] along axis 0 by their samples' factors and leaves out rows of
// factor zero.
at::Tensor scale_rows(const at::Tensor& tensor, RowLayout layout, const at::Tensor& factors);
at::Tensor drop_rows(const at::Tensor& tensor, RowLayout layout, const at::Tensor& factors);

// Squared norms in place of [samples, T, p] x [samples, T, d] gradients cost T^2 (d + p) and not
// d p; 20 was chosen on a sweep over 0.01 to 1000 that is flat from 5 to 1000.
bool ghost_is_cheaper(std::int64_t positions, std::int64_t inputs, std::int64_t outputs);

}  // namespace collegium::per_sample
