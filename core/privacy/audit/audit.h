#pragma once
#include <functional>
#include <string>
#include <vector>

#include "privacy/audit/trial.h"

namespace collegium {

// Each of the nine checks raises a false alarm with a probability of at most 1e-7, so that a whole
// audit of sound code does so less than once in a million runs.
constexpr double kAuditAlarm = 1e-7;

// What one check found: a p value of "the code does what it says", or a lower bound on what the
// code gives away beside the upper bound that the accountant claims. The others are NaN.
struct AuditFinding {
  std::string check;     // "scale"
  std::string question;  // "the noise has the stated size"
  double p_value;
  double lower,
      upper;  // of mu or epsilon; lower is wrong with a probability of at most kAuditAlarm
  bool alarm = false;
};

// How much is drawn. The defaults find noise that is too small by 1 %.
struct AuditEffort {
  std::int64_t width = 20000;   // coordinates of the model
  std::int64_t steps = 20;      // of a run
  std::int64_t repeats = 2000;  // of the tests of clipping and sampling
  std::int64_t runs = 20;       // of 1000 canaries each in the Gaussian audit
};

// Seven tests and two lower bounds (statistics.h, lower_bounds.h) on training steps. `elsewhere`
// runs the same code with another process's randomness. `done` hears of each finding as it is made.
// An alarm says that the code does not keep its word. No alarm is no proof that it does.
std::vector<AuditFinding> audit(const PrivateSteps& steps, const PrivateSteps& elsewhere,
                                const AuditEffort& effort = {},
                                const std::function<void(const AuditFinding&)>& done = {});

// The steps this library ships, as the trainer uses them: poisson_sample() and PrivateSum under
// noise from the operating system.
std::vector<float> shipped_steps(const Trial& trial);

// The same steps in a forked child process.
PrivateSteps in_a_child(PrivateSteps steps);

}  // namespace collegium
