// Processor seconds a training step takes on one thread: collegium_bench_training [edge = 32]
// [batch = 4] [steps = 6]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "config/privacy_config.h"
#include "config/training_config.h"
#include "torch/network/model.h"
#include "torch/training/torch_trainer.h"

namespace {

using namespace collegium;

std::shared_ptr<TensorDataset> volumes(std::int64_t count, std::int64_t edge) {
  auto images = std::make_shared<std::vector<float>>(
      static_cast<std::size_t>(count * 4 * edge * edge * edge));
  auto regions = std::make_shared<std::vector<std::uint8_t>>(
      static_cast<std::size_t>(count * 3 * edge * edge * edge));
  for (std::size_t i = 0; i < images->size(); ++i)
    (*images)[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  for (std::size_t i = 0; i < regions->size(); ++i)
    (*regions)[i] = std::sin(0.01 * static_cast<double>(i)) > 0.5;
  return std::make_shared<TensorDataset>(
      Array{images->data(), ElementType::float32, {count, 4, edge, edge, edge}, images},
      Array{regions->data(), ElementType::uint8, {count, 3, edge, edge, edge}, regions});
}

double seconds_a_step(const NetworkConfig& network, const TrainingConfig& training,
                      const Settings& privacy, std::int64_t edge) {
  const auto count = 3 * training.batch_size;
  Resources resources;
  resources.n_public = count;
  TorchTrainer trainer(network, volumes(count, edge), resources);
  const auto model = initial_values(network, 1);
  std::vector<float> delta(model.size());
  TrainTask task;
  task.run = "00";
  task.round = 1;
  task.site = "bench";
  task.training = training.to_settings();
  task.privacy = privacy;
  std::clock_t begin = std::clock();
  trainer.train(model, delta, task, [&](std::int64_t step, std::int64_t, double) {
    if (step == 1) begin = std::clock();  // the first step warms up
    return true;
  });
  const double spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  return spent / static_cast<double>(training.local_steps - 1);
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int at, std::int64_t otherwise) {
    return count > at ? std::atoll(arguments[at]) : otherwise;
  };
  const auto edge = number(1, 32);
  TrainingConfig training;
  training.batch_size = number(2, 4);
  training.local_steps = number(3, 6);
  training.device = "cpu";
  PrivacyConfig privacy;
  privacy.noise_multiplier = 1;
  privacy.delta = 1e-3;
  privacy.sampling_rate = 1.0 / 3;
  std::printf("SegResNet, 8 filters, volumes of %lld^3, batch %lld, processor seconds a step\n",
              static_cast<long long>(edge), static_cast<long long>(training.batch_size));
  for (const bool all : {true, false}) {
    NetworkConfig network;
    if (!all) network.trainable = {"norm", "bias", "head"};
    const double plain = seconds_a_step(network, training, {}, edge);
    const double patients = seconds_a_step(network, training, privacy.to_settings(), edge);
    std::printf("  %-20s plain %.3f   patient privacy %.3f (%.2fx)\n",
                all ? "all parameters" : "norm, bias, head", plain, patients, patients / plain);
  }
}
