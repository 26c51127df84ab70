#include "torch/training/predictor.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/file.h"
#include "collegium/error.h"
#include "imaging/transforms.h"
#include "torch/training/device.h"
#include "torch/training/segment.h"

namespace collegium {

std::size_t predict_subjects(const Network& network, std::span<const float> model,
                             const SubjectSet& subjects, const EvaluationOptions& options,
                             const std::filesystem::path& folder,
                             const EvaluationProgress& progress) {
  const c10::NoGradGuard no_gradient;
  const ThreadCount threads(options.threads);
  const FlatModel parameters = loaded_model(network, model, options);
  make_folders(folder.string());
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    Subject subject = subjects.load(i);
    normalise_nonzero(subject.image.values, subject.image.channels);
    const FloatImage output = segment(network, parameters, subject.image, kRegions, options);
    MaskImage regions(kRegions, subject.image.extent);
    std::transform(output.values.begin(), output.values.end(), regions.values.begin(),
                   [](float y) { return y > 0; });
    write_prediction(folder, subject, regions, subjects.scheme());
    if (progress && !progress(i + 1, subjects.size()))
      throw Error({.what = "the prediction was stopped"});
  }
  return subjects.size();
}

}  // namespace collegium
