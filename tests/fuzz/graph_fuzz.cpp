#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "model/graph.h"
#include "model/graph_admission.h"
#include "model/graph_operators.h"
#include "support/places.h"

namespace collegium::testing {
namespace {

using nlohmann::json;
using Random = std::mt19937_64;

std::string captured(const std::string& name) {
  std::ifstream file(test_data("graphs/" + name + ".json"));
  return {std::istreambuf_iterator<char>(file), {}};
}

// A place in the document, or in what lies below it.
json& somewhere(json& root, Random& random) {
  json* place = &root;
  while (place->is_structured() && !place->empty() && random() % 8 != 0) {
    auto next = place->begin();
    std::advance(next, static_cast<std::ptrdiff_t>(random() % place->size()));
    place = &*next;
  }
  return *place;
}

json other_value(const json& root, Random& random) {
  static const json kValues = json::parse(
      R"([null,true,-1,0,1,3,2147483648,9223372036854775807,-9223372036854775808,)"
      R"(18446744073709551615,0.5,1e300,"","x","aten::add_.Tensor","aten::batch_norm","sym::getitem",)"
      R"("grad_mode","constant","buffer","frozen","int64",[],[[]],{},{"v":0},{"v":1},{"v":-1},)"
      R"({"v":[0]},{"dtype":"int64"},{"float":"nan"},{"device":"model"},[0,"layer.weight"]])");
  if (random() % 4 != 0) return kValues[random() % kValues.size()];
  auto copy = root;
  return somewhere(copy, random);  // something from elsewhere in the graph
}

}  // namespace

std::vector<FuzzInput> corpus() {
  return {input_of(captured("mlp")), input_of(captured("transformer")),
          input_of(captured("unet_batchnorm"))};
}

// Changes of the document instead of its letters: nearly all of those are no JSON any more. What
// they are follows from the input.
FuzzInput disguised(FuzzInput input) {
  std::uint64_t seed = input.size();
  for (const auto byte : input) seed = seed * 0x100000001b3 ^ byte;
  Random random(seed);
  static const std::vector<json> graphs = {json::parse(captured("mlp")),
                                           json::parse(captured("transformer")),
                                           json::parse(captured("unet_batchnorm"))};
  auto graph = graphs[random() % graphs.size()];
  for (auto changes = 1 + random() % 3; changes > 0; --changes) {
    auto value = other_value(graph, random);
    somewhere(graph, random) = std::move(value);
  }
  return input_of(graph.dump(-1, ' ', true, json::error_handler_t::replace));
}

}  // namespace collegium::testing

namespace {

void check_values(const collegium::GraphArgument& argument, const std::vector<bool>& defined) {
  if (argument.is_value() && !defined.at(argument.id())) __builtin_trap();
  for (const auto& item : argument.list) check_values(item, defined);
}

// What a reader of the graph relies on.
void check(const collegium::GraphModel& model) {
  for (const auto& [name, program] : model.programs) {
    std::vector<bool> defined(program.values);
    for (const auto& [value, place] : program.bind) {
      if (place >= model.tensors.size()) __builtin_trap();
      defined.at(value) = true;
    }
    for (const auto& input : program.inputs) defined.at(input.value) = true;
    for (const auto& node : program.nodes) {
      for (const auto& argument : node.args) check_values(argument, defined);
      for (const auto& [key, argument] : node.kwargs) check_values(argument, defined);
      if (node.out) defined.at(*node.out) = true;
    }
    for (const auto output : program.outputs)
      if (!defined.at(output)) __builtin_trap();
  }
}

}  // namespace

// Any text is a graph whose values are defined before they are used or a DataError; an admitted one
// calls listed operators alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto model = collegium::parse_graph({reinterpret_cast<const char*>(data), size}, "fuzz");
    check(model);
    for (const bool privately : {false, true}) {
      if (collegium::admit(model, {.patient_privacy = privately}, "fuzz")) continue;
      for (const auto& [name, program] : model.programs)
        for (const auto& node : program.nodes)
          if (!collegium::find_graph_operator(node.op) && !collegium::is_size_operator(node.op) &&
              node.op != "grad_mode" && node.op != "sym::check")
            __builtin_trap();
    }
  } catch (const collegium::DataError&) {
  }
  return 0;
}
