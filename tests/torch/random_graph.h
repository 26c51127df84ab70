#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "torch/graph/call.h"

namespace collegium::testing {

using json = nlohmann::json;

// A graph that grows call by call: any operator of the list, with arguments of the types in its
// schema. Most of them do not fit one another; who grows it takes back what failed.
//
// Its input is [batch, 2, 4, 4]. Its tensors are named after their shapes in `kTensors`.
class RandomGraph {
 public:
  struct Bound {
    const char* name;
    std::vector<std::int64_t> shape;
  };
  static const std::vector<Bound>& tensors();

  // `wild`: now and then a number that no network has.
  RandomGraph(std::uint64_t seed, bool wild);

  json graph() const;  // "train": all values so far, the last one is its output
  void grow();         // by one call
  void take_back();
  // What the values of the last run were; tells of shapes, so that arguments may fit.
  void learn(std::size_t value, const c10::IValue& result);
  std::size_t calls() const { return nodes_.size(); }
  const json& last() const { return nodes_.back(); }

 private:
  struct Known {
    std::size_t value;
    std::vector<std::int64_t> shape;
  };
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }
  const Known& tensor();
  json number(const std::string& name);
  json numbers(const std::string& name);
  json shape_like(std::vector<std::int64_t> shape);
  json argument(const c10::Argument& formal, const c10::Type& type);
  void add(const std::string& op, json args);
  void add_listed();
  void add_likely();

  std::mt19937_64 random_;
  bool wild_;
  json nodes_ = json::array();
  std::size_t values_ = 0;
  std::vector<Known> known_;
  Known first_;  // the first tensor among the arguments of the call in the making
};

}  // namespace collegium::testing
