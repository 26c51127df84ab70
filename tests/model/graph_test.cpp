#include "model/graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph_text.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

using testing::HasSubstr;

// What is said of the small graph after one change.
Problem refusal(const std::function<void(json&)>& change) {
  auto graph = small_graph();
  change(graph);
  const auto text = graph.dump();
  return problem_of([&] { parse_graph(text, "g"); });
}

Problem refusal_of_text(const std::string& text, const GraphLimits& limits = {}) {
  return problem_of([&] { parse_graph(text, "g", limits); });
}

json& train(json& graph) { return graph["programs"]["train"]; }

TEST(Graph, IsReadAsItWasWritten) {
  const auto graph = parse_graph(small_graph().dump(), "g");
  ASSERT_EQ(graph.tensors.size(), 3u);
  EXPECT_EQ(graph.tensors[0].name, "constant.scale");
  EXPECT_EQ(graph.tensors[0].data, (std::vector<std::uint8_t>{1, 0, 2, 0}));
  EXPECT_EQ(graph.tensors[2].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(graph.tied.at("other.bias"), "layer.bias");
  EXPECT_EQ(graph.head, "layer.");
  const auto* program = graph.program("train");
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->inputs[0].shape[0].symbol, "batch");
  EXPECT_EQ(program->inputs[0].shape[1].fixed, 3);
  EXPECT_EQ(program->sizes.at("batch").low, 1);
  EXPECT_EQ(program->nodes[1].op, "aten::relu");
  EXPECT_EQ(program->nodes[0].args[1].id(), 1u);
  EXPECT_EQ(graph.program("loss")->nodes[2].kwargs[0].first, "keepdim");
}

TEST(Graph, ReadsEveryKindOfArgument) {
  auto text = small_graph();
  train(text)["nodes"][1]["args"] = json::parse(
      R"([{"v":3},true,-7,0.5,"text",null,{"float":"-inf"},{"dtype":"int64"},{"device":"model"},)"
      R"({"layout":"strided"},{"memory_format":"channels_last_3d"},[1,{"v":2},[null]]])");
  const auto graph = parse_graph(text.dump(), "g");
  const auto& args = graph.program("train")->nodes[1].args;
  using Kind = GraphArgument::Kind;
  const Kind kinds[] = {Kind::value,  Kind::boolean, Kind::integer,       Kind::real,
                        Kind::text,   Kind::none,    Kind::real,          Kind::element_kind,
                        Kind::device, Kind::layout,  Kind::memory_format, Kind::list};
  ASSERT_EQ(args.size(), std::size(kinds));
  for (std::size_t i = 0; i < args.size(); ++i) EXPECT_EQ(args[i].kind, kinds[i]) << i;
  EXPECT_EQ(args[2].integer, -7);
  EXPECT_TRUE(std::isinf(args[6].real) && args[6].real < 0);
  EXPECT_EQ(args[11].list[1].id(), 2u);
}

TEST(Graph, IsNamedByItsText) {
  auto other = small_graph();
  train(other)["nodes"][1]["op"] = "aten::gelu";
  const auto hash = parse_graph(small_graph().dump(), "g").hash;
  EXPECT_EQ(hash, parse_graph(small_graph().dump(), "h").hash);
  EXPECT_NE(hash, parse_graph(other.dump(), "g").hash);
}

TEST(GraphText, MustBeCanonicalSoThatEqualGraphsAreEqualBytes) {
  EXPECT_THAT(refusal_of_text(small_graph().dump(1)).what, HasSubstr("character"));
  EXPECT_THAT(refusal_of_text(R"({"b":1,"a":2})").what, HasSubstr("order"));
  EXPECT_THAT(refusal_of_text(R"({"a":1,"a":2})").what, HasSubstr("twice"));
  EXPECT_THAT(refusal_of_text("{\"a\":\"\xc3\xa4\"}").what, HasSubstr("character"));
  EXPECT_THAT(refusal_of_text("{").what, HasSubstr("not JSON"));
}

TEST(GraphText, IsBoundedInEveryDirection) {
  const auto text = small_graph().dump();
  EXPECT_THAT(refusal_of_text(text, {.bytes = 100}).what, HasSubstr("too large"));
  EXPECT_THAT(refusal_of_text(std::string(100'000, '[')).what, HasSubstr("deep"));
  EXPECT_THAT(refusal_of_text(text, {.nesting = 3}).what, HasSubstr("deep"));
  EXPECT_THAT(refusal_of_text(text, {.nodes = 1}).where, HasSubstr("nodes"));
  EXPECT_THAT(refusal_of_text(text, {.values = 4}).where, HasSubstr("values"));
  EXPECT_THAT(refusal_of_text(text, {.tensors = 2}).where, HasSubstr("tensors"));
  EXPECT_THAT(refusal_of_text(text, {.constant_elements = 1}).where, HasSubstr("scale.shape"));
  EXPECT_THAT(refusal_of_text(text, {.arguments = 2}).where, HasSubstr("args"));
}

TEST(GraphText, NamesThePlaceOfWhatIsWrong) {
  const auto problem = refusal([](json& g) { train(g)["nodes"][1]["args"][0]["v"] = "three"; });
  EXPECT_EQ(problem.where, "g, programs.train.nodes[1].args[0].v");
  EXPECT_EQ(problem.found, "\"three\"");
}

TEST(GraphValues, AreDefinedOnceAndBeforeTheyAreUsedSoThatThereAreNoCycles) {
  const auto of_itself = [](json& g) { train(g)["nodes"][0]["args"][0]["v"] = 3; };
  EXPECT_THAT(refusal(of_itself).expected, HasSubstr("before it is used"));
  const auto of_the_next = [](json& g) { train(g)["nodes"][0]["args"][0]["v"] = 4; };
  EXPECT_THAT(refusal(of_the_next).expected, HasSubstr("before it is used"));
  const auto twice = [](json& g) { train(g)["nodes"][1]["out"] = 3; };
  EXPECT_THAT(refusal(twice).expected, HasSubstr("not defined yet"));
  const auto over_input = [](json& g) { train(g)["nodes"][1]["out"] = 2; };
  EXPECT_THAT(refusal(over_input).expected, HasSubstr("not defined yet"));
  const auto over_parameter = [](json& g) { train(g)["nodes"][1]["out"] = 0; };
  EXPECT_THAT(refusal(over_parameter).expected, HasSubstr("not defined yet"));
  const auto output = [](json& g) {
    train(g)["values"] = 6;
    train(g)["outputs"][0] = 5;
  };
  EXPECT_THAT(refusal(output).expected, HasSubstr("before it is used"));
}

TEST(GraphValues, OutOfRangeAreRefused) {
  for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{5}, INT64_MAX, INT64_MIN}) {
    EXPECT_THAT(refusal([&](json& g) { train(g)["nodes"][0]["args"][0]["v"] = id; }).where,
                HasSubstr("args[0].v"));
    EXPECT_THAT(refusal([&](json& g) { train(g)["nodes"][0]["out"] = id; }).where,
                HasSubstr("out"));
    EXPECT_THAT(refusal([&](json& g) { train(g)["outputs"][0] = id; }).where, HasSubstr("outputs"));
    EXPECT_THAT(refusal([&](json& g) { train(g)["bind"][0][0] = id; }).where, HasSubstr("bind"));
  }
  EXPECT_NE(refusal([](json& g) { train(g)["values"] = 18446744073709551615u; }).what, "");
}

TEST(GraphTensors, OfImpossibleShapesAreRefused) {
  const auto shaped = [](json shape) {
    return refusal([&](json& g) { g["tensors"]["layer.bias"]["shape"] = shape; }).where;
  };
  EXPECT_THAT(shaped({-1}), HasSubstr("shape[0]"));
  EXPECT_THAT(shaped({1e3}), HasSubstr("shape[0]"));
  EXPECT_THAT(shaped({1 << 30, 1 << 30}), HasSubstr("shape[1]"));
  EXPECT_THAT(shaped(json(std::vector<int>(17, 1))), HasSubstr("shape"));
}

TEST(GraphTensors, HoldExactlyTheBytesOfTheirShape) {
  const auto data = [](const char* text) {
    return refusal([&](json& g) { g["tensors"]["constant.scale"]["data"] = text; }).where;
  };
  EXPECT_THAT(data("AQAC"), HasSubstr("data"));      // too few
  EXPECT_THAT(data("AQACAAA="), HasSubstr("data"));  // too many
  EXPECT_THAT(data("AQAC!A=="), HasSubstr("data"));  // not base64
  EXPECT_THAT(data("AQACAB=="), HasSubstr("data"));  // bits behind the end
  EXPECT_THAT(refusal([](json& g) { g["tensors"]["constant.scale"].erase("data"); }).expected,
              HasSubstr("data"));
  EXPECT_THAT(refusal([](json& g) { g["tensors"]["layer.bias"]["data"] = ""; }).expected,
              HasSubstr("lie in the file"));
}

TEST(GraphParts, ThatAreUnknownOrMissingAreRefused) {
  EXPECT_THAT(refusal([](json& g) { g["extra"] = 1; }).what, HasSubstr("read"));
  EXPECT_THAT(refusal([](json& g) { g.erase("tied"); }).expected, HasSubstr("tied"));
  EXPECT_THAT(refusal([](json& g) { g["format"] = "collegium-graph-2"; }).remedy,
              HasSubstr("version"));
  EXPECT_THAT(refusal([](json& g) { g["programs"]["test"] = train(g); }).what, HasSubstr("read"));
  EXPECT_THAT(refusal([](json& g) { train(g)["nodes"][0]["hook"] = 1; }).where,
              HasSubstr("nodes[0]"));
  EXPECT_THAT(refusal([](json& g) { train(g)["bind"][0][1] = "nobody"; }).found,
              HasSubstr("nobody"));
  EXPECT_THAT(refusal([](json& g) { g["tied"]["layer.bias"] = "layer.weight"; }).where,
              HasSubstr("tied"));
  EXPECT_THAT(refusal([](json& g) {
                train(g)["nodes"][0]["args"][0] = {{"code", "x"}};
              }).where,
              HasSubstr("args[0]"));
  EXPECT_THAT(refusal([](json& g) { train(g)["inputs"][0]["shape"][0] = "s7"; }).where,
              HasSubstr("shape[0]"));
}

}  // namespace
}  // namespace collegium
