#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace collegium {

using json = nlohmann::json;

// A small graph that is right: y = relu(x W' + b), squared error; tests break it in one place.
inline json small_graph() {
  const auto value = [](int id) { return json{{"v", id}}; };
  const auto input = [](const char* name, int id, int columns) {
    return json{{"name", name}, {"value", id}, {"dtype", "float32"}, {"shape", {"batch", columns}}};
  };
  const json sizes{{"batch", {1, nullptr}}};
  const json network{
      {"inputs", {input("x", 2, 3)}},
      {"bind", {{0, "layer.bias"}, {1, "layer.weight"}}},
      {"nodes",
       {{{"op", "aten::linear"}, {"args", {value(2), value(1), value(0)}}, {"out", 3}},
        {{"op", "aten::relu"}, {"args", json::array({value(3)})}, {"out", 4}}}},
      {"outputs", {4}},
      {"values", 5},
      {"sizes", sizes}};
  const json loss{{"inputs", {input("outputs", 0, 2), input("targets", 1, 2)}},
                  {"bind", json::array()},
                  {"nodes",
                   {{{"op", "aten::sub.Tensor"}, {"args", {value(0), value(1)}}, {"out", 2}},
                    {{"op", "aten::mul.Tensor"}, {"args", {value(2), value(2)}}, {"out", 3}},
                    {{"op", "aten::mean.dim"},
                     {"args", {value(3), {1}}},
                     {"kwargs", {{"keepdim", false}}},
                     {"out", 4}}}},
                  {"outputs", {4}},
                  {"values", 5},
                  {"sizes", sizes}};
  return {{"format", "collegium-graph-1"},
          {"tensors",
           {{"constant.scale",
             {{"kind", "constant"}, {"shape", {2}}, {"dtype", "int16"}, {"data", "AQACAA=="}}},
            {"layer.bias", {{"kind", "parameter"}, {"shape", {2}}, {"dtype", "float32"}}},
            {"layer.weight", {{"kind", "parameter"}, {"shape", {2, 3}}, {"dtype", "float32"}}}}},
          {"tied", {{"other.bias", "layer.bias"}}},
          {"head", "layer."},
          {"norms", json::array()},
          {"programs", {{"train", network}, {"eval", network}, {"loss", loss}}}};
}

}  // namespace collegium
