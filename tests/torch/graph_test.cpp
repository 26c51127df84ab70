#include "torch/graph/graph_network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "base/file.h"
#include "model/graph_layout.h"
#include "model/graph_text.h"
#include "model/safetensors.h"
#include "reference.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"
#include "torch/graph/call.h"
#include "torch/graph/memory_limit.h"
#include "torch/network/flat_model.h"

namespace collegium {
namespace {

using testing::formula;
using ::testing::HasSubstr;

json value(int id) { return {{"v", id}}; }

template <class... Arguments>
json list(Arguments... arguments) {
  json all = json::array();
  (all.push_back(arguments), ...);
  return all;
}

json call(const std::string& op, const json& args) { return {{"op", op}, {"args", args}}; }

// The small network with these calls behind its own; value 3 is its linear layer, 5 the first new
// result, and the last one is its output.
json network_with(const std::vector<json>& calls) {
  auto graph = small_graph();
  for (const auto* name : {"train", "eval"}) {
    auto& program = graph["programs"][name];
    int id = 5;
    for (auto node : calls) {
      node["out"] = id++;
      program["nodes"].push_back(node);
    }
    program["values"] = id;
    program["outputs"] = {id - 1};
  }
  return graph;
}

// Without admission: what is refused here is refused while it runs.
GraphNetwork network_of(const json& graph) {
  auto model = std::make_shared<const GraphModel>(parse_graph(graph.dump(), "g"));
  return {model,
          {{.name = "layer.bias", .shape = {2}}, {.name = "layer.weight", .shape = {2, 3}}},
          "g"};
}

class SmallGraph : public ::testing::Test {
 protected:
  SmallGraph() {
    Layout layout;
    layout.add("layer.bias", {2});
    layout.add("layer.weight", {2, 3});
    model.emplace(layout);
    std::vector<float> values{0.1f, -0.2f, 0.5f, -1, 2, 0.25f, 1, -0.5f};
    model->load(values);
  }
  const std::vector<at::Tensor>& w() const { return model->parameters(); }

  std::optional<FlatModel> model;
  at::Tensor x = formula({4, 3}, [](double i) { return std::sin(i + 1); });
  Pass training{.dropout_keys = {1, 2, 3, 4}};
};

TEST_F(SmallGraph, ComputesWhatItsCallsSay) {
  const auto network = network_of(small_graph());
  EXPECT_TRUE(at::equal(network.forward(x, w(), {}), at::relu(at::linear(x, w()[1], w()[0]))));
}

TEST_F(SmallGraph, HasItsGradientsInTheFlatVector) {
  const auto network = network_of(small_graph());
  const GraphLoss loss(std::make_shared<const GraphModel>(parse_graph(small_graph().dump(), "g")),
                       "g");
  const auto targets = formula({4, 2}, [](double i) { return 0.1 * i; });
  loss.mean(network.forward(x, w(), training), targets).backward();
  const auto found = model->flat_gradient().clone();
  model->zero_gradient();
  const auto difference = at::relu(at::linear(x, w()[1], w()[0])) - targets;
  (difference * difference).mean(1).mean().backward();
  EXPECT_TRUE(at::equal(found, model->flat_gradient()));
  EXPECT_GT(found.abs().sum().item<double>(), 0);
}

TEST_F(SmallGraph, RefusesInputsThatItWasNotMadeFor) {
  const auto network = network_of(small_graph());
  const auto problem = problem_of([&] { network.forward(x.narrow(1, 0, 2), w(), {}); });
  EXPECT_THAT(problem.what, HasSubstr("axis 1"));
  EXPECT_EQ(problem.expected, "3");
}

TEST_F(SmallGraph, RefusesSizesForWhichItsAuthorsPythonWouldHaveBranched) {
  auto graph =
      network_with({call("aten::sym_size.int", {value(2), 0}), call("sym::mod", {value(5), 2}),
                    call("sym::eq", {value(6), 0}), call("aten::relu", list(value(3)))});
  for (const auto* name : {"train", "eval"})
    graph["programs"][name]["nodes"].push_back(
        {{"op", "sym::check"}, {"args", {value(7), "an even batch"}}, {"out", -1}});
  const auto network = network_of(graph);
  EXPECT_NO_THROW(network.forward(x, w(), {}));
  EXPECT_EQ(problem_of([&] { network.forward(x.narrow(0, 0, 3), w(), {}); }).expected,
            "an even batch");
}

TEST_F(SmallGraph, IsStoppedBeforeItWritesIntoAParameterWhicheverWayItGotThere) {
  const std::vector<std::vector<json>> ways = {
      {call("aten::dropout", {value(0), 0.5, false}),
       call("aten::add_.Tensor", {value(5), value(3)})},
      {call("aten::detach", list(value(0))), call("aten::add_.Tensor", {value(5), 1})},
      {call("aten::batch_norm",
            {value(3), nullptr, nullptr, value(0), nullptr, true, 0.1, 1e-5, false})},
      {call("aten::add_.Tensor", {value(2), 1})}};
  for (const auto& way : ways) {
    const auto network = network_of(network_with(way));
    const auto before = model->flat().clone(), input = x.clone();
    const c10::NoGradGuard as_a_no_grad_region;
    EXPECT_THAT(problem_of([&] { network.forward(x, w(), training); }).what, HasSubstr("may not"));
    EXPECT_TRUE(at::equal(model->flat(), before));
    EXPECT_TRUE(at::equal(x, input));
  }
}

TEST_F(SmallGraph, DropsByTheKeysOfItsSamplesAndByNothingElse) {
  const auto network = network_of(network_with({call("aten::dropout", {value(3), 0.5, true})}));
  const auto all = network.forward(x, w(), training);
  EXPECT_TRUE(at::equal(all, network.forward(x, w(), training)));
  EXPECT_FALSE(at::equal(all, network.forward(x, w(), {.dropout_keys = {5, 6, 7, 8}})));
  const auto third = network.forward(x.narrow(0, 2, 1), w(), {.dropout_keys = {3}});
  EXPECT_TRUE(at::equal(third, all.narrow(0, 2, 1)));
  EXPECT_TRUE(at::equal(network.forward(x, w(), {}), at::linear(x, w()[1], w()[0])));
}

TEST_F(SmallGraph, KeepsItsSamplesApart) {
  EXPECT_EQ(network_of(small_graph()).where_samples_meet(x, w()), "");
}

TEST_F(SmallGraph, LetsNoSamplesMeetUnseen) {
  const std::vector<json> mixing = {call("aten::roll", list(value(3), list(1), list(0))),
                                    call("aten::softmax.int", {value(3), 0}),
                                    call("aten::flip", list(value(3), list(0))),
                                    call("aten::cumsum", {value(3), -2}),
                                    call("aten::batch_norm", {value(3), nullptr, nullptr, nullptr,
                                                              nullptr, true, 0.1, 1e-5, false}),
                                    call("aten::layer_norm", list(value(3), list(4, 2))),
                                    call("aten::slice.Tensor", {value(3), 0, 1, 4})};
  for (const auto& last : mixing) {
    const auto network = network_of(network_with({last}));
    EXPECT_THAT(network.where_samples_meet(x, w()), HasSubstr(last["op"].get<std::string>()));
  }
  const auto view = network_of(network_with({call("aten::view", {value(3), {2, 4}})}));
  EXPECT_NE(view.where_samples_meet(x, w()), "");
  const auto transposed = network_of(network_with(
      {call("aten::transpose.int", {value(3), 0, 1}), call("aten::reshape", {value(5), {4, 2}})}));
  EXPECT_NE(transposed.where_samples_meet(x, w()), "");
  const auto mean = network_of(network_with({call("aten::mean.dim", list(value(3), list(0), true)),
                                             call("aten::sub.Tensor", {value(3), value(5)})}));
  EXPECT_THAT(mean.where_samples_meet(x, w()), HasSubstr("mean.dim"));
}

TEST_F(SmallGraph, MayFoldTheBatchIntoAnotherAxisAndOutAgain) {
  const auto network = network_of(network_with({
      call("aten::unsqueeze", {value(3), 1}),            // [4, 1, 2]
      call("aten::repeat", {value(5), {1, 3, 1}}),       // [4, 3, 2]
      call("aten::view", {value(6), {12, 2}}),           // samples in blocks of 3
      call("aten::softmax.int", {value(7), 1}),          //
      call("aten::view", {value(8), {4, 3, 2}}),         //
      call("aten::permute", {value(9), {1, 0, 2}}),      // [3, 4, 2]
      call("aten::contiguous", list(value(10))),         //
      call("aten::view", {value(11), {12, 2}}),          // samples in turn
      call("aten::relu", list(value(12))),               //
      call("aten::view", {value(13), {3, 4, 2}}),        //
      call("aten::mean.dim", list(value(14), list(0))),  // [4, 2]
  }));
  EXPECT_EQ(network.where_samples_meet(x, w()), "");
}

// A list of values is followed place by place, whatever else stands in it.
TEST_F(SmallGraph, LetsNoSamplesHideInAList) {
  const auto mixed = [](int value_of_samples) {
    return call("aten::mean.dim", list(value(value_of_samples), list(0), true));
  };
  const std::vector<std::vector<json>> ways = {
      {call("aten::zeros_like", list(value(3))),
       call("sym::tuple", list(list(1, value(3), value(5)))), call("sym::getitem", {value(6), 1}),
       mixed(7)},
      {call("sym::getitem", list(list(value(3)), 0)), mixed(5)},
      {call("aten::chunk", {value(3), 2, 1}), call("sym::tuple", list(value(5))),
       call("sym::getitem", {value(6), 0}), mixed(7)},
      {call("sym::tuple", list(list(value(3)))), call("sym::tuple", list(list(value(5)))),
       call("sym::getitem", {value(6), 0}), call("sym::getitem", {value(7), 0}), mixed(8)},
  };
  for (auto way : ways) {
    const auto last = 5 + static_cast<int>(way.size()) - 1;
    way.push_back(call("aten::add.Tensor", {value(3), value(last)}));
    const auto network = network_of(network_with(way));
    EXPECT_NE(network.where_samples_meet(x, w()), "") << json(way);
  }
}

TEST_F(SmallGraph, IsStoppedBeforeWhatTorchWouldDieOf) {
  const auto least = std::numeric_limits<std::int64_t>::min();
  const auto full = call("aten::full", list(list(2), least, json{{"dtype", "int64"}}));
  const std::vector<std::vector<json>> ways = {
      {full, call("aten::floor_divide", {value(5), -1})},
      {full, call("aten::remainder.Scalar", {value(5), -1})},
      {full, call("aten::fmod.Scalar", {value(5), -1})},
      {full, call("aten::neg", list(value(5))), call("aten::sign", list(value(6))),
       call("aten::div.Tensor_mode", {value(5), value(7), "trunc"})},
      {call("aten::gt.Scalar", {value(3), 0}),
       call("aten::index.Tensor", list(value(3), list(value(5))))},
      {call("aten::unsqueeze", {value(3), 0}), call("aten::zeros", list(list(1, 4, 2))),
       call("aten::gru.input",
            {value(5), value(6), list(value(1)), false, 1, 0.0, true, false, false})},
      {call("aten::unsqueeze", {value(3), 0}), call("aten::zeros", list(list(9, 4, 2))),
       call("aten::gru.input",
            {value(5), value(6), list(value(1), value(1)), false, 9, 0.0, true, false, false})},
      {call("aten::select.int", {value(3), 0, 0}),
       call("aten::scaled_dot_product_attention", {value(5), value(5), value(5), nullptr, 0.5})},
      {call("aten::expand", list(value(0), list(1 << 20, 2))),
       call("aten::unbind.int", {value(5), 0})},
      {call("aten::tensor_split.sections", {value(3), std::int64_t{1} << 40})},
  };
  for (const auto& way : ways) {
    const auto network = network_of(network_with(way));
    EXPECT_THAT(problem_of([&] { network.forward(x, w(), training); }).where,
                HasSubstr(way.back()["op"].get<std::string>()));
  }
}

TEST_F(SmallGraph, TakesNoNumbersForTypesAndNoOtherKindOfMemory) {
  for (const auto& wrong :
       {call("aten::to.dtype", {value(3), 200}), call("aten::zeros", list(list(2, 2), nullptr, 1)),
        call("aten::zeros", list(list(2, 2), nullptr, nullptr, nullptr, true)),
        call("aten::contiguous", {value(3), 7}),
        call("aten::gather", {value(3), 0, value(3), true}),
        call("aten::soft_margin_loss", {value(3), value(3), 3}),
        call("aten::to.dtype", {value(3), value(3)})})
    EXPECT_THAT(problem_of([&] { network_of(network_with({wrong})); }).what, HasSubstr("wrongly"));
}

TEST(GraphLoss, GivesTheLossAloneAndNoMetricsBesideIt) {
  auto graph = small_graph();
  graph["programs"]["loss"]["outputs"] = {4, 3};
  const auto problem = problem_of(
      [&] { GraphLoss(std::make_shared<const GraphModel>(parse_graph(graph.dump(), "g")), "g"); });
  EXPECT_THAT(problem.remedy, HasSubstr("metrics"));
}

TEST(GraphLayout, IsTheSameWithTorchAndWithout) {
  const TemporaryFolder folder;
  for (const auto* name : {"mlp", "transformer", "unet_batchnorm"}) {
    const auto text = testing::reference(std::string("graphs/") + name + ".json").dump();
    const auto model = parse_graph(text, name);
    Layout in_file;
    for (const auto& tensor : model.tensors)
      if (tensor.in_file()) in_file.add(tensor.name, tensor.shape);
    const auto path = folder / "network.safetensors";
    save_safetensors(path, in_file, std::vector<float>(in_file.size()), {{kGraphMetadata, text}});
    const auto loaded = load_graph(read_file(path.string()), name);
    std::vector<std::vector<std::string>> patterns = {{}, {"weight"}, {"bias", "weight"}};
    if (!model.head.empty()) patterns.push_back({"head"});
    if (!model.norms.empty()) patterns.push_back({"norm"});
    for (const auto& trainable : patterns)
      EXPECT_EQ(graph_layout(model, in_file, trainable).hash(),
                layout_of(*loaded->network, trainable).hash())
          << name;
  }
}

constexpr std::int64_t kHuge = std::int64_t{1} << 42;

TEST_F(SmallGraph, RefusesEnormousShapesBeforeTheyAreAllocated) {
  const auto image = call("aten::view", {value(3), {1, 2, 2, 2}});
  const std::vector<std::vector<json>> ways = {
      {call("aten::zeros", list(list(kHuge)))},
      {call("aten::zeros", list(list(kHuge, 0)))},
      {call("aten::arange", list(kHuge))},
      {call("aten::eye", list(1 << 30))},
      {call("aten::expand", list(value(0), list(kHuge, 2)))},
      {call("aten::new_zeros", list(value(3), list(1 << 30, 1 << 20)))},
      {call("aten::repeat", list(value(3), list(1 << 20, 1 << 20)))},
      {call("aten::expand", list(value(0), list(1 << 28, 2))),
       call("aten::expand", list(value(5), list(1 << 20, 1 << 28, 2)))},
      {call("aten::pad", list(value(3), list(0, 0, kHuge, kHuge)))},
      {image, call("aten::upsample_nearest2d.vec", {value(5), {1 << 22, 1 << 22}, nullptr})},
      {image, call("aten::zeros", list(list(2, 2, 1, 1))),
       call("aten::conv2d", {value(5), value(6), nullptr, 1, 1 << 22})},
      {call("aten::rand", list(list(kHuge)))},
      {call("aten::linspace", {0, 1, kHuge})},
  };
  for (const auto& way : ways) {
    const auto network = network_of(network_with(way));
    const auto problem = problem_of([&] { network.forward(x, w(), training); });
    EXPECT_THAT(problem.what, HasSubstr("than it may")) << json(way) << problem.found;
    EXPECT_THAT(problem.where, HasSubstr(way.back()["op"].get<std::string>()));
  }
}

TEST(MemoryLimit, CountsWhatIsHeldAtATimeBothWaysThroughANetwork) {
  const MemoryLimit limit(1 << 20);
  const auto held = at::empty({200 * 1024});  // of 256 Ki floats
  EXPECT_EQ(problem_of([&] { at::empty({100 * 1024}); }).expected,
            "at most 1048576 bytes at a time");
  for (int i = 0; i < 10; ++i) at::empty({50 * 1024});  // one after another
  auto x = at::ones({15 * 1024}).requires_grad_();
  const auto twice = x * 2, y = twice.exp().sum();  // 3 x 60 KiB: less than one more is left
  EXPECT_THAT(problem_of([&] { y.backward(); }).what, HasSubstr("more memory"));
}

TEST(MemoryLimit, IsOfItsThreadAndWhatItHeldIsFreedByAnyOther) {
  std::optional<at::Tensor> tensor;
  const MemoryLimit limit(1 << 20);
  tensor = at::empty({200 * 1024});
  std::thread([&] {
    at::empty({1 << 20});
    tensor.reset();
  }).join();
  at::empty({200 * 1024});
  const MemoryLimit inner(1 << 10);
  EXPECT_THROW(at::empty({1 << 10}), DataError);
}

TEST(GraphOperators, AreWhatTorchHasUnderTheirNames) {
  std::size_t found = 0;
  for (const auto& op : graph_operators()) {
    const auto dot = op.name.find('.');
    const auto handle = c10::Dispatcher::singleton().findSchema(
        {op.name.substr(0, dot), dot == std::string::npos ? "" : op.name.substr(dot + 1)});
    ASSERT_TRUE(handle) << op.name;
    const auto& formals = handle->schema().arguments();
    for (std::size_t i = 0; i < formals.size(); ++i) {
      const bool written = formals[i].alias_info() && formals[i].alias_info()->isWrite();
      EXPECT_EQ(written, i == 0 && op.writes) << op.name;
    }
    for (const auto& result : handle->schema().returns())
      if (result.alias_info()) {
        EXPECT_TRUE(op.shares) << op.name;
      }
    for (const auto& formal : formals)
      if (formal.type()->str().find("Generator") != std::string::npos) {
        EXPECT_TRUE(op.random) << op.name;
      }
    ++found;
  }
  EXPECT_GT(found, 400u);
}

}  // namespace
}  // namespace collegium
