#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "model/graph.h"
#include "model/graph_admission.h"
#include "model/graph_batch.h"
#include "model/graph_operators.h"
#include "support/graph_mutation.h"
#include "support/places.h"

namespace collegium::testing {
namespace {

using nlohmann::json;

std::string captured(const std::string& name) {
  std::ifstream file(test_data("graphs/" + name + ".json"));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<FuzzInput> corpus() {
  return {input_of(captured("mlp")), input_of(captured("transformer")),
          input_of(captured("unet_batchnorm"))};
}

// What the changes of the document are follows from the input.
FuzzInput disguised(FuzzInput input) {
  std::uint64_t seed = input.size();
  for (const auto byte : input) seed = seed * 0x100000001b3 ^ byte;
  static const std::vector<json> graphs = {json::parse(captured("mlp")),
                                           json::parse(captured("transformer")),
                                           json::parse(captured("unet_batchnorm"))};
  const auto graph = GraphMutation(seed)(graphs[seed % graphs.size()]);
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

// Rules of the batch for arguments that nobody checked: an answer of theirs is an axis of the
// result.
void ask_rules(const std::uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  const auto byte = [&] { return at < size ? data[at++] : std::uint8_t{0}; };
  const auto small = [&] { return static_cast<std::int64_t>(byte() % 16) - 4; };
  const auto shape = [&] {
    std::vector<std::int64_t> extents(byte() % 6);
    for (auto& extent : extents) extent = byte() % 8 * (byte() % 3 == 0 ? 3 : 1);
    return extents;
  };
  using collegium::BatchOperand;
  const auto operand = [&](auto& self, int depth) -> BatchOperand {
    BatchOperand given{.kind = static_cast<BatchOperand::Kind>(byte() % (depth > 1 ? 4 : 5))};
    given.number = small();
    if (given.kind == BatchOperand::Kind::text)
      for (auto count = byte() % 12; count > 0; --count) given.text += "abij,.->"[byte() % 8];
    if (given.kind == BatchOperand::Kind::tensor) {
      given.shape = shape();
      if (!given.shape.empty() && byte() % 2 == 0)
        given.owner = {true, byte() % given.shape.size(), 1 + byte() % 3};
    }
    if (given.kind == BatchOperand::Kind::list)
      for (auto count = byte() % 4; count > 0; --count) given.list.push_back(self(self, depth + 1));
    return given;
  };
  const auto table = collegium::graph_operators();
  const auto& op = table[static_cast<std::size_t>(byte() * 256 + byte()) % table.size()];
  std::vector<BatchOperand> operands(1 + byte() % 5);
  for (auto& given : operands) given = operand(operand, 0);
  const auto result = shape();
  const auto owner = collegium::result_owner(op, operands, byte() % 3, result, 3);
  if (owner && owner->samples && (owner->axis >= result.size() || owner->inner < 1))
    __builtin_trap();
}

}  // namespace

// Any text is a graph whose values are defined before they are used or a DataError; an admitted one
// calls listed operators alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ask_rules(data, size);
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
