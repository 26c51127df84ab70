#include "bindings.h"
#include "collegium/error.h"

namespace collegium::python {
namespace {

[[noreturn]] void refuse(const std::string& source, const std::string& key, py::handle value) {
  throw ConfigError({.what = "'" + key + "' has a type that settings do not have",
                     .where = source,
                     .expected = "a bool, a number, a string, a list of one of them, or a dict",
                     .found = std::string(py::str(py::type::of(value).attr("__name__")))});
}

void set_list(Settings& settings, const std::string& source, const std::string& key,
              const py::sequence& list) {
  bool all_text = true, all_integers = true, all_numbers = true;
  for (py::handle item : list) {
    all_text &= py::isinstance<py::str>(item);
    all_integers &= py::isinstance<py::int_>(item) && !py::isinstance<py::bool_>(item);
    all_numbers &= (py::isinstance<py::int_>(item) || py::isinstance<py::float_>(item)) &&
                   !py::isinstance<py::bool_>(item);
  }
  if (all_text)
    settings.set(key, list.cast<std::vector<std::string>>());
  else if (all_integers)
    settings.set(key, list.cast<std::vector<std::int64_t>>());
  else if (all_numbers)
    settings.set(key, list.cast<std::vector<double>>());
  else
    refuse(source, key, list);
}

}  // namespace

Settings settings_from(const py::dict& dict, const std::string& source) {
  Settings settings;
  for (auto [name, value] : dict) {
    const auto key = py::str(name).cast<std::string>();
    if (py::isinstance<py::bool_>(value))
      settings.set(key, value.cast<bool>());
    else if (py::isinstance<py::int_>(value))
      settings.set(key, value.cast<std::int64_t>());
    else if (py::isinstance<py::float_>(value))
      settings.set(key, value.cast<double>());
    else if (py::isinstance<py::str>(value))
      settings.set(key, value.cast<std::string>());
    else if (py::isinstance<py::dict>(value))
      settings.set(key, settings_from(value.cast<py::dict>(), source));
    else if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value))
      set_list(settings, source, key, value.cast<py::sequence>());
    else
      refuse(source, key, value);
  }
  return settings;
}

py::dict dict_from(const Settings& settings) {
  return py::module_::import("collegium._toml").attr("loads")(settings.to_toml());
}

void def_settings(py::module_& m) {
  m.def("to_toml", [](const py::dict& dict) { return settings_from(dict, "settings").to_toml(); });
}

}  // namespace collegium::python
