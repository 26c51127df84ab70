#include "random_graph.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue_inl.h>

#include <algorithm>

namespace collegium::testing {
namespace {

using K = c10::TypeKind;

json value(std::size_t id) { return {{"v", id}}; }

template <class... Arguments>
json list(Arguments... arguments) {  // braces around one value would be the value itself
  json all = json::array();
  (all.push_back(arguments), ...);
  return all;
}

}  // namespace

const std::vector<RandomGraph::Bound>& RandomGraph::tensors() {
  static const std::vector<Bound> all = {
      {"gru.0", {12, 4}}, {"gru.1", {12, 4}}, {"kernel", {4, 2, 3, 3}},
      {"matrix", {4, 4}}, {"scalar", {}},     {"table", {5, 4}},
      {"vector", {4}},    {"vector12", {12}}, {"vector2", {2}},
  };
  return all;
}

RandomGraph::RandomGraph(std::uint64_t seed, bool wild) : random_(seed), wild_(wild) {
  const auto& bound = tensors();
  for (const auto& [name, shape] : bound) known_.push_back({values_++, shape});
  known_.push_back({values_++, {3, 2, 4, 4}});
  const auto x = values_ - 1;
  add("aten::flatten.using_ints", {value(x), 2, 3});
  add("aten::select.int", {value(x), 1, 0});
  add("aten::mean.dim", {value(x), {1, 2}});
  add("aten::argmax", {value(x + 2), 1});
  add("aten::transpose.int", {value(x + 2), 0, 1});
}

json RandomGraph::graph() const {
  json graph = {{"format", "collegium-graph-1"}, {"head", ""},
                {"norms", json::array()},        {"programs", json::object()},
                {"tensors", json::object()},     {"tied", json::object()}};
  json bind = json::array();
  for (const auto& [name, shape] : tensors()) {
    graph["tensors"][name] = {{"dtype", "float32"}, {"kind", "parameter"}, {"shape", shape}};
    bind.push_back(json::array({bind.size(), name}));
  }
  graph["programs"]["train"] = {{"bind", bind},
                                {"inputs", list(json{{"dtype", "float32"},
                                                     {"name", "x"},
                                                     {"shape", {"batch", 2, 4, 4}},
                                                     {"value", tensors().size()}})},
                                {"nodes", nodes_},
                                {"outputs", list(values_ - 1)},
                                {"sizes", {{"batch", {1, nullptr}}}},
                                {"values", values_}};
  return graph;
}

void RandomGraph::add(const std::string& op, json args) {
  nodes_.push_back({{"args", std::move(args)}, {"op", op}, {"out", values_++}});
}

void RandomGraph::take_back() {
  nodes_.erase(nodes_.size() - 1);
  --values_;
  std::erase_if(known_, [&](const Known& known) { return known.value >= values_; });
}

void RandomGraph::learn(std::size_t value, const c10::IValue& result) {
  if (!result.isTensor() || !result.toTensor().defined() || value + 1 != values_) {
    if (!result.isTensor()) return;
  }
  const auto found = std::ranges::find(known_, value, &Known::value);
  Known known{value, result.toTensor().sizes().vec()};
  if (found == known_.end())
    known_.push_back(std::move(known));
  else
    *found = std::move(known);
}

const RandomGraph::Known& RandomGraph::tensor() {
  const auto& known =
      once_in(2) ? known_[known_.size() - 1 - below(std::min<std::size_t>(4, known_.size()))]
                 : one_of(known_);
  if (first_.value == SIZE_MAX) first_ = known;
  return known;
}

json RandomGraph::number(const std::string& name) {
  static const std::vector<std::int64_t> small = {0, 1, 1, 2, 2, 3, -1, -1, -2};
  static const std::vector<std::int64_t> wild = {
      INT64_MIN, INT64_MAX, -3, 4, 7, 1000, 1 << 20, INT32_MAX, INT32_MIN, std::int64_t{1} << 40};
  if (wild_ && once_in(12)) return one_of(wild);
  if (name == "groups" || name == "chunks" || name == "repeats") return 1 + below(3);
  if (name == "num_classes") return 4 + below(3);
  if (name == "length") return 1 + below(4);
  if (name == "end" && once_in(2)) return 1 + below(4);
  return one_of(small);
}

// Another shape of as many elements, often: axes joined, split, or in another order.
json RandomGraph::shape_like(std::vector<std::int64_t> shape) {
  for (auto changes = below(3); changes > 0 && !shape.empty(); --changes) {
    const auto at = shape.begin() + static_cast<std::ptrdiff_t>(below(shape.size()));
    switch (below(4)) {
      case 0:
        if (at + 1 != shape.end()) {
          *(at + 1) *= *at;
          shape.erase(at);
        }
        break;
      case 1:
        if (*at > 0 && *at % 2 == 0) {
          *at /= 2;
          shape.insert(at, 2);
        }
        break;
      case 2:
        std::swap(*at, shape.front());
        break;
      default:
        shape.insert(at, 1);
        break;
    }
  }
  return shape;
}

json RandomGraph::numbers(const std::string& name) {
  const auto rank = first_.shape.size();
  if (name == "size" || name == "shape") {
    if (once_in(4)) return list(number(name), number(name));
    return shape_like(first_.shape);
  }
  if (name == "normalized_shape" && rank > 0) {
    const auto from = static_cast<std::ptrdiff_t>(below(rank));
    return std::vector<std::int64_t>(first_.shape.begin() + from, first_.shape.end());
  }
  if (name == "dims" && !once_in(3)) {
    std::vector<std::int64_t> order(rank);
    for (std::size_t i = 0; i < rank; ++i) order[i] = static_cast<std::int64_t>(i);
    std::ranges::shuffle(order, random_);
    return order;
  }
  json numbers = json::array();
  for (auto count = 1 + below(name == "repeats" || name == "pad" ? 4 : 2); count > 0; --count)
    numbers.push_back(number(name));
  return numbers;
}

json RandomGraph::argument(const c10::Argument& formal, const c10::Type& type) {
  static const std::vector<double> reals = {0.0, 0.5, 0.5, 1.0, 2.0, 1e-5, -1.0};
  static const std::vector<json> odd_reals = {json{{"float", "nan"}}, json{{"float", "inf"}},
                                              1e300};
  static const std::vector<std::string> texts = {
      "ij,ij->ij",   "ij,jk->ik", "bij,bjk->bik", "ij->ji",    "bij->b",
      "bij,bij->bi", "i,i->i",    "none",         "tanh",      "floor",
      "trunc",       "constant",  "reflect",      "replicate", "circular",
      "same",        "valid",     "ij",           "xy",        ""};
  static const std::vector<std::string> types = {"float32", "float64", "int64",    "int32",  "bool",
                                                 "uint8",   "int16",   "bfloat16", "float16"};
  const auto& name = formal.name();
  switch (type.kind()) {
    case K::OptionalType:
      if (once_in(2)) return nullptr;
      return argument(formal, *type.castRaw<c10::OptionalType>()->getElementType());
    case K::TensorType:
      return once_in(20) ? number(name) : value(tensor().value);
    case K::ListType: {
      const auto& element = *type.castRaw<c10::ListType>()->getElementType();
      if (element.kind() == K::IntType || element.kind() == K::SymIntType) return numbers(name);
      json items = json::array();
      for (auto count = 1 + below(3); count > 0; --count) {
        auto item = argument(formal, element);
        if (!items.empty() && once_in(2)) item = items.front();
        items.push_back(std::move(item));
      }
      return items;
    }
    case K::IntType:
    case K::SymIntType:
      return number(name);
    case K::FloatType:
    case K::SymFloatType:
      return wild_ && once_in(10) ? one_of(odd_reals) : json(one_of(reals));
    case K::NumberType:
      return once_in(2) ? number(name) : json(one_of(reals));
    case K::BoolType:
    case K::SymBoolType:
      return once_in(2);
    case K::StringType:
      return one_of(texts);
    case K::ScalarTypeType:
      return {{"dtype", one_of(types)}};
    case K::MemoryFormatType:
      return {{"memory_format", once_in(2) ? "contiguous" : "channels_last"}};
    case K::LayoutType:
      return {{"layout", "strided"}};
    case K::DeviceObjType:
      return {{"device", "model"}};
    default:
      return nullptr;
  }
}

void RandomGraph::add_listed() {
  const auto& op = graph_operators()[below(graph_operators().size())];
  const auto dot = op.name.find('.');
  const auto handle = c10::Dispatcher::singleton().findSchema(
      {op.name.substr(0, dot), dot == std::string::npos ? "" : op.name.substr(dot + 1)});
  json args = json::array();
  for (const auto& formal : handle->schema().arguments()) {
    if (formal.default_value() && args.size() > 0 && once_in(3)) break;
    args.push_back(argument(formal, *formal.real_type()));
  }
  add(op.name, std::move(args));
}

// Calls whose arguments hardly ever fit by chance.
void RandomGraph::add_likely() {
  const auto x = tensor().value;
  const auto rank = static_cast<std::int64_t>(first_.shape.size());
  const auto bound = [](const char* name) {
    return value(static_cast<std::size_t>(
        std::ranges::find(tensors(), std::string_view(name),
                          [](const Bound& b) { return std::string_view(b.name); }) -
        tensors().begin()));
  };
  const auto axis =
      rank == 0 ? 0 : static_cast<std::int64_t>(below(static_cast<std::size_t>(rank)));
  const auto sum = rank == 0 ? 1 : first_.shape.back();
  const std::vector<json> calls = {
      {"aten::linear", list(value(x), bound("matrix"), bound("vector"))},
      {"aten::conv2d", list(value(x), bound("kernel"), bound("vector"), 1, 1)},
      {"aten::embedding", list(bound("table"), value(x))},
      {"aten::layer_norm", list(value(x), list(sum))},
      {"aten::group_norm", list(value(x), 2)},
      {"aten::batch_norm",
       list(value(x), nullptr, nullptr, nullptr, nullptr, true, 0.1, 1e-5, false)},
      {"aten::instance_norm",
       list(value(x), nullptr, nullptr, nullptr, nullptr, true, 0.1, 1e-5, false)},
      {"aten::scaled_dot_product_attention", list(value(x), value(x), value(x), nullptr, 0.5)},
      {"aten::softmax.int", list(value(x), axis)},
      {"aten::cat", list(list(value(x), value(x)), axis)},
      {"aten::stack", list(list(value(x), value(x)), axis)},
      {"aten::view", list(value(x), shape_like(first_.shape))},
      {"aten::reshape", list(value(x), shape_like(first_.shape))},
      {"aten::permute", list(value(x), numbers("dims"))},
      {"aten::repeat_interleave.self_int", list(value(x), 2, axis)},
      {"aten::index.Tensor", list(value(x), list(nullptr, value(tensor().value)))},
      {"aten::index.Tensor", list(value(tensor().value), list(value(x)))},
      {"aten::gather", list(value(x), axis, value(tensor().value))},
      {"aten::to.dtype", list(value(x), json{{"dtype", "int64"}})},
      {"aten::to.dtype", list(value(x), json{{"dtype", "float32"}})},
      {"aten::zeros_like", list(value(x))},
      {"aten::expand", list(value(x), shape_like(first_.shape))},
      {"aten::chunk", list(value(x), 2, axis)},
      {"sym::tuple", list(list(value(x), 1, value(tensor().value)))},
      {"sym::getitem", list(value(values_ - 1), static_cast<std::int64_t>(below(3)) - 1)},
      {"aten::gru.input",
       list(value(x), value(tensor().value), list(bound("gru.0"), bound("gru.1")), false, 1, 0.0,
            true, false, once_in(2))},
      {"aten::bmm", list(value(x), value(tensor().value))},
      {"aten::matmul", list(value(x), value(tensor().value))},
      {"aten::copy_", list(value(x), value(tensor().value))},
  };
  const auto& chosen = one_of(calls);
  add(chosen[0].get<std::string>(), chosen[1]);
}

void RandomGraph::grow() {
  first_ = {.value = SIZE_MAX, .shape = {}};
  if (once_in(3))
    add_likely();
  else
    add_listed();
}

}  // namespace collegium::testing
