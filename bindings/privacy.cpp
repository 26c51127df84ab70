#include "privacy/accountant.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "bindings.h"
#include "collegium/error.h"
#include "privacy/calibration.h"
#include "privacy/weak_delta.h"

namespace collegium::python {
namespace {

using Kind = PrivacyEvent::Kind;
using Neighbours = PrivacyEvent::Neighbours;

constexpr std::array<std::pair<const char*, Kind>, 10> kKinds{
    {{"none", Kind::none},
     {"gaussian", Kind::gaussian},
     {"sampled_gaussian", Kind::sampled_gaussian},
     {"fixed_size_gaussian", Kind::fixed_size_gaussian},
     {"laplace", Kind::laplace},
     {"discrete_gaussian", Kind::discrete_gaussian},
     {"discrete_laplace", Kind::discrete_laplace},
     {"pure", Kind::pure},
     {"approximate", Kind::approximate},
     {"unbounded", Kind::unbounded}}};
constexpr std::array<std::pair<const char*, Neighbours>, 2> kNeighbours{
    {{"add_or_remove", Neighbours::add_or_remove}, {"replace_one", Neighbours::replace_one}}};

template <class Names>
auto value_of(const Names& names, const std::string& name, const char* what) {
  std::string expected;
  for (const auto& [known, value] : names) {
    if (name == known) return value;
    expected += std::string(expected.empty() ? "" : ", ") + known;
  }
  throw ConfigError(
      {.what = std::string("unknown ") + what, .expected = "one of " + expected, .found = name});
}

template <class Names, class Value>
const char* name_in(const Names& names, Value value) {
  for (const auto& [name, known] : names)
    if (known == value) return name;
  return "";
}

PrivacyEvent training(double noise_multiplier, double sampling_rate, std::int64_t steps) {
  return {.kind = Kind::sampled_gaussian,
          .noise_multiplier = noise_multiplier,
          .sampling_rate = sampling_rate,
          .count = steps};
}

PrivacyEvent event_of(const std::string& kind, double noise_multiplier, double sampling_rate,
                      std::int64_t count, double epsilon, double delta, std::int64_t max_batch,
                      std::int64_t n_public, std::int64_t sensitivity,
                      const std::string& neighbours, std::string reason) {
  return {.kind = value_of(kKinds, kind, "kind of privacy event"),
          .noise_multiplier = noise_multiplier,
          .sampling_rate = sampling_rate,
          .count = count,
          .epsilon = epsilon,
          .delta = delta,
          .max_batch = max_batch,
          .n_public = n_public,
          .sensitivity = sensitivity,
          .neighbours = value_of(kNeighbours, neighbours, "neighbour relation"),
          .reason = std::move(reason)};
}

void def_event(py::module_& privacy) {
  py::class_<PrivacyEvent>(privacy, "Event")
      .def(py::init(&event_of), py::arg("kind"), py::kw_only(), py::arg("noise_multiplier") = 0.0,
           py::arg("sampling_rate") = 1.0, py::arg("count") = 1, py::arg("epsilon") = 0.0,
           py::arg("delta") = 0.0, py::arg("max_batch") = 0, py::arg("n_public") = 0,
           py::arg("sensitivity") = 0, py::arg("neighbours") = "add_or_remove",
           py::arg("reason") = "")
      .def_property_readonly("kind", [](const PrivacyEvent& e) { return name_in(kKinds, e.kind); })
      .def_property_readonly(
          "neighbours", [](const PrivacyEvent& e) { return name_in(kNeighbours, e.neighbours); })
      .def_readonly("noise_multiplier", &PrivacyEvent::noise_multiplier)
      .def_readonly("sampling_rate", &PrivacyEvent::sampling_rate)
      .def_readonly("count", &PrivacyEvent::count)
      .def_readonly("epsilon", &PrivacyEvent::epsilon)
      .def_readonly("delta", &PrivacyEvent::delta)
      .def_readonly("max_batch", &PrivacyEvent::max_batch)
      .def_readonly("n_public", &PrivacyEvent::n_public)
      .def_readonly("sensitivity", &PrivacyEvent::sensitivity)
      .def_readonly("reason", &PrivacyEvent::reason)
      .def("__eq__", [](const PrivacyEvent& a, const PrivacyEvent& b) { return a == b; });
}

}  // namespace

void def_privacy(py::module_& m) {
  py::module_ privacy = m.def_submodule("privacy");
  def_event(privacy);
  py::class_<Composition>(privacy, "Composition")
      .def_readonly("epsilon", &Composition::epsilon)
      .def_property_readonly("accountant",
                             [](const Composition& c) { return name_of(c.accountant); })
      .def_readonly("privacy_loss", &Composition::privacy_loss)
      .def_readonly("renyi", &Composition::renyi)
      .def_readonly("plain_sum", &Composition::plain_sum);
  privacy.def(
      "compose",
      [](const std::vector<PrivacyEvent>& events, double delta) { return compose(events, delta); },
      py::arg("events"), py::arg("delta"), py::call_guard<py::gil_scoped_release>());
  privacy.def(
      "epsilon",
      [](double noise_multiplier, double sampling_rate, std::int64_t steps, double delta) {
        const PrivacyEvent event = training(noise_multiplier, sampling_rate, steps);
        return epsilon({&event, 1}, delta);
      },
      py::kw_only(), py::arg("noise_multiplier"), py::arg("sampling_rate"), py::arg("steps"),
      py::arg("delta"), py::call_guard<py::gil_scoped_release>());
  privacy.def(
      "noise_for",
      [](double target, double delta, double sampling_rate, std::int64_t steps) {
        return calibrate_noise(target, delta, sampling_rate, steps);
      },
      py::kw_only(), py::arg("epsilon"), py::arg("delta"), py::arg("sampling_rate"),
      py::arg("steps"), py::call_guard<py::gil_scoped_release>());
  privacy.def(
      "steps_for",
      [](double target, double delta, double sampling_rate, double noise_multiplier) {
        return calibrate_steps(target, delta, sampling_rate, noise_multiplier);
      },
      py::kw_only(), py::arg("epsilon"), py::arg("delta"), py::arg("sampling_rate"),
      py::arg("noise_multiplier"), py::call_guard<py::gil_scoped_release>());
  // (what is wrong, the remedy), or None.
  privacy.def(
      "weak_delta",
      [](double delta, std::int64_t n) -> std::optional<std::pair<std::string, std::string>> {
        const auto problem = weak_delta(delta, n);
        if (!problem) return std::nullopt;
        return std::pair(problem->what, problem->remedy);
      },
      py::arg("delta"), py::arg("n"));
}

}  // namespace collegium::python
