#include "torch/training/validation.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/eq.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "collegium/error.h"
#include "torch/network/flat_model.h"
#include "torch/training/batch.h"
#include "torch/training/device.h"
#include "torch/training/evaluator.h"

namespace collegium {
namespace {

std::vector<Metric> region_metrics(const std::vector<SubjectScore>& scores) {
  std::vector<Metric> metrics;
  const auto add = [&](const std::string& name, double RegionScore::*value, std::size_t region) {
    Metric metric{.name = name};
    for (const auto& score : scores) {
      if (score.regions[region].reference_voxels == 0) continue;
      metric.value += score.regions[region].*value;
      ++metric.count;
    }
    if (metric.count == 0) return;
    metric.value /= static_cast<double>(metric.count);
    metrics.push_back(metric);
  };
  for (std::size_t r = 0; !scores.empty() && r < scores[0].regions.size(); ++r) {
    add("dice_" + scores[0].regions[r].region, &RegionScore::dice, r);
    add("hd95_" + scores[0].regions[r].region, &RegionScore::hd95, r);
  }
  return metrics;
}

std::vector<Metric> bounded_region_metrics(const std::vector<SubjectScore>& scores) {
  std::vector<Metric> metrics;
  for (std::size_t r = 0; !scores.empty() && r < scores[0].regions.size(); ++r) {
    Metric metric{.name = "dice_" + scores[0].regions[r].region,
                  .count = static_cast<std::int64_t>(scores.size())};
    for (const auto& score : scores)
      metric.value += score.regions[r].dice / static_cast<double>(scores.size());
    metrics.push_back(metric);
  }
  return metrics;
}

// Each subject's share of right classes, averaged over the subjects.
std::vector<Metric> bounded_table_metrics(const Network& network, const FlatModel& model,
                                          const Dataset& data) {
  const c10::NoGradGuard no_gradient;
  std::vector<double> right(data.subjects()), samples(data.subjects());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto batch =
        stack({whole_example(data.sample(i), data.as_scanned())}, {}, model.flat().device(), false);
    if (batch.targets.scalar_type() != at::kLong) return {};  // losses have no bound
    const auto outputs = network.forward(batch.inputs, model.parameters(), batch.pass);
    right[data.subject(i)] +=
        at::argmax(outputs, 1).eq(batch.targets).to(at::kDouble).mean().item<double>();
    ++samples[data.subject(i)];
  }
  Metric accuracy{.name = "accuracy", .count = static_cast<std::int64_t>(data.subjects())};
  for (std::size_t s = 0; s < right.size(); ++s)
    accuracy.value += right[s] / samples[s] / static_cast<double>(right.size());
  return {accuracy};
}

// Mean loss and share of right classes over single samples.
std::vector<Metric> table_metrics(const Network& network, const Loss& loss, const FlatModel& model,
                                  const Dataset& data) {
  const c10::NoGradGuard no_gradient;
  Metric mean_loss{.name = "loss"}, accuracy{.name = "accuracy"};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const auto batch =
        stack({whole_example(data.sample(i), data.as_scanned())}, {}, model.flat().device(), false);
    const auto all = network.outputs(batch.inputs, model.parameters(), batch.pass);
    const auto& outputs = all.front();
    if (all.size() >= loss.outputs()) {  // fewer: without deep supervision in evaluation
      mean_loss.value += loss.mean(all, batch.targets).item<double>();
      ++mean_loss.count;
    }
    if (batch.targets.scalar_type() != at::kLong) continue;
    accuracy.value +=
        at::argmax(outputs, 1).eq(batch.targets).to(at::kDouble).mean().item<double>();
    ++accuracy.count;
  }
  std::vector<Metric> metrics;
  for (auto* metric : {&mean_loss, &accuracy}) {
    if (metric->count == 0) continue;
    metric->value /= static_cast<double>(metric->count);
    metrics.push_back(*metric);
  }
  return metrics;
}

bool is_of_volumes(const Dataset& data) {
  const auto first = data.sample(0);
  return first.input.shape.size() == 4 && first.target.shape.size() == 4;
}

std::vector<SubjectScore> volume_scores(const Network& network, std::span<const float> model,
                                        const Dataset& data,
                                        const std::vector<std::size_t>& subjects,
                                        const TrainingConfig& training, int threads,
                                        const std::string& device) {
  return evaluate_volumes(network, model, data,
                          {.roi = training.roi.empty() ? training.crop : training.roi,
                           .overlap = training.overlap,
                           .threads = threads,
                           .device = device,
                           .predictions = {},
                           .subjects = subjects});
}

FlatModel loaded(const Network& network, std::span<const float> model, const std::string& device) {
  FlatModel parameters(layout_of(network, {}), choose_device(device, "auto"));
  parameters.load(model);
  return parameters;
}

SubjectSubset part_of(const Dataset& data, const std::vector<std::size_t>& subjects) {
  const std::shared_ptr<const Dataset> whole(&data, [](const Dataset*) {});
  return SubjectSubset(whole, subjects);
}

}  // namespace

SubjectSplit split_subjects(const Dataset& data, std::int64_t validation) {
  const auto subjects = data.subjects();
  if (validation > 0 && static_cast<std::size_t>(validation) >= subjects)
    throw ConfigError({.what = "validation would take every subject of this site",
                       .where = "[training] validation",
                       .expected = "fewer than " + std::to_string(subjects),
                       .found = std::to_string(validation)});
  std::vector<std::string> names(subjects);
  for (std::size_t s = 0; s < subjects; ++s) names[s] = data.name(s);
  std::vector<std::size_t> order(subjects);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto by_name = [&](std::size_t a, std::size_t b) {
    return names[a].size() != names[b].size() &&
                   std::all_of(names[a].begin(), names[a].end(), ::isdigit) &&
                   std::all_of(names[b].begin(), names[b].end(), ::isdigit)
               ? names[a].size() < names[b].size()
               : names[a] < names[b];
  };
  std::sort(order.begin(), order.end(), by_name);
  const auto cut = order.end() - validation;
  SubjectSplit split{{order.begin(), cut}, {cut, order.end()}};
  std::sort(split.training.begin(), split.training.end());
  return split;
}

std::vector<Metric> validation_metrics(const Network& network, const Loss& loss,
                                       std::span<const float> model, const Dataset& data,
                                       const std::vector<std::size_t>& subjects,
                                       const TrainingConfig& training, int threads,
                                       const std::string& device) {
  if (subjects.empty()) return {};
  if (is_of_volumes(data))
    return region_metrics(volume_scores(network, model, data, subjects, training, threads, device));
  const ThreadCount thread_count(threads);
  return table_metrics(network, loss, loaded(network, model, device), part_of(data, subjects));
}

std::vector<Metric> bounded_metrics(const Network& network, std::span<const float> model,
                                    const Dataset& data, const std::vector<std::size_t>& subjects,
                                    const TrainingConfig& training, int threads,
                                    const std::string& device) {
  if (subjects.empty()) return {};
  if (is_of_volumes(data))
    return bounded_region_metrics(
        volume_scores(network, model, data, subjects, training, threads, device));
  const ThreadCount thread_count(threads);
  return bounded_table_metrics(network, loaded(network, model, device), part_of(data, subjects));
}

}  // namespace collegium
