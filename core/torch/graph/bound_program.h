#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "torch/graph/executor.h"

namespace collegium::graph {

// A program with everything that it is bound to but the flat vector's tensors: constants and
// buffers of other types than float32, which begin anew in every run.
class BoundProgram {
 public:
  // `places`: where each float32 parameter or buffer stands in `w`.
  BoundProgram(std::shared_ptr<const GraphModel> model, const std::string& program,
               const std::map<std::string, std::size_t>& places, const std::string& source);

  enum class Buffers { keep, update };
  // Inputs are converted to the types that the program takes. With `update` what it made of float32
  // buffers is written into `w`, behind autograd's back: the next pass sees it, this one's
  // gradients do not.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& w, std::vector<at::Tensor> inputs,
                              std::span<const std::uint64_t> keys, Buffers buffers) const;

  // Where samples of one batch like this may meet; empty: nowhere. Takes a pass.
  std::string where_samples_meet(const std::vector<at::Tensor>& w, at::Tensor input) const;

 private:
  std::vector<at::Tensor> bind(const std::vector<at::Tensor>& w, at::Device device) const;

  struct Binding {
    enum class Source { parameter, buffer, own_buffer, constant };
    Source source;
    std::size_t place = 0;  // in `w`
    at::Tensor own = {};
    std::size_t same_as = 0;  // first binding of the same tensor
  };

  std::shared_ptr<const GraphModel> model_;
  Executor executor_;
  std::vector<Binding> bindings_;
};

}  // namespace collegium::graph
