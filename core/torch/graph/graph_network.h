#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "model/graph_admission.h"
#include "torch/network/network.h"
#include "torch/training/losses.h"

namespace collegium {

namespace graph {
class Executor;
}

// A network that came as a graph. With keys its training form is run, without its evaluation form.
//
// Parameters are the float32 tensors of the file in their order. Running statistics and other
// float32 buffers are among them: the training form writes what it makes of them into `w`. Other
// buffers, such as counters of batches, begin anew in every pass.
class GraphNetwork final : public Network {
 public:
  GraphNetwork(std::shared_ptr<const GraphModel> model, std::vector<ParameterSpec> parameters,
               const std::string& source);
  ~GraphNetwork() override;
  const std::vector<ParameterSpec>& parameters() const override { return parameters_; }
  at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                     const Pass& pass) const override;
  std::vector<at::Tensor> outputs(const at::Tensor& x, const std::vector<at::Tensor>& w,
                                  const Pass& pass) const override;
  // The training form, without keys as well: nothing is dropped then.
  std::vector<at::Tensor> training_outputs(const at::Tensor& x, const std::vector<at::Tensor>& w,
                                           const Pass& pass) const;
  void check_keeps_nothing() const override;
  std::string where_samples_meet(const at::Tensor& x,
                                 const std::vector<at::Tensor>& w) const override;
  bool any_memory_order() const override { return any_memory_order_; }
  std::string head() const override { return model_->head; }

 private:
  class Form;
  std::shared_ptr<const GraphModel> model_;
  std::vector<ParameterSpec> parameters_;
  std::unique_ptr<const Form> train_, eval_;
  bool any_memory_order_ = false;
  mutable std::mutex mutex_;
  mutable std::map<std::vector<std::int64_t>, std::string> meetings_;  // by the shape of a batch
};

// A loss that came with it: a scalar, or one number a sample, of which mean() takes the mean.
class GraphLoss final : public Loss {
 public:
  GraphLoss(std::shared_ptr<const GraphModel> model, const std::string& source);
  ~GraphLoss() override;
  at::Tensor mean(at::TensorList outputs, const at::Tensor& targets) const override;
  std::size_t outputs() const override { return outputs_; }

 private:
  std::size_t outputs_ = 1;
  class Form;
  std::unique_ptr<const Form> form_;
};

struct LoadedGraph {
  std::shared_ptr<const GraphModel> model;
  std::shared_ptr<const GraphNetwork> network;
  std::shared_ptr<const GraphLoss> loss;  // none: the file has none
  std::vector<float> initial;             // in the order of the network's parameters
};

// A safetensors file with a graph in its metadata, checked whole: the text, what a site may run,
// and that every call fits torch's operators. Throws DataError.
std::shared_ptr<const LoadedGraph> load_graph(std::span<const std::uint8_t> file,
                                              const std::string& source,
                                              const GraphPolicy& policy = {});

}  // namespace collegium
