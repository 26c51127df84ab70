#pragma once
#include <string>

#include "privacy/audit/audit.h"

namespace collegium {

// A step is a whole round here and takes a millisecond, so fewer are made.
constexpr AuditEffort kTrainerEffort{.width = 4000, .steps = 20, .repeats = 300, .runs = 10};

// A trial (privacy/audit) through the whole of TorchTrainer, from the task to the update: a linear
// network at 0 under the mean squared error to -1/2 has a patient's input for that patient's
// gradient, and one step of SGD a round, at a rate equal to the divisor, makes the update minus
// what was released. `device`: auto, cpu or cuda.
PrivateSteps trainer_steps(std::string device);

}  // namespace collegium
