#include "model/graph_admission.h"

#include <algorithm>

#include "model/graph_operators.h"

namespace collegium {
namespace {

using Kind = GraphArgument::Kind;

// What a value may lie in the memory of.
enum Owner : unsigned { kItself = 0, kParameter = 1, kConstant = 2, kInput = 4, kBuffer = 8 };

std::string words(unsigned owners) {
  return owners & kParameter ? "a parameter" : owners & kConstant ? "a constant" : "an input";
}

class ProgramAdmission {
 public:
  ProgramAdmission(const GraphModel& graph, const GraphProgram& program, const std::string& name,
                   const GraphPolicy& policy, const std::string& source)
      : graph_(graph),
        program_(program),
        name_(name),
        policy_(policy),
        source_(source),
        owners_(program.values) {
    for (const auto& [value, place] : program.bind) {
      const auto kind = graph.tensors[place].kind;
      owners_[value] = kind == GraphTensor::Kind::buffer     ? kBuffer
                       : kind == GraphTensor::Kind::constant ? kConstant
                                                             : kParameter;
    }
    for (const auto& input : program.inputs) owners_[input.value] = kInput;
  }

  std::optional<Problem> check() {
    if (policy_.nodes > 0 && program_.nodes.size() > static_cast<std::size_t>(policy_.nodes))
      return Problem{.what = "the network has more calls than this site takes",
                     .where = source_ + ", program " + name_,
                     .expected = "at most " + std::to_string(policy_.nodes),
                     .found = std::to_string(program_.nodes.size())};
    for (at_ = 0; at_ < program_.nodes.size(); ++at_)
      if (auto problem = check(program_.nodes[at_])) return problem;
    return std::nullopt;
  }

 private:
  std::optional<Problem> check(const GraphNode& node) {
    if (std::ranges::find(policy_.refused_operators, node.op) != policy_.refused_operators.end())
      return refusal("this site's policy refuses an operator of the network", node.op,
                     "ask the site, or write the module without it");
    if (node.op == "grad_mode" || node.op == "sym::check") return std::nullopt;
    const auto* facts = find_graph_operator(node.op);
    const bool sizes = is_size_operator(node.op);
    if (facts == nullptr && !sizes)
      return refusal("the network calls an operator that no site runs", node.op,
                     "write the module with operators of docs/graph_models.md");
    if (sizes || facts->shares)  // tuples of tensors are taken apart by size operators
      owners_[*node.out] = owners_of(node);
    if (facts == nullptr) return std::nullopt;
    if (facts->name == "aten::one_hot") {
      const auto* classes = argument(node, 1, "num_classes");
      if (classes == nullptr || classes->kind == Kind::value || classes->integer < 0)
        return refusal("the shape of a result would tell of the data", node.op,
                       "give one_hot the number of classes");
    }
    if (auto problem = check_write(node, *facts)) return problem;
    return facts->running_statistics ? check_statistics(node) : std::nullopt;
  }

  std::optional<Problem> check_write(const GraphNode& node, const GraphOperator& facts) {
    if (!facts.writes) return std::nullopt;
    if (node.args.empty() || node.args[0].kind != Kind::value)
      return refusal("the network writes into something that is no tensor", node.op, "");
    const auto owners = owners_[node.args[0].id()];
    if (owners & (kParameter | kConstant | kInput))
      return refusal("the network writes into " + words(owners), node.op,
                     "write into a copy: x.clone()");
    return owners & kBuffer ? check_buffer_write(node) : std::nullopt;
  }

  std::optional<Problem> check_statistics(const GraphNode& node) {
    const auto* training = argument(node, 5, "training");
    const bool from_batch =
        training == nullptr || training->kind != Kind::boolean || training->integer != 0;
    const bool batch_norm = node.op == "aten::batch_norm";
    if (batch_norm && from_batch && policy_.patient_privacy)
      return refusal("batch norm mixes patients, so their contributions cannot be bounded", node.op,
                     "use GroupNorm or InstanceNorm, or freeze the layer: eval()");
    bool has_statistics = false;
    for (const std::size_t i : {3, 4}) {
      const auto* statistics = argument(node, i, i == 3 ? "running_mean" : "running_var");
      if (statistics == nullptr || statistics->kind == Kind::none) continue;
      has_statistics = true;
      if (statistics->kind != Kind::value || owners_[statistics->id()] != kBuffer)
        return refusal("running statistics are not a buffer", node.op,
                       "register them with register_buffer");
    }
    return has_statistics && from_batch ? check_buffer_write(node) : std::nullopt;
  }

  std::optional<Problem> check_buffer_write(const GraphNode& node) {
    if (name_ != "train")
      return refusal("the network writes into a buffer outside of training", node.op,
                     "update buffers under `if self.training`");
    if (policy_.patient_privacy)
      return refusal("a buffer would carry patients' data past clipping and noise", node.op,
                     "leave running statistics out, or freeze them");
    return std::nullopt;
  }

  unsigned owners_of(const GraphArgument& argument) const {
    unsigned owners = argument.is_value() ? owners_[argument.id()] : kItself;
    for (const auto& item : argument.list) owners |= owners_of(item);
    return owners;
  }
  unsigned owners_of(const GraphNode& node) const {
    unsigned owners = kItself;
    for (const auto& argument : node.args) owners |= owners_of(argument);
    for (const auto& [key, argument] : node.kwargs) owners |= owners_of(argument);
    return owners;
  }

  static const GraphArgument* argument(const GraphNode& node, std::size_t place, const char* name) {
    if (place < node.args.size()) return &node.args[place];
    for (const auto& [key, argument] : node.kwargs)
      if (key == name) return &argument;
    return nullptr;
  }

  Problem refusal(std::string what, std::string found, std::string remedy) const {
    return {.what = std::move(what),
            .where = source_ + ", program " + name_ + ", call " + std::to_string(at_),
            .found = std::move(found),
            .remedy = std::move(remedy)};
  }

  const GraphModel& graph_;
  const GraphProgram& program_;
  const std::string& name_;
  const GraphPolicy& policy_;
  const std::string& source_;
  std::vector<unsigned> owners_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<Problem> admit(const GraphModel& graph, const GraphPolicy& policy,
                             const std::string& source) {
  std::int64_t parameters = 0;
  for (const auto& tensor : graph.tensors) {
    std::int64_t size = 1;
    for (const auto extent : tensor.shape) size *= extent;  // fits: the parser looked
    if (tensor.in_file() && __builtin_add_overflow(parameters, size, &parameters))
      parameters = INT64_MAX;
  }
  if (policy.parameters > 0 && parameters > policy.parameters)
    return Problem{.what = "the network is larger than this site takes",
                   .where = source,
                   .expected = "at most " + std::to_string(policy.parameters) + " parameters",
                   .found = std::to_string(parameters)};
  for (const auto& [name, program] : graph.programs)
    if (auto problem = ProgramAdmission(graph, program, name, policy, source).check())
      return problem;
  return std::nullopt;
}

}  // namespace collegium
