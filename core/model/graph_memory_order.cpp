#include "model/graph_memory_order.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "model/graph_operators.h"

namespace collegium {
namespace {

bool is_view(std::string_view op) {
  return op == "aten::view" || op == "aten::_unsafe_view" || op == "aten::view_as";
}

// Shares memory with its argument in some orders, and copies in others.
bool may_copy(const GraphOperator& op) {
  constexpr std::array kNames = {"aten::contiguous", "aten::pixel_shuffle", "aten::pixel_unshuffle",
                                 "aten::channel_shuffle"};
  return op.rule == BatchRule::reshaped || op.rule == BatchRule::einsum ||
         std::ranges::find(kNames, op.name) != kNames.end();
}

// Where the memory of a value comes from: an input or the call that made it; nothing: unknown.
using Root = std::optional<std::size_t>;

Root root_of(const GraphNode& node, const std::map<std::size_t, Root>& roots) {
  if (node.args.empty() || !node.args.front().is_value()) return std::nullopt;
  const auto of = node.args.front().id();
  const auto known = roots.find(of);
  return known == roots.end() ? Root(of) : known->second;
}

}  // namespace

bool depends_on_memory_order(const GraphProgram& program) {
  std::map<std::size_t, Root> roots;  // of results that lie in the memory of another value
  std::set<Root> copied;              // or not
  for (const auto& node : program.nodes) {
    if (is_view(node.op)) return true;
    const auto* op = find_graph_operator(node.op);
    const bool shares =
        op == nullptr ? node.op == "sym::getitem" || node.op == "sym::tuple" : op->shares;
    if (!shares) continue;
    const auto root = root_of(node, roots);
    if (op != nullptr && op->writes && !copied.empty() &&
        (!root || copied.contains(root) || copied.contains(std::nullopt)))
      return true;
    if (op != nullptr && may_copy(*op)) copied.insert(root);
    if (node.out) roots[*node.out] = root;
  }
  return false;
}

}  // namespace collegium
