#include <pybind11/numpy.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "bindings.h"
#include "collegium/error.h"
#include "collegium/plugin.h"
#include "plugin/registry.h"

namespace collegium::python {
namespace {

using Function = std::shared_ptr<const py::object>;

// Functions that are lent to the core while a simulation runs, by name.
class Lent {
 public:
  void put(const std::string& name, Function function) {
    const std::lock_guard lock(mutex_);
    functions_[name] = std::move(function);
  }
  Function get(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = functions_.find(name);
    return found == functions_.end() ? nullptr : found->second;
  }
  Function take(const std::string& name) {  // let go of without the lock, under the GIL
    const std::lock_guard lock(mutex_);
    auto found = functions_.extract(name);
    return found.empty() ? nullptr : std::move(found.mapped());
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Function> functions_;
};

Lent& lent() {
  static auto* functions = new Lent;  // Python objects outlive no interpreter: never destroyed
  return *functions;
}

// delta = function(updates, weights), for exploring: a float32 array of (sites, values), a copy,
// and a float64 array of (sites). The GIL is held while the function runs and at no other time.
class PythonAggregator final : public Aggregator {
 public:
  explicit PythonAggregator(const Settings& settings)
      : name_(settings.text("function")), function_(lent().get(name_)) {
    if (!function_)
      throw ConfigError({.what = "the aggregator '" + name_ + "' is a Python function elsewhere",
                         .where = settings.where("function"),
                         .expected = "a simulation in the process that has the function",
                         .remedy = "`collegium new-plugin aggregator NAME` makes a plugin of it, "
                                   "which runs anywhere"});
  }

  Traits traits() const override { return {.linear = false, .retains_updates = true}; }

  void accumulate(const Update& update) override {
    if (!updates_.empty()) require_size(update.values.size());
    updates_.push_back(update.values);
    weights_.push_back(update.weight);
  }

  void merge(Aggregator& other) override {
    auto* part = dynamic_cast<PythonAggregator*>(&other);
    if (!part || part == this || part->function_ != function_)
      throw ConfigError({.what = "only another round of '" + name_ + "' can be merged"});
    for (std::size_t k = 0; k < part->updates_.size(); ++k)
      accumulate({.values = part->updates_[k], .weight = part->weights_[k], .site = {}});
    part->updates_.clear();
    part->weights_.clear();
  }

  void finish(std::span<float> delta) override {
    if (updates_.empty()) throw ConfigError({.what = "there is no update to combine"});
    require_size(delta.size());
    const py::gil_scoped_acquire gil;
    try {
      py::array_t<float> stacked({updates_.size(), delta.size()});
      float* row = stacked.mutable_data();
      for (const std::span<const float> values : updates_)
        row = std::copy(values.begin(), values.end(), row);
      const py::array_t<double> weights(static_cast<py::ssize_t>(weights_.size()), weights_.data());
      const auto result = (*function_)(stacked, weights).cast<FloatArray>();
      if (result.ndim() != 1) require_size(0);
      require_size(static_cast<std::size_t>(result.size()));
      std::copy_n(result.data(), delta.size(), delta.begin());
    } catch (const py::error_already_set& error) {
      throw PluginError({.what = "the Python function '" + name_ + "' failed",
                         .found = std::string(py::str(error.type().attr("__name__"))) + ": " +
                                  std::string(py::str(error.value()))});
    }
  }

 private:
  void require_size(std::size_t size) const {
    if (size != updates_.front().size())
      throw ConfigError({.what = "a vector of another size than the updates before",
                         .expected = std::to_string(updates_.front().size()) + " values",
                         .found = std::to_string(size)});
  }

  std::string name_;
  Function function_;
  std::vector<std::span<const float>> updates_;
  std::vector<double> weights_;
};

void offer(Registrar& registrar) { registrar.aggregator<PythonAggregator>("python"); }

}  // namespace

void def_python_aggregator(py::module_& m) {
  registry().take({.name = "python", .version = "", .file = "functions of this process"}, &offer);
  m.def("lend_function", [](const std::string& name, py::object function) {
    lent().put(name, std::static_pointer_cast<const py::object>(keep(std::move(function))));
  });
  m.def("take_function_back", [](const std::string& name) { lent().take(name); });
}

}  // namespace collegium::python
