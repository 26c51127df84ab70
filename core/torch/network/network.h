#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "collegium/layout.h"
#include "config/network_config.h"

namespace collegium {

// A parameter as its network declares it. bound > 0: initialised uniformly on (-bound, bound);
// bound 0: filled with `fill`.
struct ParameterSpec {
  enum class Role {
    trained,
    frozen,  // whatever a run's `trainable` says
    buffer   // float32 state that forward() itself writes in training, such as running statistics
  };
  std::string name;
  std::vector<std::int64_t> shape;
  double bound = 0;
  double fill = 0;
  Role role = Role::trained;
  bool norm = false;  // of a normalisation layer, though its name need not say so
};

// How a forward pass is run. Masks of dropout are drawn by `dropout_keys`, one key a sample, so
// that they depend neither on the batch a sample is in nor on any generator of the process; empty:
// no dropout, and whatever else differs between training and evaluation is as in evaluation.
struct Pass {
  std::vector<std::uint64_t> dropout_keys;
};

// A network as a pure function of its parameters: forward(x, w) with w in the order of
// parameters().
class Network {
 public:
  virtual ~Network();
  virtual const std::vector<ParameterSpec>& parameters() const = 0;
  virtual at::Tensor forward(const at::Tensor& x, const std::vector<at::Tensor>& w,
                             const Pass& pass) const = 0;
  // All that it computes, the prediction first: networks under deep supervision give several.
  virtual std::vector<at::Tensor> outputs(const at::Tensor& x, const std::vector<at::Tensor>& w,
                                          const Pass& pass) const {
    return {forward(x, w, pass)};
  }

  // What patient-level privacy asks of a network. ConfigError: a training pass leaves something of
  // the data behind besides the gradient.
  virtual void check_keeps_nothing() const {}
  // Where samples of a batch like `x` may meet, in words; empty: nowhere, row i of the outputs
  // depends on row i of `x` alone. Where they may, each needs a pass of its own.
  virtual std::string where_samples_meet(const at::Tensor&, const std::vector<at::Tensor>&) const {
    return {};
  }

  // Whether a training pass computes the same for every order of its input in memory.
  virtual bool any_memory_order() const { return true; }
  virtual std::string head() const { return {}; }     // prefix of the last layer's parameter names
  virtual std::int64_t divisor() const { return 1; }  // of the edges of volumes it takes
};

// A built-in network; ConfigError for an unknown name. `initial` and `trainable` are not looked at.
std::unique_ptr<Network> make_network(const NetworkConfig& config);

// The layout of any network under a `trainable` choice, e.g. {"norm", "bias", "head"}; empty: all.
// A pattern that matches nothing is a ConfigError.
Layout layout_of(const Network& network, const std::vector<std::string>& trainable);

std::vector<float> initial_values(const Network& network, std::uint64_t seed);

}  // namespace collegium
