#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace collegium {

// How the rows of an operator's result depend on the rows of its inputs: which axis of the result
// holds the batch, or whether samples meet. graph_batch.h computes it.
enum class BatchRule : std::uint8_t {
  mixes,       // samples may meet: nothing is known
  constant,    // depends on sizes alone
  same,        // every element on the same element of the first argument
  pointwise,   // the same of every argument, after broadcasting
  rows,        // axis 0 of the first argument is the batch, the other tensors are parameters
  last_axis,   // every vector along the last axis on its own: linear, embedding
  normalised,  // layer_norm: over the last axes
  along_dim,   // softmax, cumsum, flip, roll: along the axes named by `dim`, shape kept
  over_dim,    // mean, max: over the axes named by `dim`
  reshaped,    // view, flatten: elements stay in order
  transposed,  // two axes change places
  permuted,
  unsqueezed,
  squeezed,
  expanded,
  repeated,
  selected,  // one index of an axis is taken away
  sliced,    // part of an axis
  split,     // an axis in pieces
  joined,    // cat
  stacked,
  padded,
  multiplied,  // matmul
  einsum,
  attention,
  recurrent,
  indexed,  // index.Tensor
  gathered,
  batch_norm,  // rows, but not when it takes its statistics from the batch
  matrix,      // the last two axes on their own: tril
};

// What is known of an operator that a graph may call.
struct GraphOperator {
  std::string name = {};  // exact, with its overload: "aten::add.Tensor"
  BatchRule rule = BatchRule::mixes;
  bool shares = false;  // the result may lie in the memory of an argument
  bool writes = false;  // into its first argument, which is also the result
  bool random = false;  // drawn from the keys of a pass, never from a generator
  // Arguments 3 and 4 are running statistics, written although the operator's schema does not say
  // so: only a buffer may stand there.
  bool running_statistics = false;
};

// Nothing: the operator is not allowed. Arithmetic on sizes ("sym::add") is not listed here.
const GraphOperator* find_graph_operator(std::string_view name);
std::span<const GraphOperator> graph_operators();  // by name

// "sym::NAME" that the executor knows.
bool is_size_operator(std::string_view name);

}  // namespace collegium
