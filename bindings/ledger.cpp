// The privacy ledger of a site: what is spent, what is left, and a first budget.
#include <cmath>
#include <filesystem>

#include "base/hash.h"
#include "bindings.h"
#include "store/event_json.h"
#include "store/ledger_balance.h"

namespace collegium::python {
namespace {

py::object or_none(const std::optional<double>& value) {
  return value ? py::object(py::float_(*value)) : py::none();
}

py::dict dict_of(const RunBalance& balance) {
  py::dict run;
  run["run"] = balance.run.id;
  run["created"] = balance.created;
  run["simulation"] = balance.run.simulation;
  run["epsilon"] = balance.epsilon;
  run["rounds"] = balance.run.rounds;
  run["drawn"] = balance.drawn;
  run["extra"] = balance.extra;
  run["released"] = balance.released;
  run["schedule"] = events_to_json(balance.schedule);
  run["config"] = balance.run.config;
  return run;
}

py::dict dict_of(const DatasetBalance& balance) {
  py::dict dataset;
  dataset["dataset"] = balance.dataset.id;
  dataset["unit"] = balance.dataset.unit;
  dataset["delta"] = balance.dataset.delta;
  dataset["budget"] = or_none(balance.dataset.budget);
  dataset["spent"] = balance.spent;
  dataset["left"] =
      balance.dataset.budget
          ? py::object(py::float_(std::max(0.0, *balance.dataset.budget - balance.spent)))
          : py::none();
  dataset["rounds_left"] =
      balance.rounds_left ? py::object(py::int_(*balance.rounds_left)) : py::none();
  py::list runs;
  for (const RunBalance& run : balance.runs) runs.append(dict_of(run));
  dataset["runs"] = runs;
  return dataset;
}

py::dict balance_of(const std::string& folder) {
  Balance balance;
  {
    py::gil_scoped_release unlocked;
    balance = read_balance(folder);
  }
  py::list datasets;
  for (const DatasetBalance& dataset : balance.datasets) datasets.append(dict_of(dataset));
  py::dict all;
  all["charges"] = balance.position.seq;
  all["head"] = to_hex(balance.position.head);
  all["copied"] = balance.copied;
  all["datasets"] = datasets;
  return all;
}

void set_budget(const std::string& folder, const std::string& dataset, double epsilon, double delta,
                const std::string& unit) {
  Ledger(folder).add_dataset({.id = dataset, .unit = unit, .delta = delta, .budget = epsilon});
}

}  // namespace

void def_ledger(py::module_& m) {
  py::module_ ledger = m.def_submodule("ledger");
  ledger.def("balance", &balance_of, py::arg("folder"));
  ledger.def("set_budget", &set_budget, py::arg("folder"), py::arg("dataset"), py::kw_only(),
             py::arg("epsilon"), py::arg("delta"), py::arg("unit"));
  ledger.def(
      "adopt", [](const std::string& folder) { adopt_ledger(folder); }, py::arg("folder"));
}

}  // namespace collegium::python
