#include "model/graph_batch.h"

#include <gtest/gtest.h>

// What the rules of operators say of three samples. Every rule is asked for a call that keeps them
// apart and for one that does not; tests/torch compares their answers with what torch computes.

namespace collegium {
namespace {

using Shape = std::vector<std::int64_t>;
using Operands = std::vector<BatchOperand>;
using Kind = BatchOperand::Kind;

constexpr std::int64_t kSamples = 3;

// Samples along this axis, `inner` places each.
BatchOperand of_samples(Shape shape, std::size_t axis = 0, std::int64_t inner = 1) {
  return {.kind = Kind::tensor, .shape = std::move(shape), .owner = {true, axis, inner}};
}
BatchOperand nobodys(Shape shape) { return {.kind = Kind::tensor, .shape = std::move(shape)}; }
BatchOperand number(std::int64_t number) { return {.kind = Kind::number, .number = number}; }
BatchOperand text(std::string text) { return {.kind = Kind::text, .text = std::move(text)}; }
BatchOperand list(Operands items) { return {.kind = Kind::list, .list = std::move(items)}; }
BatchOperand numbers(const Shape& all) {
  Operands items;
  for (const auto n : all) items.push_back(number(n));
  return list(std::move(items));
}
const BatchOperand kNone;

std::string owner_of(const std::string& op, const Operands& operands, const Shape& shape,
                     std::size_t result = 0) {
  const auto* facts = find_graph_operator("aten::" + op);
  if (facts == nullptr) return "no such operator";
  const auto owner = result_owner(*facts, operands, result, shape, kSamples);
  if (!owner) return "mixed";
  if (!owner->samples) return "nobody";
  return "axis " + std::to_string(owner->axis) +
         (owner->inner == 1 ? "" : ", " + std::to_string(owner->inner) + " each");
}

TEST(SampleOwners, AreNobodyWhereNoSamplesComeIn) {
  EXPECT_EQ(owner_of("sum", {nobodys({3, 4})}, {}), "nobody");
  EXPECT_EQ(owner_of("zeros_like", {of_samples({3, 4})}, {3, 4}), "nobody");
}

TEST(SampleOwners, StayWhereElementsStay) {
  EXPECT_EQ(owner_of("relu", {of_samples({3, 4})}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("add.Tensor", {of_samples({3, 4}), nobodys({4})}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("add.Tensor", {nobodys({2, 1, 1}), of_samples({3, 4})}, {2, 3, 4}), "axis 1");
}

TEST(SampleOwners, AreMixedWhereSamplesLieAlongOtherAxesOrInOtherBlocks) {
  EXPECT_EQ(owner_of("add.Tensor", {of_samples({3, 3}, 0), of_samples({3, 3}, 1)}, {3, 3}),
            "mixed");
  EXPECT_EQ(owner_of("add.Tensor", {of_samples({6}, 0, 1), of_samples({6}, 0, 2)}, {6}), "mixed");
  EXPECT_EQ(owner_of("where.self", {of_samples({3, 1}), of_samples({3}), nobodys({})}, {3, 3}),
            "mixed");
}

TEST(SampleOwners, AreMixedByAWriteIntoWhatWasAnothers) {
  EXPECT_EQ(owner_of("copy_", {of_samples({3, 4}), of_samples({3, 4})}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("copy_", {nobodys({3, 4}), of_samples({3, 4})}, {3, 4}), "mixed");
}

TEST(RowOperators, WantTheBatchInFrontAndNoSamplesInTheirWeights) {
  const auto kernel = nobodys({8, 2, 3, 3});
  EXPECT_EQ(owner_of("conv2d", {of_samples({3, 2, 5, 5}), kernel}, {3, 8, 3, 3}), "axis 0");
  EXPECT_EQ(owner_of("conv2d", {of_samples({6, 2, 5, 5}, 0, 2), kernel}, {6, 8, 3, 3}),
            "axis 0, 2 each");
  EXPECT_EQ(owner_of("conv2d", {of_samples({3, 5, 5}), nobodys({8, 3, 3, 3})}, {8, 3, 3}), "mixed");
  EXPECT_EQ(owner_of("conv2d", {of_samples({1, 3, 5, 5}, 1), kernel}, {1, 8, 3, 3}), "mixed");
  EXPECT_EQ(owner_of("conv2d", {nobodys({3, 2, 5, 5}), of_samples({3, 2, 3, 3})}, {3, 3, 3, 3}),
            "mixed");
  EXPECT_EQ(owner_of("max_pool2d", {of_samples({3, 4, 4})}, {3, 2, 2}), "mixed") << "one image";
}

TEST(Norms, AreOfOneSampleUnlessTheyAreTakenOverTheBatch) {
  const auto x = of_samples({3, 4, 5});
  const Operands frozen{x, kNone, kNone, nobodys({4}), nobodys({4}), number(0)};
  const Operands training{x, kNone, kNone, nobodys({4}), nobodys({4}), number(1)};
  EXPECT_EQ(owner_of("batch_norm", frozen, x.shape), "axis 0");
  EXPECT_EQ(owner_of("batch_norm", training, x.shape), "mixed");
  EXPECT_EQ(owner_of("group_norm", {x, number(2)}, x.shape), "axis 0");
  EXPECT_EQ(owner_of("instance_norm", {x}, x.shape), "axis 0");
  EXPECT_EQ(owner_of("instance_norm", {of_samples({3, 4})}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("layer_norm", {x, numbers({4, 5})}, x.shape), "axis 0");
  EXPECT_EQ(owner_of("layer_norm", {x, numbers({3, 4, 5})}, x.shape), "mixed");
}

TEST(Softmax, IsAlongAnotherAxisThanTheSamples) {
  EXPECT_EQ(owner_of("softmax.int", {of_samples({3, 4}), number(-1)}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("softmax.int", {of_samples({3, 4}), number(0)}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("softmax.int", {of_samples({3, 4}), number(-2)}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("cumsum", {of_samples({6, 4}, 0, 2), number(0)}, {6, 4}), "mixed");
}

TEST(Rolling, IsAlongAnotherAxisThanTheSamplesAndNeverThroughAll) {
  const auto x = of_samples({3, 4});
  EXPECT_EQ(owner_of("roll", {x, numbers({1}), numbers({1})}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("roll", {x, numbers({1}), numbers({0})}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("roll", {x, numbers({1}), numbers({})}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("flip", {x, numbers({1, 0})}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("sort.stable", {x, kNone, number(1), number(0)}, {3, 4}, 1), "axis 0");
  EXPECT_EQ(owner_of("sort.stable", {x, kNone, number(0), number(0)}, {3, 4}, 1), "mixed");
}

TEST(Reductions, AreOverOtherAxesThanTheSamples) {
  const auto x = of_samples({2, 3, 4}, 1);
  EXPECT_EQ(owner_of("mean.dim", {x, numbers({0, 2})}, {3}), "axis 0");
  EXPECT_EQ(owner_of("mean.dim", {x, numbers({0, 2}), number(1)}, {1, 3, 1}), "axis 1");
  EXPECT_EQ(owner_of("mean.dim", {x, numbers({1})}, {2, 4}), "mixed");
  EXPECT_EQ(owner_of("mean.dim", {x, numbers({})}, {}), "mixed");
  EXPECT_EQ(owner_of("sum.dim_IntList", {x, kNone}, {}), "mixed");
  EXPECT_EQ(owner_of("max.dim", {x, number(-1)}, {2, 3}, 1), "axis 1");
  EXPECT_EQ(owner_of("linalg_vector_norm", {x, number(1), numbers({2})}, {2, 3}), "axis 1");
  for (const auto* op : {"sum", "max", "norm.Scalar", "std", "all", "count_nonzero", "argmax"})
    EXPECT_EQ(owner_of(op, {x, number(0)}, {}), "mixed") << op;
}

TEST(Views, FoldTheBatchIntoAnAxisAndOutAgain) {
  EXPECT_EQ(owner_of("view", {of_samples({3, 4, 5}), numbers({12, 5})}, {12, 5}), "axis 0, 4 each");
  EXPECT_EQ(owner_of("view", {of_samples({12, 5}, 0, 4), numbers({3, 4, 5})}, {3, 4, 5}), "axis 0");
  EXPECT_EQ(owner_of("view", {of_samples({4, 3, 5}, 1), numbers({12, 5})}, {12, 5}), "axis 0");
  EXPECT_EQ(owner_of("view", {of_samples({3, 4}), numbers({1, 12})}, {1, 12}), "axis 1, 4 each");
}

TEST(Views, AreMixedWhereARowHoldsPartsOfSeveral) {
  EXPECT_EQ(owner_of("view", {of_samples({3, 4}), numbers({2, 6})}, {2, 6}), "mixed");
  EXPECT_EQ(owner_of("view", {of_samples({3, 4}), numbers({4, 3})}, {4, 3}), "mixed");
  EXPECT_EQ(owner_of("reshape", {of_samples({4, 3}, 1), numbers({3, 4})}, {3, 4}), "mixed");
}

TEST(Views, MoveTheSamplesWithTheirAxis) {
  const auto x = of_samples({2, 3, 4}, 1);
  EXPECT_EQ(owner_of("transpose.int", {x, number(0), number(-2)}, {3, 2, 4}), "axis 0");
  EXPECT_EQ(owner_of("permute", {x, numbers({2, 0, 1})}, {4, 2, 3}), "axis 2");
  EXPECT_EQ(owner_of("movedim.int", {x, number(1), number(0)}, {3, 2, 4}), "axis 0");
  EXPECT_EQ(owner_of("unsqueeze", {x, number(0)}, {1, 2, 3, 4}), "axis 2");
  EXPECT_EQ(owner_of("unsqueeze", {x, number(-1)}, {2, 3, 4, 1}), "axis 1");
  EXPECT_EQ(owner_of("squeeze.dim", {of_samples({1, 3, 4}, 1), number(0)}, {3, 4}), "axis 0");
  EXPECT_EQ(owner_of("mT", {x}, {2, 4, 3}), "axis 2");
  EXPECT_EQ(owner_of("numpy_T", {x}, {4, 3, 2}), "mixed") << "nothing is said of it";
}

TEST(Expansion, RepeatsWholeBatchesOrEverySample) {
  EXPECT_EQ(owner_of("expand", {of_samples({3, 1}), numbers({2, 3, 4})}, {2, 3, 4}), "axis 1");
  EXPECT_EQ(owner_of("repeat", {of_samples({3, 2}), numbers({2, 1})}, {6, 2}), "axis 0");
  EXPECT_EQ(
      owner_of("repeat_interleave.self_int", {of_samples({3, 2}), number(2), number(0)}, {6, 2}),
      "axis 0, 2 each");
  EXPECT_EQ(owner_of("repeat_interleave.self_int", {of_samples({3, 2}), number(2), kNone}, {12}),
            "mixed");
  EXPECT_EQ(owner_of("expand_as", {of_samples({3, 1}), of_samples({3, 4})}, {3, 4}), "mixed");
}

TEST(Pieces, AreOfOtherAxesThanTheSamples) {
  const auto x = of_samples({4, 3, 6}, 1);
  EXPECT_EQ(owner_of("select.int", {x, number(0), number(1)}, {3, 6}), "axis 0");
  EXPECT_EQ(owner_of("select.int", {x, number(1), number(1)}, {4, 6}), "mixed");
  EXPECT_EQ(owner_of("slice.Tensor", {x, number(2), number(1), number(3)}, {4, 3, 2}), "axis 1");
  EXPECT_EQ(owner_of("slice.Tensor", {x, number(1), number(0), number(9)}, {4, 3, 6}), "axis 1");
  EXPECT_EQ(owner_of("slice.Tensor", {x, number(1), number(1), number(9)}, {4, 2, 6}), "mixed");
  EXPECT_EQ(owner_of("narrow", {of_samples({6, 2}, 0, 2), number(0), number(1), number(3)}, {3, 2}),
            "mixed");
  EXPECT_EQ(owner_of("chunk", {x, number(2), number(2)}, {4, 3, 3}), "axis 1");
  EXPECT_EQ(owner_of("chunk", {x, number(3), number(1)}, {4, 1, 6}), "mixed");
  EXPECT_EQ(owner_of("unbind.int", {x, number(0)}, {3, 6}), "axis 0");
  EXPECT_EQ(owner_of("unbind.int", {x, number(1)}, {4, 6}), "mixed");
}

TEST(Joining, IsAlongOtherAxesThanTheSamples) {
  const auto x = of_samples({3, 4}), constant = nobodys({3, 2}), turned = of_samples({3, 3}, 1);
  EXPECT_EQ(owner_of("cat", {list({x, constant}), number(1)}, {3, 6}), "axis 0");
  EXPECT_EQ(owner_of("cat", {list({x, x}), number(0)}, {6, 4}), "mixed");
  EXPECT_EQ(owner_of("cat", {list({of_samples({3, 3}), turned}), number(1)}, {3, 6}), "mixed");
  EXPECT_EQ(owner_of("stack", {list({x, x}), number(0)}, {2, 3, 4}), "axis 1");
  EXPECT_EQ(owner_of("stack", {list({of_samples({3, 3}), turned}), number(0)}, {2, 3, 3}), "mixed");
}

TEST(Padding, AddsNothingBetweenSamples) {
  const auto x = of_samples({3, 4, 5});
  EXPECT_EQ(owner_of("pad", {x, numbers({1, 1, 2, 2})}, {3, 8, 7}), "axis 0");
  EXPECT_EQ(owner_of("pad", {x, numbers({1, 1, 2, 2, 0, 0})}, {3, 8, 7}), "axis 0");
  EXPECT_EQ(owner_of("pad", {x, numbers({0, 0, 0, 0, 1, -1})}, {3, 4, 5}), "mixed");
}

TEST(Products, AreNotSummedOverTheSamples) {
  const auto x = of_samples({3, 4}), weight = nobodys({4, 2});
  EXPECT_EQ(owner_of("linear", {x, nobodys({2, 4})}, {3, 2}), "axis 0");
  EXPECT_EQ(owner_of("linear", {of_samples({4, 3}, 1), nobodys({2, 3})}, {4, 2}), "mixed");
  EXPECT_EQ(owner_of("matmul", {x, weight}, {3, 2}), "axis 0");
  EXPECT_EQ(owner_of("matmul", {weight, of_samples({2, 3}, 1)}, {4, 3}), "axis 1");
  EXPECT_EQ(owner_of("mm", {nobodys({2, 3}), x}, {2, 4}), "mixed");
  EXPECT_EQ(owner_of("mm", {of_samples({4, 3}, 1), nobodys({3, 2})}, {4, 2}), "mixed");
  EXPECT_EQ(owner_of("mm", {x, of_samples({4, 3}, 1)}, {3, 3}), "mixed") << "all with all";
  EXPECT_EQ(owner_of("bmm", {of_samples({3, 2, 4}), of_samples({3, 4, 5})}, {3, 2, 5}), "axis 0");
  EXPECT_EQ(owner_of("bmm", {of_samples({6, 2, 4}, 0, 2), of_samples({6, 4, 5})}, {6, 2, 5}),
            "mixed");
  EXPECT_EQ(owner_of("addmm", {nobodys({2}), x, weight}, {3, 2}), "axis 0");
  EXPECT_EQ(owner_of("addmm", {of_samples({3, 3}, 1), x, nobodys({4, 3})}, {3, 3}), "mixed");
  EXPECT_EQ(owner_of("dot", {of_samples({3}), nobodys({3})}, {}), "mixed");
}

TEST(Einsum, KeepsTheLetterOfTheSamples) {
  const auto einsum = [](const char* equation, Operands factors, const Shape& shape) {
    return owner_of("einsum", {text(equation), list(std::move(factors)), kNone}, shape);
  };
  const auto q = of_samples({3, 4, 5}), k = of_samples({3, 6, 5});
  EXPECT_EQ(einsum("bid, bjd -> bij", {q, k}, {3, 4, 6}), "axis 0");
  EXPECT_EQ(einsum("bid,de->ibe", {q, nobodys({5, 2})}, {4, 3, 2}), "axis 1");
  EXPECT_EQ(einsum("bid,bjd->ij", {q, k}, {4, 6}), "mixed") << "summed over the batch";
  EXPECT_EQ(einsum("bid,cid->bc", {q, q}, {3, 3}), "mixed") << "all with all";
  EXPECT_EQ(einsum("bb->b", {of_samples({3, 3})}, {3}), "mixed");
  EXPECT_EQ(einsum("bid,ibd->bid", {of_samples({3, 3, 5}), of_samples({3, 3, 5})}, {3, 3, 5}),
            "mixed");
  EXPECT_EQ(einsum("...d->...", {q}, {3, 4}), "mixed") << "nothing is said of dots";
  EXPECT_EQ(einsum("bi", {of_samples({3, 4})}, {3, 4}), "mixed");
}

TEST(Attention, IsOverWhatFollowsTheSamples) {
  const auto x = of_samples({3, 2, 4, 5});
  EXPECT_EQ(owner_of("scaled_dot_product_attention", {x, x, x}, {3, 2, 4, 5}), "axis 0");
  EXPECT_EQ(owner_of("scaled_dot_product_attention", {x, x, x, of_samples({3, 1, 4, 4})}, x.shape),
            "axis 0");
  const auto rows = of_samples({2, 3, 5}, 1);
  EXPECT_EQ(owner_of("scaled_dot_product_attention", {rows, rows, rows}, {2, 3, 5}), "mixed")
      << "samples attend to samples";
  EXPECT_EQ(
      owner_of("scaled_dot_product_attention", {x, x, x, of_samples({3, 4}, 0)}, {3, 2, 4, 5}),
      "mixed")
      << "a mask with samples where queries are";
}

TEST(Recurrence, RunsAlongTimeAndNotAlongSamples) {
  const auto gru = [](BatchOperand x, BatchOperand state, bool batch_first, std::size_t result) {
    const Shape shape = result == 0 ? Shape{x.shape[0], x.shape[1], 6} : state.shape;
    return owner_of("gru.input",
                    {x, state, list({nobodys({18, 4}), nobodys({18, 6})}), number(0), number(1),
                     number(0), number(1), number(0), number(batch_first)},
                    shape, result);
  };
  const auto zero = nobodys({1, 3, 6});
  EXPECT_EQ(gru(of_samples({3, 7, 4}), zero, true, 0), "axis 0");
  EXPECT_EQ(gru(of_samples({3, 7, 4}), zero, true, 1), "axis 1");
  EXPECT_EQ(gru(of_samples({7, 3, 4}, 1), zero, false, 0), "axis 1");
  EXPECT_EQ(gru(of_samples({3, 7, 4}), nobodys({1, 7, 6}), false, 0), "mixed")
      << "time is the batch";
  EXPECT_EQ(gru(of_samples({3, 7, 4}), of_samples({3, 3, 6}, 0), true, 0), "mixed");
}

TEST(Indexing, TakesRowsOfTablesAndOtherAxesOfSamples) {
  const auto x = of_samples({3, 4, 5}), index = nobodys({2});
  EXPECT_EQ(owner_of("embedding", {nobodys({9, 4}), of_samples({3, 7})}, {3, 7, 4}), "axis 0");
  EXPECT_EQ(owner_of("embedding", {of_samples({3, 4}), nobodys({7})}, {7, 4}), "mixed");
  EXPECT_EQ(owner_of("index.Tensor", {x, list({kNone, index})}, {3, 2, 5}), "axis 0");
  EXPECT_EQ(owner_of("index.Tensor", {x, list({index})}, {2, 4, 5}), "mixed");
  EXPECT_EQ(owner_of("index.Tensor", {of_samples({4, 3}, 1), list({nobodys({2, 6})})}, {2, 6, 3}),
            "axis 2");
  EXPECT_EQ(owner_of("index.Tensor", {nobodys({9, 4}), list({of_samples({3, 7})})}, {3, 7, 4}),
            "axis 0");
  EXPECT_EQ(owner_of("index.Tensor", {x, list({kNone, of_samples({3})})}, {3, 3, 5}), "mixed");
  EXPECT_EQ(
      owner_of("index.Tensor", {of_samples({4, 3, 5}, 1), list({index, kNone, index})}, {2, 3}),
      "mixed")
      << "indices that are no neighbours go to the front";
  EXPECT_EQ(owner_of("index_select", {x, number(1), index}, {3, 2, 5}), "axis 0");
  EXPECT_EQ(owner_of("index_select", {x, number(0), index}, {2, 4, 5}), "mixed");
}

TEST(Gathering, IsAlongOtherAxesThanTheSamples) {
  const auto x = of_samples({3, 4});
  EXPECT_EQ(owner_of("gather", {x, number(1), of_samples({3, 2})}, {3, 2}), "axis 0");
  EXPECT_EQ(owner_of("gather", {x, number(0), of_samples({3, 4})}, {3, 4}), "mixed");
  EXPECT_EQ(owner_of("gather", {x, number(1), of_samples({3, 3}, 1)}, {3, 3}), "mixed");
  EXPECT_EQ(owner_of("gather", {x, number(1), nobodys({2, 2})}, {2, 2}), "mixed");
}

TEST(UnknownRules, AreMixed) {
  for (const auto* op : {"scatter_add", "index_put_", "unfold", "cdist", "topk", "meshgrid"})
    EXPECT_EQ(owner_of(op, {of_samples({3, 4})}, {3, 4}), "mixed") << op;
}

}  // namespace
}  // namespace collegium
