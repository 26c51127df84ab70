#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "collegium/error.h"
#include "federation/coordinator.h"
#include "federation/site.h"
#include "plugin/registry.h"
#include "transport/run_work.h"
#include "transport/trainer_work.h"

// A federation whose training is arithmetic: a site moves the model a quarter of the way to its own
// target, so every round has a closed form and a whole run takes milliseconds.
namespace collegium::toy {

inline Layout layout_of(std::size_t size) {
  Layout layout;
  layout.add("weight", {static_cast<std::int64_t>(size)});
  return layout;
}

inline float target_of(std::size_t site, std::size_t index) {
  return static_cast<float>(site + 1) + 0.125f * static_cast<float>(index % 7);
}

class ToyTrainer final : public Trainer {
 public:
  ToyTrainer(std::size_t site, std::size_t size) : site_(site), layout_(layout_of(size)) {}

  const Layout& layout() const override { return layout_; }
  PrivacyEvent cost(const TrainTask&) const override { return charge; }
  TrainResult train(std::span<const float> model, std::span<float> delta, const TrainTask& task,
                    const Progress& progress) override {
    if (before_training) before_training(task);
    for (std::int64_t step = 1; step <= 2; ++step)
      if (!progress(step, 2, 0.0)) throw DataError(Problem{.what = "training was given up"});
    double loss = 0;
    for (std::size_t i = 0; i < model.size(); ++i) {
      delta[i] = 0.25f * (target_of(site_, i) - model[i]);
      loss += static_cast<double>(delta[i]) * delta[i];
    }
    TrainResult result;
    result.steps = 2;
    result.weight = static_cast<double>(1 + site_ % 2);
    result.loss = loss;
    ++rounds_trained;
    return result;
  }
  std::vector<Metric> evaluate(std::span<const float> model, const TrainTask&) override {
    return {Metric{"first_value", model[0], 1}};
  }

  std::function<void(const TrainTask&)> before_training;
  std::atomic<int> rounds_trained{0};
  PrivacyEvent charge = {};

 private:
  std::size_t site_;
  Layout layout_;
};

// What plain arithmetic says the model is after `rounds` rounds with everybody.
inline std::vector<double> expected_model(std::size_t sites, std::size_t size,
                                          std::uint64_t rounds) {
  std::vector<double> model(size, 0.0);
  double weights = 0;
  for (std::size_t site = 0; site < sites; ++site) weights += static_cast<double>(1 + site % 2);
  for (std::uint64_t round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < size; ++i) {
      double change = 0;
      for (std::size_t site = 0; site < sites; ++site)
        change +=
            static_cast<double>(1 + site % 2) / weights * 0.25 * (target_of(site, i) - model[i]);
      model[i] += change;
    }
  return model;
}

inline std::string site_name(std::size_t index) { return "site-" + std::to_string(index + 1); }

struct Setting {
  std::size_t sites = 3;
  std::size_t size = 10;  // floats
  std::uint64_t rounds = 4;
  std::size_t min_sites = 0;  // 0: all
  std::uint64_t evaluate_every = 1;
  double silence_limit = 60;
};

inline CoordinatorOptions coordinator_options(const Setting& setting) {
  CoordinatorOptions options;
  options.run = RunId{1, 2, 3, 4};
  options.name = "toy";
  for (std::size_t i = 0; i < setting.sites; ++i) options.sites.push_back(site_name(i));
  options.min_sites = setting.min_sites ? setting.min_sites : setting.sites;
  options.rounds = setting.rounds;
  options.evaluate_every = setting.evaluate_every;
  options.silence_limit = setting.silence_limit;
  options.layout = layout_of(setting.size).hash();
  options.rules.layout_size = setting.size;
  return options;
}

inline SharedBlob initial_model(const Setting& setting) {
  return std::make_shared<const Blob>(Blob::of(bytes_of(std::vector<float>(setting.size, 0.0f))));
}

inline RunWork::Options work_options(const Setting& setting) {
  RunWork::Options options;
  options.rules.layout_size = setting.size;
  options.aggregator = [] { return registry().make_aggregator("weighted_mean", Settings{}); };
  options.model = initial_model(setting);
  return options;
}

inline std::vector<float> values_of(const SharedBlob& model) {
  const Floats floats(model->bytes);
  return {floats.values().begin(), floats.values().end()};
}

// One site with its machine, its work and its trainer.
struct ToySite {
  ToySite(std::size_t index, const Setting& setting, std::optional<SigningKey> signing = {})
      : name(site_name(index)),
        trainer(std::make_shared<ToyTrainer>(index, setting.size)),
        work({.site = name}, trainer, at_site::Prepare{}),
        machine(options_for(name, setting, std::move(signing))) {}

  static SiteOptions options_for(const std::string& name, const Setting& setting,
                                 std::optional<SigningKey> signing = {}) {
    SiteOptions options;
    options.signing = std::move(signing);
    options.name = name;
    options.layout = layout_of(setting.size).hash();
    options.join_after = 0.2;
    options.silence_limit = setting.silence_limit;
    options.result_after = 0.5;
    options.give_up = 60;
    return options;
  }

  std::string name;
  std::shared_ptr<ToyTrainer> trainer;
  TrainerWork work;
  Site machine;
};

}  // namespace collegium::toy
