#include "model/graph_layout.h"

#include <gtest/gtest.h>

#include "model/graph_text.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

// A normalised layer, a frozen table and a head, in another order than that of the names.
json described() {
  json graph = small_graph();
  const auto tensor = [](const char* kind, int size) {
    return json{{"kind", kind}, {"shape", {size}}, {"dtype", "float32"}};
  };
  graph["tensors"]["bn.mean"] = tensor("buffer", 4);
  graph["tensors"]["bn.weight"] = tensor("parameter", 4);
  graph["tensors"]["table"] = tensor("frozen", 5);
  graph["norms"] = {"bn.weight"};
  return graph;
}

Layout in_file() {
  Layout layout;
  layout.add("layer.weight", {2, 3});
  layout.add("bn.weight", {4});
  layout.add("bn.mean", {4});
  layout.add("table", {5});
  layout.add("layer.bias", {2});
  return layout;
}

std::string trained(const std::vector<std::string>& trainable) {
  const GraphModel graph = parse_graph(described().dump(), "test");
  std::string names;
  const Layout layout = graph_layout(graph, in_file(), trainable);
  for (const Slot& slot : layout.slots())
    if (slot.trainable) names += slot.name + " ";
  return names;
}

TEST(GraphLayout, KeepsTheOrderOfTheFileAndSaysWhatMoves) {
  const GraphModel graph = parse_graph(described().dump(), "test");
  const Layout layout = graph_layout(graph, in_file(), {});
  ASSERT_EQ(layout.slots().size(), 5u);
  EXPECT_EQ(layout.slots()[2].name, "bn.mean");
  EXPECT_EQ(layout.slots()[2].offset, 10u);
  EXPECT_TRUE(layout.slots()[2].buffer);
  EXPECT_FALSE(layout.slots()[2].trainable);
  EXPECT_FALSE(layout.slots()[3].trainable);
  EXPECT_FALSE(layout.slots()[3].buffer);
}

TEST(GraphLayout, TrainsWhatTheNamesTheNormsOrTheHeadSay) {
  EXPECT_EQ(trained({}), "layer.weight bn.weight layer.bias ");
  EXPECT_EQ(trained({"bias"}), "layer.bias ");
  EXPECT_EQ(trained({"norm"}), "bn.weight ");
  EXPECT_EQ(trained({"head"}), "layer.weight layer.bias ");
  EXPECT_EQ(trained({"table", "bias"}), "layer.bias ");  // what is frozen stays frozen
}

TEST(GraphLayout, RefusesAPatternThatNamesNothing) {
  const Problem problem = problem_of([] { trained({"wieght"}); });
  EXPECT_EQ(problem.found, "wieght");
  EXPECT_EQ(problem.where, "[network] trainable");
}

TEST(GraphOfAFile, NamesExactlyItsTensors) {
  const std::map<std::string, std::string> metadata{{"collegium.graph", described().dump()}};
  EXPECT_EQ(graph_of({in_file(), metadata}, "test").tensors.size(), 6u);
  Layout more = in_file();
  more.add("stranger", {1});
  EXPECT_EQ(problem_of([&] { graph_of({more, metadata}, "test"); }).found, "'stranger'");
  Layout fewer;
  fewer.add("layer.weight", {2, 3});
  EXPECT_EQ(problem_of([&] { graph_of({fewer, metadata}, "test"); }).found, "1");
  Layout other;
  other.add("layer.weight", {3, 2});
  EXPECT_EQ(problem_of([&] { graph_of({other, metadata}, "test"); }).found, "'layer.weight'");
  EXPECT_EQ(problem_of([&] {
              graph_of({in_file(), {}}, "test");
            }).what,
            "the file holds weights but no graph");
}

}  // namespace
}  // namespace collegium
