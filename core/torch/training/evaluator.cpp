#include "torch/training/evaluator.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "collegium/error.h"
#include "imaging/metrics.h"
#include "torch/data/examples.h"
#include "torch/network/flat_model.h"
#include "torch/network/network.h"
#include "torch/training/device.h"
#include "torch/training/segment.h"

namespace collegium {
namespace {

RegionScore score(std::span<const std::uint8_t> predicted, std::span<const std::uint8_t> reference,
                  const Extent& extent, const Spacing& spacing) {
  const auto shared = overlap(predicted, reference);
  return {.dice = dice_brats(shared),
          .hd95 = hausdorff95(predicted, reference, extent, spacing),
          .reference_voxels = shared.ref(),
          .predicted_voxels = shared.pred()};
}

SubjectScore evaluate_subject(const Network& network, const FlatModel& model, const Dataset& data,
                              std::size_t subject, const EvaluationOptions& options) {
  const auto* volumes = dynamic_cast<const VolumeDataset*>(&data);
  auto example = whole_example(data.sample(subject), data.as_scanned());
  const auto& shape = example.input_shape;
  FloatImage image(shape[0], {shape[1], shape[2], shape[3]});
  image.values = std::move(example.input);
  const auto regions = example.target_shape[0];
  const auto output = segment(network, model, image, regions, options);
  std::vector<std::uint8_t> predicted(output.values.size()), reference(output.values.size());
  std::transform(output.values.begin(), output.values.end(), predicted.begin(),
                 [](float y) { return y > 0; });
  std::transform(example.target.begin(), example.target.end(), reference.begin(),
                 [](float t) { return t > 0.5f; });
  const auto names = volumes ? volumes->regions() : std::vector<std::string>{};
  const auto size = static_cast<std::size_t>(voxels(image.extent));
  SubjectScore scores{.subject = data.name(subject), .regions = {}};
  for (std::size_t r = 0; r < static_cast<std::size_t>(regions); ++r) {
    auto one = score(std::span(predicted).subspan(r * size, size),
                     std::span(reference).subspan(r * size, size), image.extent,
                     volumes ? volumes->spacing(subject) : Spacing{1, 1, 1});
    one.region = r < names.size() ? names[r] : std::to_string(r);
    scores.regions.push_back(std::move(one));
  }
  if (!options.predictions.empty() && volumes)
    volumes->write_prediction(subject, predicted, options.predictions);
  return scores;
}

}  // namespace

std::vector<SubjectScore> evaluate_volumes(const Network& network, std::span<const float> model,
                                           const Dataset& data, const EvaluationOptions& options,
                                           const EvaluationProgress& progress) {
  const c10::NoGradGuard no_gradient;
  const ThreadCount threads(options.threads);
  const auto parameters = loaded_model(network, model, options);
  auto subjects = options.subjects;
  if (subjects.empty()) {
    subjects.resize(data.subjects());
    std::iota(subjects.begin(), subjects.end(), std::size_t{0});
  }
  if (!options.predictions.empty()) make_folders(options.predictions.string());
  std::vector<SubjectScore> scores;
  for (const auto subject : subjects) {
    scores.push_back(evaluate_subject(network, parameters, data, subject, options));
    if (progress && !progress(scores.size(), subjects.size()))
      throw Error({.what = "the evaluation was stopped"});
  }
  return scores;
}

std::vector<SubjectScore> evaluate_volumes(const NetworkConfig& network,
                                           std::span<const float> model, const Dataset& data,
                                           const EvaluationOptions& options,
                                           const EvaluationProgress& progress) {
  return evaluate_volumes(*make_network(network), model, data, options, progress);
}

Prediction predict(const NetworkConfig& config, std::span<const float> model, const Array& inputs,
                   const EvaluationOptions& options) {
  if (inputs.type != ElementType::float32) throw DataError({.what = "inputs must be float32"});
  const c10::NoGradGuard no_gradient;
  const ThreadCount threads(options.threads);
  const auto network = make_network(config);
  const auto parameters = loaded_model(*network, model, options);
  const auto x = at::from_blob(const_cast<void*>(inputs.data), inputs.shape, at::kFloat);
  const auto y = network->forward(x.to(parameters.flat().device()), parameters.parameters(), {})
                     .to(at::kCPU)
                     .contiguous();
  const auto* values = y.const_data_ptr<float>();
  return {{values, values + y.numel()}, y.sizes().vec()};
}

}  // namespace collegium
