#include "torch/training/evaluator.h"

#include "bindings.h"
#include "networks.h"
#include "torch/data/dataset.h"
#include "torch/network/network.h"

namespace collegium::python {
namespace {

py::list evaluate(const PyNetwork& network, const Dataset& data, const py::dict& settings,
                  const py::object& progress) {
  const Settings table = settings_from(settings, "evaluate");
  EvaluationOptions options;
  options.roi = table.integers("roi");
  options.overlap = table.number_in("overlap", 0.5, 0.0, 0.99);
  options.threads = static_cast<int>(table.integer_in("threads", 1, 1, 1024));
  options.predictions = table.text("predictions", "");
  table.refuse_unknown();
  EvaluationProgress report;
  if (!progress.is_none())
    report = [&progress](std::size_t done, std::size_t subjects) {
      py::gil_scoped_acquire gil;
      const py::object go_on = progress(done, subjects);
      return go_on.is_none() || go_on.cast<bool>();
    };
  std::vector<SubjectScore> scores;
  {
    py::gil_scoped_release unlocked;
    scores = evaluate_volumes(*network.network, network.weights(), data, options, report);
  }
  py::list rows;
  for (const SubjectScore& subject : scores)
    for (const RegionScore& region : subject.regions) {
      py::dict row;
      row["subject"] = subject.subject;
      row["region"] = region.region;
      row["dice"] = region.dice;
      row["hd95"] = region.hd95;
      row["reference_voxels"] = region.reference_voxels;
      row["predicted_voxels"] = region.predicted_voxels;
      rows.append(row);
    }
  return rows;
}

}  // namespace

void def_evaluation(py::module_& m) { m.def("evaluate", &evaluate); }

}  // namespace collegium::python
