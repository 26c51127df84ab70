#include "runtime/site_policy.h"

#include <algorithm>
#include <optional>
#include <string>

#include "base/names.h"
#include "config/check.h"
#include "config/privacy_config.h"

namespace collegium {
namespace {

std::optional<PolicyRefusal> check_privacy(const BudgetConfig& floor, const Settings& task) {
  const auto asked = PrivacyConfig::read(task.table("privacy"));
  if (!asked)
    return PolicyRefusal{"privacy", "this site trains only under " + floor.unit +
                                        "-level privacy, and the task asks for none"};
  if (asked->unit != floor.unit)
    return PolicyRefusal{"privacy", "expected privacy of the unit '" + floor.unit + "', found '" +
                                        asked->unit + "'"};
  if (asked->delta > floor.delta)
    return PolicyRefusal{"privacy", "expected delta of at most " + text_of(floor.delta) +
                                        ", found " + text_of(asked->delta)};
  if (asked->epsilon && *asked->epsilon > floor.epsilon)
    return PolicyRefusal{"privacy", "expected epsilon of at most " + text_of(floor.epsilon) +
                                        ", found " + text_of(*asked->epsilon)};
  return std::nullopt;
}

}  // namespace

PolicyCheck make_policy(const PolicyConfig& policy) {
  return [policy](const Settings& task) -> std::optional<PolicyRefusal> {
    const std::string network = task.table("network").text("name", "");
    if (!policy.models.empty() &&
        std::find(policy.models.begin(), policy.models.end(), network) == policy.models.end())
      return PolicyRefusal{"models",
                           "the network '" + network +
                               "' is not among those this site allows: " + join(policy.models)};
    const std::int64_t rounds = task.integer("rounds", 1);
    if (policy.max_rounds && rounds > *policy.max_rounds)
      return PolicyRefusal{"max_rounds", "expected at most " + std::to_string(*policy.max_rounds) +
                                             " rounds, found " + std::to_string(rounds)};
    if (policy.privacy) return check_privacy(*policy.privacy, task);
    return std::nullopt;
  };
}

}  // namespace collegium
