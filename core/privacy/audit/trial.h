#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace collegium {

// Training steps on patients whose gradients the auditor chose: the gradient of patient i is
// `lengths[i]` in coordinate i and 0 elsewhere, so that each patient is seen in a coordinate of its
// own (a "Dirac canary": Nasr et al. 2023, "Tight auditing of differentially private machine
// learning").
struct Trial {
  std::int64_t width = 1;       // trainable coordinates, an even number
  std::vector<double> lengths;  // of the patients present; as many as coordinates, at most
  std::int64_t patients = 1;    // the public number of patients, present or not
  std::int64_t steps = 1;
  double rate = 1.0;
  double clip = 1.0;
  double noise_multiplier = 1.0;
};

// Runs a trial on the code under audit with randomness of its own and returns what each step
// released, times the public divisor: sum_i clip(g_i) + N(0, (z C)^2), row after row,
// [steps][width].
using PrivateSteps = std::function<std::vector<float>(const Trial&)>;

}  // namespace collegium
