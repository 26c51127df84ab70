#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "torch/graph/call.h"

namespace collegium::graph {

// Runs one program: a list of calls, sent through torch's dispatcher one by one, so that autograd
// sees what it would see of the module itself. Values are freed after their last use.
//
// A program writes into buffers and into what it made itself, never into parameters, constants or
// inputs: who is about to do so is stopped before the call, and versions are compared afterwards.
class Executor {
 public:
  // Throws DataError where a call does not fit its operator. The model outlives the executor.
  Executor(const GraphModel& model, const std::string& program, std::string source);

  // Sees every call with what it was given and what it gave.
  using Observer = std::function<void(const Call&, std::size_t number,
                                      const std::vector<c10::IValue>&, const c10::IValue&)>;

  // One tensor for every bound one, in the program's order; one key a sample for random calls.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& bound,
                              const std::vector<at::Tensor>& inputs,
                              std::span<const std::uint64_t> keys,
                              const Observer& observer = {}) const;

  const GraphProgram& program() const { return program_; }

 private:
  class Frame;
  void check_inputs(const std::vector<at::Tensor>& inputs) const;
  std::string where(std::size_t call) const;

  const GraphModel& model_;
  const GraphProgram& program_;
  std::string source_;
  std::vector<Call> calls_;
  std::vector<const c10::StorageImpl*> literals_;  // memory of numbers that stand in the calls
};

}  // namespace collegium::graph
