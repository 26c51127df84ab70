#include "privacy/audit/audit.h"

#include <vector>

#include "bindings.h"
#include "privacy/audit/lower_bounds.h"
#include "torch/training/trainer_steps.h"

namespace collegium::python {
namespace {

py::dict dict_of(const AuditFinding& finding) {
  py::dict row;
  row["check"] = finding.check;
  row["question"] = finding.question;
  row["p_value"] = finding.p_value;
  row["lower"] = finding.lower;
  row["upper"] = finding.upper;
  row["alarm"] = finding.alarm;
  return row;
}

// Hands each finding to `done` as it is made; an exception of it (Ctrl-C) ends the audit.
void run(const PrivateSteps& steps, const PrivateSteps& elsewhere, const AuditEffort& effort,
         const py::function& done) {
  py::gil_scoped_release unlocked;
  audit(steps, elsewhere, effort, [&](const AuditFinding& finding) {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    done(dict_of(finding));
  });
}

}  // namespace

void def_audit(py::module_& m) {
  py::module_ module = m.def_submodule("audit");
  module.attr("alarm") = kAuditAlarm;
  module.def("steps", [](const py::function& done) {
    run(shipped_steps, in_a_child(shipped_steps), {}, done);
  });
  module.def("trainer", [](const std::string& device, const py::function& done) {
    const auto steps = trainer_steps(device);  // torch's threads would not survive a fork
    run(steps, steps, kTrainerEffort, done);
  });
  module.def("one_run_lower_bound",
             [](const std::vector<double>& scores, const std::vector<bool>& present, double delta,
                double alpha) {
               if (scores.size() != present.size())
                 throw std::invalid_argument("one score a candidate is needed");
               return one_run_lower_bound(scores, std::vector<char>(present.begin(), present.end()),
                                          delta, alpha);
             });
}

}  // namespace collegium::python
