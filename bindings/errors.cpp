#include "bindings.h"
#include "collegium/error.h"

namespace collegium::python {
namespace {

// The Python classes live as long as the interpreter; pybind11's translators want them by address.
py::handle make(py::module_& m, const char* name, py::handle base) {
  py::object type = py::reinterpret_steal<py::object>(
      PyErr_NewException((std::string("collegium.") + name).c_str(), base.ptr(), nullptr));
  m.attr(name) = type;
  return type.release();
}

struct Types {
  py::handle base, config, plugin, protocol, budget, data, system;
};
Types types;

// Raises `type` with the text and the five fields of the problem as attributes.
void raise(py::handle type, const Error& error) {
  py::object value = py::reinterpret_borrow<py::object>(type)(error.what());
  const Problem& problem = error.problem();
  value.attr("problem") = problem.what;
  value.attr("where") = problem.where;
  value.attr("expected") = problem.expected;
  value.attr("found") = problem.found;
  value.attr("remedy") = problem.remedy;
  PyErr_SetObject(type.ptr(), value.ptr());
}

}  // namespace

void def_errors(py::module_& m) {
  types.base = make(m, "CollegiumError", PyExc_RuntimeError);
  types.config =
      make(m, "ConfigError", py::make_tuple(types.base, py::handle(PyExc_ValueError)).release());
  types.plugin = make(m, "PluginError", types.base);
  types.protocol = make(m, "ProtocolError", types.base);
  types.budget = make(m, "BudgetExhausted", types.base);
  types.data =
      make(m, "DataError", py::make_tuple(types.base, py::handle(PyExc_ValueError)).release());
  types.system =
      make(m, "SystemError", py::make_tuple(types.base, py::handle(PyExc_OSError)).release());

  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const ConfigError& error) {
      raise(types.config, error);
    } catch (const PluginError& error) {
      raise(types.plugin, error);
    } catch (const ProtocolError& error) {
      raise(types.protocol, error);
    } catch (const BudgetExhausted& error) {
      raise(types.budget, error);
    } catch (const DataError& error) {
      raise(types.data, error);
    } catch (const SystemError& error) {
      raise(types.system, error);
    } catch (const Error& error) {
      raise(types.base, error);
    }
  });
}

}  // namespace collegium::python
