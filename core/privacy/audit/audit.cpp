#include "privacy/audit/audit.h"

#include <limits>
#include <stdexcept>
#include <utility>

#include "privacy/accountant.h"
#include "privacy/audit/lower_bounds.h"
#include "privacy/audit/statistics.h"

namespace collegium {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

PrivateSteps checked(const PrivateSteps& steps) {
  return [&steps](const Trial& trial) {
    auto released = steps(trial);
    if (released.size() != static_cast<std::size_t>(trial.steps * trial.width))
      throw std::logic_error("audited steps must return a row of `width` values each");
    return released;
  };
}

}  // namespace

std::vector<AuditFinding> audit(const PrivateSteps& audited, const PrivateSteps& elsewhere,
                                const AuditEffort& effort,
                                const std::function<void(const AuditFinding&)>& done) {
  const PrivateSteps steps = checked(audited);
  std::vector<AuditFinding> findings;
  const auto note = [&](AuditFinding finding) {
    findings.push_back(std::move(finding));
    if (done) done(findings.back());
  };
  const auto test = [&](const char* check, const char* question, double p) {
    note({check, question, p, kNone, kNone, !(p >= kAuditAlarm)});
  };
  const auto bound = [&](const char* check, const char* question, double lower, double upper) {
    note({check, question, kNone, lower, upper, !(lower <= upper)});
  };

  {
    const PureNoise noise(steps, effort.width, effort.steps);
    test("scale", "the noise has the stated size, in every part of the model", noise.scale());
    test("ks", "the noise is normal", noise.normality());
    test("corr", "no two steps and no two parts of the model share noise", noise.correlation());
  }
  test("fresh", "no two runs share noise, in another process either",
       freshness(steps, checked(elsewhere), effort.width));
  test("sens1", "one patient counts for the clipping bound and not more",
       sensitivity_of_one(steps, effort.repeats));
  test("sens8", "each of several patients is clipped alone",
       sensitivity_of_eight(steps, effort.repeats));
  test("sampling", "patients are drawn independently with the stated rate",
       sampling(steps, effort.repeats));

  constexpr double kMultiplier = 1.0;
  bound("gdp", "mu of one step", gaussian_audit(steps, kMultiplier, effort.runs, kAuditAlarm),
        1.0 / kMultiplier);

  const Trial trial{.lengths = {}, .steps = effort.steps, .rate = 0.25, .noise_multiplier = 4.0};
  // The bound pays up to 2 * candidates * delta of its confidence: delta lies far below
  // kAuditAlarm.
  constexpr double kDelta = 1e-12;
  const PrivacyEvent claim{.kind = PrivacyEvent::Kind::sampled_gaussian,
                           .noise_multiplier = trial.noise_multiplier,
                           .sampling_rate = trial.rate,
                           .count = trial.steps};
  bound("one-run", "epsilon of a training run, at delta 1e-12",
        one_run_audit(steps, trial, 5, kDelta, kAuditAlarm), epsilon({&claim, 1}, kDelta));
  return findings;
}

}  // namespace collegium
