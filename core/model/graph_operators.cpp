#include "model/graph_operators.h"

#include <algorithm>
#include <vector>

namespace collegium {
namespace {

using enum BatchRule;

enum : unsigned { kPlain = 0, kShares = 1, kRandom = 2, kStatistics = 4 };

struct Group {
  BatchRule rule;
  unsigned flags;
  std::string_view names;  // in the namespace aten
};

// A name in this table was looked at: its result is a function of its arguments alone, it reads no
// memory that it did not get, opens nothing, and the shape of its result does not depend on values.
// Writes are told by the underscore and are checked against the schema when a graph is loaded.
constexpr Group kGroups[] = {
    {same, kPlain,
     "abs acos acosh asin asinh atan atanh ceil celu clamp clamp_max clamp_min cos cosh deg2rad "
     "elu erf erfc erfinv exp exp2 expm1 floor frac gelu hardshrink hardsigmoid hardswish hardtanh "
     "isfinite isinf isnan leaky_relu log log10 log1p log2 log_sigmoid logical_not logit mish "
     "nan_to_num neg rad2deg reciprocal relu relu6 round round.decimals rsqrt selu sgn sigmoid "
     "sign silu sin sinc sinh softplus softshrink sqrt square tan tanh threshold trunc "
     "bitwise_not add.Scalar sub.Scalar mul.Scalar div.Scalar div.Scalar_mode rsub.Scalar "
     "remainder.Scalar fmod.Scalar floor_divide.Scalar pow.Tensor_Scalar eq.Scalar ne.Scalar "
     "lt.Scalar le.Scalar gt.Scalar ge.Scalar bitwise_and.Scalar bitwise_or.Scalar clone "
     "masked_fill.Scalar lift_fresh_copy"},
    {same, kShares,
     "alias contiguous detach to.dtype to.dtype_layout to.device to.other type_as "
     "positive _to_copy"},
    {same, kShares | kRandom, "dropout feature_dropout alpha_dropout feature_alpha_dropout"},
    {same, kRandom,
     "dropout_ feature_dropout_ alpha_dropout_ feature_alpha_dropout_ "
     "bernoulli_.float uniform_ normal_ exponential_ rand_like randn_like"},
    {constant, kRandom, "rand randn"},
    {same, kPlain,
     "abs_ celu_ ceil_ clamp_ clamp_max_ clamp_min_ cos_ elu_ erf_ exp_ expm1_ floor_ hardsigmoid_ "
     "hardswish_ hardtanh_ leaky_relu_ log_ log1p_ mish_ neg_ reciprocal_ relu_ relu6_ round_ "
     "rsqrt_ selu_ sigmoid_ silu_ sin_ sqrt_ square_ tanh_ threshold_ trunc_ add_.Scalar "
     "sub_.Scalar mul_.Scalar div_.Scalar pow_.Scalar fill_.Scalar zero_ logical_not_ "
     "masked_fill_.Scalar nan_to_num_"},
    {pointwise, kPlain,
     "add.Tensor sub.Tensor rsub.Tensor mul.Tensor div.Tensor div.Tensor_mode remainder.Tensor "
     "fmod.Tensor floor_divide pow.Tensor_Tensor pow.Scalar atan2 maximum minimum fmax fmin "
     "eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor logical_and logical_or "
     "logical_xor bitwise_and.Tensor bitwise_or.Tensor bitwise_xor.Tensor where.self "
     "where.ScalarSelf where.ScalarOther where.Scalar masked_fill.Tensor lerp.Scalar lerp.Tensor "
     "addcmul addcdiv clamp.Tensor clamp_min.Tensor clamp_max.Tensor xlogy.Tensor hypot "
     "isclose logaddexp "
     "add_.Tensor sub_.Tensor mul_.Tensor div_.Tensor pow_.Tensor lerp_.Scalar lerp_.Tensor "
     "addcmul_ addcdiv_ copy_ fill_.Tensor masked_fill_.Tensor logical_and_ "
     "logical_or_"},
    {rows, kPlain, "prelu"},
    {rows, kPlain,
     "conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding conv_transpose1d "
     "conv_transpose2d.input conv_transpose3d.input convolution _convolution group_norm "
     "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices "
     "max_pool3d_with_indices adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d "
     "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d _adaptive_avg_pool2d "
     "_adaptive_avg_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d "
     "upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d "
     "upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest3d.vec upsample_linear1d.vec "
     "upsample_bilinear2d.vec upsample_trilinear3d.vec upsample_bicubic2d.vec "
     "_upsample_nearest_exact1d.vec _upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec "
     "im2col"},
    {rows, kShares, "pixel_shuffle pixel_unshuffle channel_shuffle"},
    {batch_norm, kStatistics, "batch_norm"},
    {rows, kStatistics, "instance_norm"},
    {last_axis, kPlain, "linear embedding"},
    {normalised, kPlain, "layer_norm rms_norm"},
    {along_dim, kPlain,
     "softmax.int log_softmax.int _softmax _log_softmax cumsum cumprod flip roll sort "
     "sort.stable argsort glu logcumsumexp cummax cummin"},
    {over_dim, kPlain,
     "mean mean.dim sum sum.dim_IntList amax amin max max.dim min min.dim argmax argmin var.dim "
     "var.correction std.dim std.correction var_mean.correction prod prod.dim_int logsumexp all "
     "all.dim any any.dim norm.ScalarOpt_dim norm.Scalar linalg_vector_norm median.dim "
     "count_nonzero.dim_IntList count_nonzero var std var_mean"},
    {reshaped, kShares,
     "view reshape flatten.using_ints unflatten.int _unsafe_view view_as reshape_as ravel"},
    {transposed, kShares, "transpose.int swapaxes swapdims t numpy_T mT"},
    {permuted, kShares, "permute movedim.intlist movedim.int"},
    {unsqueezed, kShares, "unsqueeze"},
    {squeezed, kShares, "squeeze squeeze.dim squeeze.dims"},
    {expanded, kShares, "expand expand_as broadcast_to"},
    {repeated, kPlain, "repeat tile repeat_interleave.self_int"},
    {selected, kShares, "select.int"},
    {sliced, kShares, "slice.Tensor narrow"},
    {split, kShares,
     "chunk split.Tensor split.sizes split_with_sizes unbind.int tensor_split.sections"},
    {joined, kPlain, "cat concat concatenate"},
    {stacked, kPlain, "stack"},
    {padded, kPlain,
     "pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
     "replication_pad2d replication_pad3d"},
    {multiplied, kPlain, "matmul mm bmm addmm baddbmm mv dot outer"},
    {einsum, kShares, "einsum"},
    {attention, kRandom, "scaled_dot_product_attention"},
    {recurrent, kRandom, "lstm.input gru.input rnn_tanh.input rnn_relu.input"},
    {indexed, kShares, "index.Tensor"},
    {gathered, kPlain, "gather index_select one_hot"},
    {matrix, kPlain, "tril triu"},
    {constant, kPlain,
     "zeros ones full arange arange.start arange.start_step linspace eye new_zeros new_ones "
     "new_full zeros_like ones_like full_like scalar_tensor triu_indices tril_indices"},
    {mixes, kShares, "unfold diagonal meshgrid meshgrid.indexing broadcast_tensors"},
    {mixes, kPlain,
     "index_put index_put_ scatter.value scatter_.value scatter.src scatter_.src scatter_add "
     "scatter_add_ index_add index_fill.int_Scalar index_copy cross_entropy_loss nll_loss "
     "nll_loss_nd binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss "
     "smooth_l1_loss huber_loss kl_div hinge_embedding_loss margin_ranking_loss "
     "cosine_embedding_loss triplet_margin_loss poisson_nll_loss "
     "soft_margin_loss multilabel_margin_loss cosine_similarity pairwise_distance cdist "
     "topk grid_sampler affine_grid_generator trace col2im "
     "bucketize.Tensor searchsorted.Tensor histc"},
};

std::vector<GraphOperator> make_table() {
  std::vector<GraphOperator> table;
  for (const auto& [rule, flags, names] : kGroups)
    for (std::size_t at = 0; at < names.size();) {
      const auto end = std::min(names.find(' ', at), names.size());
      const auto name = names.substr(at, end - at);
      at = end + 1;
      const bool writes = name.substr(0, name.find('.')).ends_with('_');
      table.push_back({.name = "aten::" + std::string(name),
                       .rule = rule,
                       .shares = writes || (flags & kShares) != 0,
                       .writes = writes,
                       .random = (flags & kRandom) != 0,
                       .running_statistics = (flags & kStatistics) != 0});
    }
  std::ranges::sort(table, {}, &GraphOperator::name);
  return table;
}

}  // namespace

std::span<const GraphOperator> graph_operators() {
  static const std::vector<GraphOperator> table = make_table();
  return table;
}

const GraphOperator* find_graph_operator(std::string_view name) {
  const auto table = graph_operators();
  const auto found = std::ranges::lower_bound(
      table, name, {}, [](const GraphOperator& op) { return std::string_view(op.name); });
  return found != table.end() && found->name == name ? &*found : nullptr;
}

bool is_size_operator(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "add", "and", "ceil", "eq",  "float",   "floor", "floordiv", "ge",  "getitem",
      "gt",  "int", "le",   "lt",  "max",     "min",   "mod",      "mul", "ne",
      "neg", "not", "or",   "pow", "truediv", "sub",   "tuple"};
  constexpr std::string_view kPrefix = "sym::";
  return name == "aten::sym_size.int" ||
         (name.starts_with(kPrefix) &&
          std::ranges::find(kNames, name.substr(kPrefix.size())) != std::end(kNames));
}

}  // namespace collegium
