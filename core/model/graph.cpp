#include "model/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/hash.h"
#include "collegium/error.h"
#include "model/base64.h"
#include "model/json_document.h"
#include "model/json_reader.h"

namespace collegium {
namespace {

using nlohmann::json;
using Kind = GraphArgument::Kind;

constexpr const char* kFormat = "collegium-graph-1";
constexpr std::size_t kMaxDimensions = 16;
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

struct ElementName {
  ElementKind kind;
  std::string_view name;
  std::size_t size;
};
constexpr std::array<ElementName, 10> kElements{{{ElementKind::float32, "float32", 4},
                                                 {ElementKind::float64, "float64", 8},
                                                 {ElementKind::float16, "float16", 2},
                                                 {ElementKind::bfloat16, "bfloat16", 2},
                                                 {ElementKind::int64, "int64", 8},
                                                 {ElementKind::int32, "int32", 4},
                                                 {ElementKind::int16, "int16", 2},
                                                 {ElementKind::int8, "int8", 1},
                                                 {ElementKind::uint8, "uint8", 1},
                                                 {ElementKind::boolean, "bool", 1}}};

ElementKind element_kind(const JsonReader& at) {
  const auto name = at.text();
  for (const auto& element : kElements)
    if (element.name == name) return element.kind;
  at.refuse("an element type such as float32 or int64");
}

GraphTensor::Kind tensor_kind(const JsonReader& at) {
  const auto name = at.text();
  if (name == "parameter") return GraphTensor::Kind::parameter;
  if (name == "frozen") return GraphTensor::Kind::frozen;
  if (name == "buffer") return GraphTensor::Kind::buffer;
  if (name == "constant") return GraphTensor::Kind::constant;
  at.refuse("parameter, frozen, buffer or constant");
}

GraphTensor read_tensor(const std::string& name, const JsonReader& at, const GraphLimits& limits) {
  at.check_keys({"kind", "shape", "dtype", "data"});
  GraphTensor tensor{
      .name = name, .kind = tensor_kind(at["kind"]), .type = element_kind(at["dtype"])};
  std::int64_t elements = 1;
  at["shape"].each(kMaxDimensions, [&](const JsonReader& extent) {
    tensor.shape.push_back(extent.integer(0, kMaxExtent));
    if (__builtin_mul_overflow(elements, tensor.shape.back(), &elements) || elements > kMaxExtent)
      extent.refuse("a tensor that fits memory");
  });
  if (tensor.kind <= GraphTensor::Kind::frozen && tensor.type != ElementKind::float32)
    at["dtype"].refuse("float32: parameters have no other type");
  if (tensor.in_file()) {
    if (at.has("data")) at["data"].refuse("no data: float32 values lie in the file");
    return tensor;
  }
  if (static_cast<std::size_t>(elements) > limits.constant_elements)
    at["shape"].refuse("at most " + std::to_string(limits.constant_elements) + " elements",
                       "register it as a float32 buffer of the module");
  const auto size = static_cast<std::size_t>(elements) * element_size(tensor.type);
  auto data = decode_base64(at["data"].text((size + 2) / 3 * 4));
  if (!data || data->size() != size) at["data"].refuse(std::to_string(size) + " bytes as base64");
  if (tensor.type == ElementKind::boolean &&
      std::any_of(data->begin(), data->end(), [](auto byte) { return byte > 1; }))
    at["data"].refuse("bytes 0 and 1");
  tensor.data = std::move(*data);
  return tensor;
}

double special_number(const JsonReader& at) {
  const auto name = at.text();
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "-inf") return -std::numeric_limits<double>::infinity();
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  at.refuse("inf, -inf or nan");
}

class ProgramReader {
 public:
  ProgramReader(const GraphModel& model, const GraphLimits& limits)
      : model_(model), limits_(limits) {}

  GraphProgram read(const JsonReader& at) {
    at.check_keys({"inputs", "bind", "nodes", "outputs", "values", "sizes"});
    program_.values = static_cast<std::size_t>(
        at["values"].integer(1, static_cast<std::int64_t>(limits_.values)));
    defined_.assign(program_.values, false);
    at["sizes"].each_member(limits_.arguments, [&](const std::string& symbol, const JsonReader& r) {
      program_.sizes[symbol] = range(r);
    });
    at["bind"].each(limits_.tensors, [&](const JsonReader& r) { read_bind(r); });
    at["inputs"].each(limits_.arguments, [&](const JsonReader& r) { read_input(r); });
    at["nodes"].each(limits_.nodes, [&](const JsonReader& r) { read_node(r); });
    at["outputs"].each(limits_.arguments,
                       [&](const JsonReader& r) { program_.outputs.push_back(used(r)); });
    if (program_.outputs.empty()) at["outputs"].refuse("at least one output");
    if (program_.inputs.empty()) at["inputs"].refuse("at least one input");
    return std::move(program_);
  }

 private:
  static SizeRange range(const JsonReader& at) {
    const auto [low, high] = at.pair();
    SizeRange range{.low = low.integer(0, kMaxExtent)};
    if (!high.json().is_null()) range.high = high.integer(range.low, INT64_MAX);
    return range;
  }

  std::size_t defined(const JsonReader& at) {
    const auto id = at.index(program_.values);
    if (defined_[id]) at.refuse("a value that is not defined yet");
    defined_[id] = true;
    return id;
  }

  std::size_t used(const JsonReader& at) const {
    const auto id = at.index(program_.values);
    if (!defined_[id]) at.refuse("a value that is defined before it is used");
    return id;
  }

  void read_bind(const JsonReader& at) {
    const auto [value, tensor] = at.pair();
    const auto name = tensor.text();
    const auto found = std::ranges::lower_bound(model_.tensors, name, {}, &GraphTensor::name);
    if (found == model_.tensors.end() || found->name != name)
      tensor.refuse("the name of one of the graph's tensors");
    const auto place = static_cast<std::size_t>(found - model_.tensors.begin());
    program_.bind.emplace_back(defined(value), place);
  }

  void read_input(const JsonReader& at) {
    at.check_keys({"name", "value", "dtype", "shape"});
    GraphInput input{.name = at["name"].text(),
                     .value = defined(at["value"]),
                     .type = element_kind(at["dtype"])};
    at["shape"].each(kMaxDimensions, [&](const JsonReader& extent) {
      if (extent.json().is_string()) {
        input.shape.push_back({.symbol = extent.text()});
        if (!program_.sizes.contains(input.shape.back().symbol))
          extent.refuse("a number, or a symbol that stands in sizes");
      } else {
        input.shape.push_back({.fixed = extent.integer(0, kMaxExtent)});
      }
    });
    program_.inputs.push_back(std::move(input));
  }

  void read_node(const JsonReader& at) {
    at.check_keys({"op", "args", "kwargs", "out"});
    GraphNode node{.op = at["op"].text(128)};
    std::size_t arguments = 0;
    at["args"].each(limits_.arguments,
                    [&](const JsonReader& r) { node.args.push_back(argument(r, arguments)); });
    if (at.has("kwargs"))
      at["kwargs"].each_member(limits_.arguments, [&](const std::string& key, const JsonReader& r) {
        node.kwargs.emplace_back(key, argument(r, arguments));
      });
    if (node.op == "grad_mode" || node.op == "sym::check")
      at["out"].integer(-1, -1);
    else
      node.out = defined(at["out"]);
    program_.nodes.push_back(std::move(node));
  }

  GraphArgument argument(const JsonReader& at, std::size_t& count) const {
    if (++count > limits_.arguments)
      at.refuse("at most " + std::to_string(limits_.arguments) + " arguments");
    const auto& json = at.json();
    if (json.is_null()) return {};
    if (json.is_boolean()) return {.kind = Kind::boolean, .integer = json.get<bool>()};
    if (json.is_number_integer())
      return {.kind = Kind::integer, .integer = at.integer(INT64_MIN, INT64_MAX)};
    if (json.is_number_float()) return {.kind = Kind::real, .real = json.get<double>()};
    if (json.is_string()) return {.kind = Kind::text, .text = at.text()};
    if (json.is_object()) return tagged(at);
    GraphArgument list{.kind = Kind::list};
    at.each(limits_.arguments,
            [&](const JsonReader& r) { list.list.push_back(argument(r, count)); });
    return list;
  }

  GraphArgument tagged(const JsonReader& at) const {
    if (at.json().size() != 1) at.refuse("an object with one member");
    if (at.has("v"))
      return {.kind = Kind::value, .integer = static_cast<std::int64_t>(used(at["v"]))};
    if (at.has("float")) return {.kind = Kind::real, .real = special_number(at["float"])};
    if (at.has("dtype"))
      return {.kind = Kind::element_kind,
              .integer = static_cast<std::int64_t>(element_kind(at["dtype"]))};
    if (at.has("device")) return word(at["device"], Kind::device, {"model"});
    if (at.has("layout")) return word(at["layout"], Kind::layout, {"strided"});
    if (at.has("memory_format"))
      return word(at["memory_format"], Kind::memory_format,
                  {"contiguous", "preserve", "channels_last", "channels_last_3d"});
    at.refuse("v, float, dtype, device, layout or memory_format");
  }

  static GraphArgument word(const JsonReader& at, Kind kind,
                            std::initializer_list<std::string_view> known) {
    auto text = at.text();
    if (std::find(known.begin(), known.end(), text) == known.end())
      at.refuse("a word that is known here, such as " + std::string(*known.begin()));
    return {.kind = kind, .text = std::move(text)};
  }

  const GraphModel& model_;
  const GraphLimits& limits_;
  GraphProgram program_;
  std::vector<bool> defined_;
};

}  // namespace

std::size_t element_size(ElementKind kind) {
  return kElements[static_cast<std::size_t>(kind)].size;
}
std::string_view name_of(ElementKind kind) {
  return kElements[static_cast<std::size_t>(kind)].name;
}

const GraphProgram* GraphModel::program(std::string_view name) const {
  const auto found = programs.find(std::string(name));
  return found == programs.end() ? nullptr : &found->second;
}

GraphModel parse_graph(std::string_view text, const std::string& source,
                       const GraphLimits& limits) {
  if (text.size() > limits.bytes)
    throw DataError({.what = "the graph is too large",
                     .where = source,
                     .expected = "at most " + std::to_string(limits.bytes) + " bytes",
                     .found = std::to_string(text.size())});
  const auto document = parse_canonical_json(text, limits.nesting, source);
  const JsonReader root(document, source);
  if (root["format"].text() != kFormat)
    root["format"].refuse(kFormat, "capture it with a collegium of this version");
  root.check_keys({"format", "tensors", "tied", "head", "norms", "programs"});
  GraphModel model;
  root["tensors"].each_member(limits.tensors, [&](const std::string& name, const JsonReader& r) {
    if (name.empty()) r.refuse("a tensor with a name");
    model.tensors.push_back(read_tensor(name, r, limits));
  });
  const auto known = [&](const JsonReader& r) {
    auto name = r.text();
    if (!std::ranges::binary_search(model.tensors, name, {}, &GraphTensor::name))
      r.refuse("the name of one of the graph's tensors");
    return name;
  };
  root["tied"].each_member(limits.tensors, [&](const std::string& alias, const JsonReader& r) {
    if (std::ranges::binary_search(model.tensors, alias, {}, &GraphTensor::name))
      r.refuse("an alias that is not itself a tensor");
    model.tied[alias] = known(r);
  });
  model.head = root["head"].text();
  root["norms"].each(limits.tensors, [&](const JsonReader& r) { model.norms.push_back(known(r)); });
  root["programs"].check_keys({"train", "eval", "loss"});
  root["programs"].each_member(3, [&](const std::string& name, const JsonReader& r) {
    model.programs[name] = ProgramReader(model, limits).read(r);
  });
  model.hash = to_hex(hash_text(text));
  return model;
}

}  // namespace collegium
