#include "model/graph_admission.h"

#include <gtest/gtest.h>

#include <functional>

#include "graph_text.h"
#include "model/graph_operators.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

using testing::HasSubstr;

json value(int id) { return {{"v", id}}; }

// The small graph with a float32 buffer "layer.mean" (value 5) and these calls at the end of a
// program; their results are numbered from 6.
json graph_with(const std::string& program, const std::vector<json>& calls) {
  auto graph = small_graph();
  graph["tensors"]["layer.mean"] = {{"kind", "buffer"}, {"shape", {2}}, {"dtype", "float32"}};
  auto& p = graph["programs"][program];
  p["bind"].push_back({5, "layer.mean"});
  p["bind"].push_back({6, "constant.scale"});
  int id = 7;
  for (auto call : calls) {
    call["out"] = id++;
    p["nodes"].push_back(call);
  }
  p["values"] = id;
  return graph;
}

Problem refusal(const std::string& program, const std::vector<json>& calls,
                const GraphPolicy& policy = {}) {
  const auto graph = parse_graph(graph_with(program, calls).dump(), "g");
  return admit(graph, policy, "g").value_or(Problem{});
}

template <class... Arguments>
json list(Arguments... arguments) {  // braces around one value would be the value itself
  json all = json::array();
  (all.push_back(arguments), ...);
  return all;
}

json call(const std::string& op, const json& args, const json& kwargs = json::object()) {
  return {{"op", op}, {"args", args}, {"kwargs", kwargs}};
}

json batch_norm(const json& mean, const json& variance, const json& training) {
  return call("aten::batch_norm",
              {value(3), nullptr, nullptr, mean, variance, training, 0.1, 1e-5, false});
}

constexpr int kBias = 0, kInput = 2, kLinear = 3, kMean = 5, kConstant = 6;

TEST(GraphAdmission, TakesAnHonestNetwork) {
  EXPECT_FALSE(admit(parse_graph(small_graph().dump(), "g"), {}, "g"));
  EXPECT_FALSE(admit(parse_graph(small_graph().dump(), "g"), {.patient_privacy = true}, "g"));
}

TEST(GraphAdmission, TakesOnlyOperatorsOnTheListWithTheirExactOverload) {
  for (const auto* name :
       {"aten::from_file", "aten::resize_", "aten::set_.source_Storage", "aten::as_strided",
        "aten::empty.memory_format", "aten::nonzero", "aten::item", "aten::_cudnn_rnn",
        "aten::add.out", "aten::add", "aten::relu.default", "prim::Print", "sym::exec",
        "aten::data", "aten::masked_select", "aten::unique_dim", "relu", ""})
    EXPECT_EQ(refusal("train", {call(name, list(value(kLinear)))}).found, name);
  EXPECT_EQ(refusal("train", {call("aten::add.Tensor", {value(kLinear), value(kLinear)})}).what,
            "");
}

TEST(GraphAdmission, RefusesWritesIntoParametersConstantsAndInputs) {
  for (const int target : {kBias, kConstant, kInput})
    EXPECT_THAT(refusal("train", {call("aten::add_.Tensor", {value(target), value(kLinear)})}).what,
                HasSubstr("writes into"));
  EXPECT_EQ(refusal("train", {call("aten::add_.Tensor", {value(kLinear), value(kLinear)})}).what,
            "");
}

TEST(GraphAdmission, SeesThroughViewsThatAWriteHidesBehind) {
  const std::vector<std::vector<json>> ways = {
      {call("aten::dropout", {value(kBias), 0.5, false})},
      {call("aten::detach", list(value(kBias)))},
      {call("aten::view", {value(kBias), {2, 1}}), call("aten::select.int", {value(7), 1, 0})},
      {call("aten::to.dtype", {value(kBias), {{"dtype", "float32"}}})},
      {call("aten::contiguous", list(value(kBias)))},
      {call("aten::chunk", {value(kBias), 2}), call("sym::getitem", {value(7), 0})},
      {call("sym::tuple", list(list(value(kBias), value(kLinear)))),
       call("sym::getitem", {value(7), 0})},
      {call("aten::einsum", {"i->i", list(value(kBias))})},
      {call("aten::expand", {value(kBias), {2, 2}})},
      {call("aten::pixel_shuffle", {value(kBias), 1})},
      {call("aten::meshgrid", list(list(value(kBias)))), call("sym::getitem", {value(7), 0})},
  };
  for (auto way : ways) {
    const auto last = 7 + static_cast<int>(way.size()) - 1;
    const auto hidden = way.back()["op"].get<std::string>();
    way.push_back(call("aten::copy_", {value(last), value(kLinear)}));
    EXPECT_THAT(refusal("train", way).what, HasSubstr("writes into a parameter")) << hidden;
  }
}

TEST(GraphAdmission, TakesRunningStatisticsFromBuffersAlone) {
  EXPECT_EQ(refusal("train", {batch_norm(value(kMean), nullptr, true)}).what, "");
  for (const int target : {kBias, kConstant, kInput, kLinear}) {
    EXPECT_THAT(refusal("train", {batch_norm(value(target), nullptr, true)}).what,
                HasSubstr("not a buffer"));
    EXPECT_THAT(refusal("train", {batch_norm(nullptr, value(target), false)}).what,
                HasSubstr("not a buffer"));
    EXPECT_THAT(
        refusal("train", {call("aten::instance_norm", {value(kLinear), nullptr, nullptr},
                               {{"running_mean", value(target)}, {"use_input_stats", true}})})
            .what,
        HasSubstr("not a buffer"));
  }
}

TEST(GraphAdmission, RefusesBuffersThatAreWrittenOutsideOfTraining) {
  const auto write = call("aten::add_.Tensor", {value(kMean), 1});
  EXPECT_EQ(refusal("train", {write}).what, "");
  EXPECT_THAT(refusal("eval", {write}).what, HasSubstr("outside of training"));
  EXPECT_THAT(refusal("eval", {batch_norm(value(kMean), nullptr, true)}).what,
              HasSubstr("outside of training"));
  EXPECT_EQ(refusal("eval", {batch_norm(value(kMean), nullptr, false)}).what, "");
}

TEST(GraphAdmissionUnderPatientPrivacy, RefusesBatchNormInItsTrainingFormByName) {
  const GraphPolicy privately{.patient_privacy = true};
  const auto problem = refusal("train", {batch_norm(value(kMean), nullptr, true)}, privately);
  EXPECT_EQ(problem.found, "aten::batch_norm");
  EXPECT_THAT(problem.remedy, HasSubstr("GroupNorm"));
  EXPECT_EQ(refusal("train", {batch_norm(nullptr, nullptr, true)}, privately).found,
            "aten::batch_norm");
  EXPECT_EQ(refusal("train", {batch_norm(value(kMean), nullptr, value(kLinear))}, privately).found,
            "aten::batch_norm");  // whether it trains is computed: not to be known
  EXPECT_EQ(refusal("train", {batch_norm(value(kMean), nullptr, false)}, privately).what, "");
}

TEST(GraphAdmissionUnderPatientPrivacy, RefusesBuffersThatCarryDataPastTheNoise) {
  const GraphPolicy privately{.patient_privacy = true};
  EXPECT_THAT(
      refusal("train", {call("aten::copy_", {value(kMean), value(kLinear)})}, privately).what,
      HasSubstr("past clipping and noise"));
}

TEST(GraphAdmission, HoldsThePolicysLimits) {
  EXPECT_THAT(refusal("train", {}, {.parameters = 9}).what, HasSubstr("larger"));  // 6 + 2 + 2
  EXPECT_EQ(refusal("train", {}, {.parameters = 10}).what, "");
  EXPECT_THAT(refusal("train", {}, {.nodes = 1}).what, HasSubstr("more calls"));
  EXPECT_EQ(refusal("train", {}, {.refused_operators = {"aten::relu"}}).found, "aten::relu");
}

TEST(GraphAdmission, RefusesResultsWhoseShapeTellsOfTheData) {
  EXPECT_THAT(refusal("train", {call("aten::one_hot", list(value(kConstant)))}).what,
              HasSubstr("shape"));
  EXPECT_EQ(refusal("train", {call("aten::one_hot", {value(kConstant), 3})}).what, "");
}

TEST(GraphOperators, AreSortedAndListedOnce) {
  const auto table = graph_operators();
  for (std::size_t i = 1; i < table.size(); ++i) EXPECT_LT(table[i - 1].name, table[i].name);
  for (const auto& op : table) EXPECT_EQ(find_graph_operator(op.name), &op);
}

}  // namespace
}  // namespace collegium
