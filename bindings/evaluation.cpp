#include "torch/training/evaluator.h"

#include "bindings.h"
#include "networks.h"
#include "torch/data/dataset.h"
#include "torch/data/image_folder.h"
#include "torch/network/network.h"
#include "torch/training/predictor.h"

namespace collegium::python {
namespace {

EvaluationOptions options_from(const py::dict& settings) {
  const Settings table = settings_from(settings, "evaluate");
  EvaluationOptions options;
  options.roi = table.integers("roi");
  options.overlap = table.number_in("overlap", 0.5, 0.0, 0.99);
  options.threads = static_cast<int>(table.integer_in("threads", 1, 1, 1024));
  options.predictions = table.text("predictions", "");
  table.refuse_unknown();
  return options;
}

// None goes on; so does whatever a caller's own function answers, unless that is false.
EvaluationProgress progress_from(const py::object& progress) {
  if (progress.is_none()) return {};
  return [&progress](std::size_t done, std::size_t subjects) {
    const py::gil_scoped_acquire gil;
    const py::object go_on = progress(done, subjects);
    return go_on.is_none() || go_on.cast<bool>();
  };
}

py::list evaluate(const PyNetwork& network, const Dataset& data, const py::dict& settings,
                  const py::object& progress) {
  const EvaluationOptions options = options_from(settings);
  const EvaluationProgress report = progress_from(progress);
  std::vector<SubjectScore> scores;
  {
    const py::gil_scoped_release unlocked;
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

std::size_t predict(const PyNetwork& network, const ImageFolder& data, const py::dict& settings,
                    const py::object& progress) {
  const EvaluationOptions options = options_from(settings);
  const EvaluationProgress report = progress_from(progress);
  const py::gil_scoped_release unlocked;
  return predict_subjects(*network.network, network.weights(), data.subject_set(), options,
                          options.predictions, report);
}

}  // namespace

void def_evaluation(py::module_& m) {
  m.def("evaluate", &evaluate);
  m.def("predict", &predict);
}

}  // namespace collegium::python
