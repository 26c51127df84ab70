// Processor seconds a training step takes on one thread: collegium_bench_training [edge = 32]
// [batch = 4] [steps = 6]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>

#include "config/privacy_config.h"
#include "config/training_config.h"
#include "torch/network/model.h"
#include "torch/training/torch_trainer.h"

namespace {

using namespace collegium;
using Shape = std::vector<std::int64_t>;

Array waves(const Shape& shape, const std::function<float(double)>& value) {
  std::size_t size = 1;
  for (const auto extent : shape) size *= static_cast<std::size_t>(extent);
  auto values = std::make_shared<std::vector<float>>(size);
  for (std::size_t i = 0; i < size; ++i) (*values)[i] = value(static_cast<double>(i));
  return {values->data(), ElementType::float32, shape, values};
}

// A network and the shapes of one sample.
struct Subject {
  const char* name;
  NetworkConfig network;
  Shape input, target;
  const char* loss;
  std::int64_t batch;
};

// As many patients as a batch has, all of them in every step: a private step and a plain one see
// the same number of samples.
double seconds_a_step(const Subject& subject, std::int64_t steps, bool privately) {
  auto input = subject.input, target = subject.target;
  input.insert(input.begin(), subject.batch);
  target.insert(target.begin(), subject.batch);
  TrainingConfig training;
  training.batch_size = subject.batch;
  training.local_steps = steps + 1;
  training.loss.name = subject.loss;
  training.device = "cpu";
  PrivacyConfig privacy;
  privacy.noise_multiplier = 1;
  privacy.delta = 1e-3;
  TorchTrainer trainer(
      subject.network,
      std::make_shared<TensorDataset>(
          waves(input, [](double i) { return static_cast<float>(std::sin(0.37 * i)); }),
          waves(target, [](double i) { return std::sin(0.01 * i) > 0.5 ? 1.0f : 0.0f; })),
      {.n_public = subject.batch});
  const auto model = initial_values(subject.network, 1);
  std::vector<float> delta(model.size());
  TrainTask task;
  task.run = "00";
  task.round = 1;
  task.site = "bench";
  task.training = training.to_settings();
  if (privately) task.privacy = privacy.to_settings();
  std::clock_t begin = std::clock();
  trainer.train(model, delta, task, [&](std::int64_t step, std::int64_t, double) {
    if (step == 1) begin = std::clock();  // the first step warms up
    return true;
  });
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / static_cast<double>(steps);
}

NetworkConfig network(const char* name, std::int64_t in, std::int64_t filters, std::int64_t out) {
  NetworkConfig config;
  config.name = name;
  config.in_channels = in;
  config.init_filters = filters;
  config.out_channels = out;
  return config;
}

}  // namespace

int main(int count, char** arguments) {
  const auto number = [&](int at, std::int64_t otherwise) {
    return count > at ? std::atoll(arguments[at]) : otherwise;
  };
  const auto edge = number(1, 32), batch = number(2, 4), steps = number(3, 6);
  auto part = network("segresnet", 4, 8, 3);
  part.trainable = {"norm", "bias", "head"};
  const Shape volume = {4, edge, edge, edge}, regions = {3, edge, edge, edge};
  const Subject subjects[] = {
      {"segresnet", network("segresnet", 4, 8, 3), volume, regions, "dice", batch},
      {"segresnet: norm, bias, head", part, volume, regions, "dice", batch},
      {"small_cnn 32x32", network("small_cnn", 3, 16, 10), {3, 32, 32}, {10}, "mse", 16 * batch},
      {"mlp 784-512-512-10", network("mlp", 784, 512, 10), {784}, {10}, "mse", 64 * batch}};
  std::printf("volumes of %lld^3, milliseconds of processor time a step\n",
              static_cast<long long>(edge));
  for (const auto& subject : subjects) {
    const double plain = 1e3 * seconds_a_step(subject, steps, false);
    const double patients = 1e3 * seconds_a_step(subject, steps, true);
    std::printf("  %-28s batch %-4lld plain %8.2f   patient privacy %8.2f (%.2fx)\n", subject.name,
                static_cast<long long>(subject.batch), plain, patients, patients / plain);
    std::fflush(stdout);
  }
}
