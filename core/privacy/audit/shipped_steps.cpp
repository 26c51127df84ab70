#include "privacy/audit/audit.h"
#include "privacy/poisson_sample.h"
#include "privacy/private_sum.h"

namespace collegium {
namespace {

// Two layers of half the width with a frozen one between them: noise is drawn for each apart.
Layout two_layers(std::int64_t width) {
  Layout layout;
  layout.add("first.weight", {width / 2});
  layout.add("frozen.weight", {3}, false);
  layout.add("second.weight", {width - width / 2});
  return layout;
}

}  // namespace

std::vector<float> shipped_steps(const Trial& trial) {
  const Layout layout = two_layers(trial.width);
  const auto half = static_cast<std::size_t>(trial.width / 2), gap = std::size_t{3};
  const auto slot = [&](std::size_t i) { return i < half ? i : i + gap; };
  const auto source = NoiseSource::system();
  const auto coins = source.stream(NoisePurpose::subject_sampling, 0);
  const auto noise = source.stream(NoisePurpose::gradient_noise, 0);
  PrivateSum sum(layout, PatientClipping(layout, ClippingMode::flat, trial.clip));
  const double divisor = trial.rate * static_cast<double>(trial.patients);
  std::vector<float> gradient(layout.size()), released;
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    for (const auto patient : poisson_sample(trial.lengths.size(), trial.rate, *coins)) {
      gradient[slot(patient)] = static_cast<float>(trial.lengths[patient]);
      sum.add(gradient);
      gradient[slot(patient)] = 0.0f;
    }
    const auto mean = sum.release(trial.noise_multiplier, divisor, *noise);
    for (std::size_t i = 0; i < static_cast<std::size_t>(trial.width); ++i)
      released.push_back(static_cast<float>(divisor * mean[slot(i)]));
  }
  return released;
}

}  // namespace collegium
