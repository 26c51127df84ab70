#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/network_config.h"
#include "torch/data/volume_dataset.h"

namespace collegium {

class Network;

struct EvaluationOptions {
  std::vector<std::int64_t> roi = {};  // sliding window [d,h,w]; empty: the whole volume at once
  double overlap = 0.5;                // of neighbouring windows
  bool gaussian = false;               // weight windows by a Gaussian instead of evenly
  int threads = 1;
  std::string device = "auto";
  std::filesystem::path predictions =
      {};  // folder for SUBJECT.nii.gz of a VolumeDataset; empty: none are written
  std::vector<std::size_t> subjects = {};  // which; empty: all
};

// Voxels are counted, so that a reader can leave empty regions out of a mean. Empty rule of BraTS:
// both empty: Dice 1, HD95 0; one empty: Dice 0, HD95 373.13.
struct RegionScore {
  std::string region = {};
  double dice = 0;
  double hd95 = 0;  // mm; 95th percentile of the surface distances of both directions together
  std::int64_t reference_voxels = 0, predicted_voxels = 0;
};

struct SubjectScore {
  std::string subject;
  std::vector<RegionScore> regions;
};

using EvaluationProgress =
    std::function<bool(std::size_t done, std::size_t subjects)>;  // false: stop, with an Error

// Segments subjects with a sliding window and scores them: sigmoid(output) > 0.5 against the
// target. Subjects have one volume with regions each; spacing, names of regions and prediction
// files need a VolumeDataset.
std::vector<SubjectScore> evaluate_volumes(const Network& network, std::span<const float> model,
                                           const Dataset& data, const EvaluationOptions& options,
                                           const EvaluationProgress& progress = {});
std::vector<SubjectScore> evaluate_volumes(const NetworkConfig& network,
                                           std::span<const float> model, const Dataset& data,
                                           const EvaluationOptions& options,
                                           const EvaluationProgress& progress = {});

// The network's output for a batch of inputs [n, ...], row-major, with its shape; no sigmoid, no
// softmax.
struct Prediction {
  std::vector<float> values;
  std::vector<std::int64_t> shape;
};
Prediction predict(const NetworkConfig& network, std::span<const float> model, const Array& inputs,
                   const EvaluationOptions& options = {});

}  // namespace collegium
