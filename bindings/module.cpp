#include "bindings.h"
#include "collegium/version.h"

PYBIND11_MODULE(_core, m) {
  namespace py = pybind11;
  py::module_::import("torch");  // loads torch's libraries and registers its tensor type

  m.doc() = "The compiled core of collegium; use the package around it.";
  m.attr("torch_version") = COLLEGIUM_TORCH_VERSION;
  m.attr("__version__") = COLLEGIUM_VERSION;

  collegium::python::def_errors(m);
  collegium::python::def_settings(m);
  collegium::python::def_ledger(m);
  collegium::python::def_privacy(m);
  collegium::python::def_audit(m);
  collegium::python::def_imaging(m);
  collegium::python::def_losses(m);
  collegium::python::def_networks(m);
  collegium::python::def_per_sample(m);
  collegium::python::def_plugins(m);
  collegium::python::def_python_aggregator(m);
  collegium::python::def_datasets(m);
  collegium::python::def_evaluation(m);
  collegium::python::def_federation(m);
  collegium::python::def_graph(m);
}
