#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace collegium {

// A network as data: what torch.export made of a Python module, one list of ATen calls for each way
// it is run. Nothing in it is code. It is written as JSON and travels in the metadata of the
// safetensors file that holds the weights; docs/graph_models.md describes the format.

enum class ElementKind : std::uint8_t {
  float32,
  float64,
  float16,
  bfloat16,
  int64,
  int32,
  int16,
  int8,
  uint8,
  boolean
};

std::size_t element_size(ElementKind kind);  // bytes
std::string_view name_of(ElementKind kind);  // "float32"

// A tensor that the programs are bound to. Values of float32 parameters and buffers lie in the
// safetensors file; those of everything else lie here.
struct GraphTensor {
  enum class Kind : std::uint8_t { parameter, frozen, buffer, constant };
  std::string name = {};
  Kind kind = Kind::parameter;
  std::vector<std::int64_t> shape = {};
  ElementKind type = ElementKind::float32;
  std::vector<std::uint8_t> data = {};  // little-endian
  bool in_file() const { return kind != Kind::constant && type == ElementKind::float32; }
};

struct GraphArgument {
  enum class Kind : std::uint8_t {
    none,
    value,  // of an earlier node, a bound tensor or an input: `integer` is its id
    boolean,
    integer,
    real,
    text,
    list,
    element_kind,
    device,  // the one that the model is on
    layout,  // strided: there is no other
    memory_format
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text = {};  // of a text or a memory format
  std::vector<GraphArgument> list = {};

  bool is_value() const { return kind == Kind::value; }
  std::size_t id() const { return static_cast<std::size_t>(integer); }
};

// One call. Operators are "aten::NAME.OVERLOAD" or "sym::NAME" for arithmetic on sizes. Two have no
// result: "sym::check" [condition, text] says what must hold of the sizes; "grad_mode" [false] and
// [true] stand around a part that is computed without gradients.
struct GraphNode {
  std::string op = {};
  std::vector<GraphArgument> args = {};
  std::vector<std::pair<std::string, GraphArgument>> kwargs = {};
  std::optional<std::size_t> out = {};
};

// A fixed extent, or a symbol that has the same value wherever it stands.
struct GraphSize {
  std::int64_t fixed = 0;
  std::string symbol = {};
};

struct GraphInput {
  std::string name = {};
  std::size_t value = 0;
  ElementKind type = ElementKind::float32;
  std::vector<GraphSize> shape = {};
};

struct SizeRange {
  std::int64_t low = 0;
  std::int64_t high = INT64_MAX;
};

// Values are numbered 0 .. values-1; each is defined once (bound, input or a node's result) and
// used only afterwards, so there are no cycles.
struct GraphProgram {
  std::vector<GraphInput> inputs = {};
  std::vector<std::pair<std::size_t, std::size_t>> bind =
      {};  // value, place in GraphModel::tensors
  std::vector<GraphNode> nodes = {};
  std::vector<std::size_t> outputs = {};
  std::size_t values = 0;
  std::map<std::string, SizeRange> sizes = {};
};

struct GraphModel {
  std::vector<GraphTensor> tensors = {};              // by name
  std::map<std::string, std::string> tied = {};       // other names of the same tensor
  std::string head = {};                              // prefix of the last layer's parameters
  std::vector<std::string> norms = {};                // parameters of normalisation layers
  std::map<std::string, GraphProgram> programs = {};  // "train", "eval", "loss"

  const GraphProgram* program(std::string_view name) const;  // none: nullptr
  std::string hash = {};                                     // BLAKE2b-256 of the text, in hex
};

// Bounds that any honest network keeps by far.
struct GraphLimits {
  std::size_t bytes = 16 * 1024 * 1024;
  std::size_t nesting = 16;
  std::size_t tensors = 20'000;
  std::size_t nodes = 50'000;     // of one program
  std::size_t values = 100'000;   // of one program
  std::size_t arguments = 4'096;  // of one node, and elements of one list
  std::size_t constant_elements = 1024 * 1024;
};

// Throws DataError that names the place in the text. The text must be canonical: ASCII, keys in
// order, no space between tokens, so that equal graphs are equal bytes. Which operators are allowed
// is admission's business.
GraphModel parse_graph(std::string_view json, const std::string& source,
                       const GraphLimits& limits = {});

}  // namespace collegium
