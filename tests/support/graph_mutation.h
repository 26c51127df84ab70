#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "model/graph_operators.h"

namespace collegium::testing {

// Changes of a graph's document instead of its letters: nearly all of those are no JSON any more.
class GraphMutation {
 public:
  explicit GraphMutation(std::uint64_t seed) : random_(seed) {}

  nlohmann::json operator()(nlohmann::json graph) {
    for (auto changes = 1 + below(3); changes > 0; --changes)
      if (below(2) == 0)
        change_a_call(graph);
      else
        change_anything(graph);
    return graph;
  }

 private:
  using json = nlohmann::json;
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  // A place in the document, or in what lies below it.
  json& somewhere(json& root) {
    json* place = &root;
    while (place->is_structured() && !place->empty() && below(8) != 0) {
      auto next = place->begin();
      std::advance(next, static_cast<std::ptrdiff_t>(below(place->size())));
      place = &*next;
    }
    return *place;
  }

  json other_value(const json& root) {
    static const json kValues = json::parse(
        R"([null,true,-1,0,1,3,2147483648,9223372036854775807,-9223372036854775808,)"
        R"(18446744073709551615,0.5,1e300,"","x","aten::add_.Tensor","aten::batch_norm",)"
        R"("sym::getitem","grad_mode","constant","buffer","frozen","int64",[],[[]],{},{"v":0},)"
        R"({"v":1},{"v":-1},{"v":[0]},{"dtype":"int64"},{"float":"nan"},{"device":"model"},)"
        R"([0,"layer.weight"]])");
    if (below(4) != 0) return kValues[below(kValues.size())];
    auto copy = root;
    return somewhere(copy);  // something from elsewhere in the graph
  }

  void change_anything(json& graph) {
    auto value = other_value(graph);
    somewhere(graph) = std::move(value);
  }

  // The operator, or one of the arguments, of a call: what is left is a graph more often.
  void change_a_call(json& graph) {
    if (!graph.is_object() || !graph.contains("programs")) return;
    auto& programs = graph["programs"];
    if (!programs.is_object() || programs.empty()) return;
    auto program = programs.begin();
    std::advance(program, static_cast<std::ptrdiff_t>(below(programs.size())));
    if (!program->is_object() || !program->contains("nodes")) return;
    auto& nodes = (*program)["nodes"];
    if (!nodes.is_array() || nodes.empty()) return;
    auto& node = nodes[below(nodes.size())];
    if (!node.is_object() || !node.contains("args")) return;
    if (below(3) == 0) {
      node["op"] = graph_operators()[below(graph_operators().size())].name;
      return;
    }
    auto& argument = somewhere(node["args"]);
    switch (below(4)) {
      case 0:
        argument = other_value(graph);
        break;
      case 1:
        argument = static_cast<std::int64_t>(below(9)) - 4;
        break;
      case 2:
        argument = {{"v", below(nodes.size() + 8)}};
        break;
      default:
        argument = nodes[below(nodes.size())].value("args", json::array());
        if (argument.is_array() && !argument.empty()) {
          json one = argument[below(argument.size())];
          argument = std::move(one);
        }
        break;
    }
  }

  std::mt19937_64 random_;
};

}  // namespace collegium::testing
