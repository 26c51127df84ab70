#pragma once
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "model/graph_batch.h"
#include "torch/graph/call.h"

namespace collegium::graph {

// Follows the owners of samples through one run of a program: see graph_batch.h.
class BatchAnalysis {
 public:
  BatchAnalysis(const GraphProgram& program, std::int64_t samples);

  // After call number `at`, with what it was given and what it gave.
  void follow(const Call& call, std::size_t at, const std::vector<c10::IValue>& operands,
              const c10::IValue& result);
  // After the last one: row i of every output is sample i's alone, or nobody's.
  void finish(const std::vector<at::Tensor>& outputs);

  // Of the tensors in a value; those behind a meeting are not known.
  const std::vector<SampleOwner>& owners(std::size_t value) const { return owners_[value]; }
  const std::string& meeting() const { return meeting_; }  // "call 7 (aten::roll)"; empty: none

 private:
  BatchOperand operand(const Operand& given, const c10::IValue& value) const;
  void follow_sizes(const Call& call, std::size_t at, const std::vector<c10::IValue>& operands,
                    const c10::IValue& result);
  void meet(std::string where);

  const GraphProgram& program_;
  std::int64_t samples_;
  std::vector<std::vector<SampleOwner>> owners_;  // by value: one a tensor in it
  std::string meeting_;
};

}  // namespace collegium::graph
