#include "runtime/site_policy.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/names.h"
#include "collegium/error.h"
#include "config/check.h"
#include "config/network_config.h"
#include "config/privacy_config.h"
#include "config/training_config.h"
#include "federation/secure_terms.h"
#include "privacy/accountant.h"
#include "runtime/privacy_rules.h"

namespace collegium {
namespace {

PolicyRefusal refusal(const std::string& what, const std::string& expected,
                      const std::string& found) {
  return {"privacy", what + ": expected " + expected + ", found " + found};
}

// What is asked for, and what the whole run costs at `delta`: a stated epsilon is not taken at its
// word.
struct AskedPrivacy {
  std::optional<PrivacyConfig> table;
  std::int64_t colluding = 0;  // sites that the noise of a sum makes up for
  double epsilon = 0;
  std::string problem;  // why it cannot be kept here; empty: it can
};

AskedPrivacy asked_by(const Settings& task, std::optional<double> delta, std::int64_t n_public) {
  AskedPrivacy asked;
  try {
    asked.table = PrivacyConfig::read(task.table("privacy"));
    if (!asked.table) return asked;
    if (asked.table->noises_sums()) {
      const auto terms = SecureTerms::read(task.table("secure_aggregation"));
      asked.colluding =
          static_cast<std::int64_t>(terms.minimum) - terms.honest(asked.table->colluding);
    }
    const auto events = cost_of_run(TrainingConfig::read(task.table("training")), *asked.table,
                                    n_public, task.integer("rounds", 1));
    asked.epsilon = epsilon(events, delta.value_or(asked.table->delta));
  } catch (const ConfigError& error) {
    asked.problem = error.what();
  }
  return asked;
}

std::optional<PolicyRefusal> check_privacy(const BudgetConfig& floor, const AskedPrivacy& asked) {
  if (!asked.table)
    return PolicyRefusal{"privacy", "this site trains only under " + floor.unit +
                                        "-level privacy, and the task asks for none"};
  const PrivacyConfig& privacy = *asked.table;
  if (privacy.unit != floor.unit)
    return refusal("another unit", "'" + floor.unit + "'", "'" + privacy.unit + "'");
  if (privacy.is_central() && floor.where != "coordinator")
    return refusal("noise of the coordinator is not taken on trust",
                   "where = \"" + floor.where + "\"", "where = \"coordinator\"");
  if (privacy.noises_sums() && floor.where == "site")
    return refusal("noise of the other sites is not taken on trust", "where = \"site\"",
                   "where = \"sum\"");
  if (privacy.noises_sums() && asked.colluding < floor.colluding)
    return refusal("the noise makes up for too few sites in league with the coordinator",
                   "colluding of at least " + std::to_string(floor.colluding),
                   std::to_string(asked.colluding));
  if (privacy.delta > floor.delta)
    return refusal("delta is too large", "at most " + text_of(floor.delta), text_of(privacy.delta));
  if (!(asked.epsilon <= floor.epsilon))
    return refusal(
        "the run's " + std::string(privacy.epsilon ? "epsilon" : "noise") + " costs too much",
        "epsilon of at most " + text_of(floor.epsilon) + " at delta " + text_of(floor.delta),
        text_of(asked.epsilon));
  return std::nullopt;
}

std::optional<PolicyRefusal> check_network(const PolicyConfig& policy, const Settings& network) {
  const std::string name = network.text("name", "");
  const bool named =
      std::find(policy.models.begin(), policy.models.end(), name) != policy.models.end();
  if (!policy.models.empty() && !named)
    return PolicyRefusal{
        "models",
        "the network '" + name + "' is not among those this site allows: " + join(policy.models)};
  if (name != kGraphNetwork) return std::nullopt;
  if (!named)
    return PolicyRefusal{"models",
                         "a captured network, made of somebody else's operations, is only "
                         "trained where [policy] models names \"graph\""};
  const std::int64_t most = policy.graph.largest_file();
  std::int64_t size = 0;
  try {
    size = network.table("graph").integer("size");
  } catch (const ConfigError& error) {
    return PolicyRefusal{"models", error.what()};
  }
  if (size > most)
    return PolicyRefusal{"graph.parameters", "the network's file is too large: expected at most " +
                                                 std::to_string(most) + " bytes for " +
                                                 std::to_string(policy.graph.parameters) +
                                                 " parameters, found " + std::to_string(size)};
  return std::nullopt;
}

}  // namespace

PolicyCheck make_policy(const PolicyConfig& policy, std::int64_t n_public) {
  // Calibrating takes a while, and every round of a run asks for the same.
  auto known = std::make_shared<std::pair<std::string, AskedPrivacy>>();
  return [policy, n_public, known](const Settings& task) -> std::optional<PolicyRefusal> {
    if (auto refused = check_network(policy, task.table("network"))) return refused;
    if (policy.secure_aggregation == "required" && task.table("secure_aggregation").keys().empty())
      return PolicyRefusal{"secure_aggregation",
                           "this site's updates leave only in sums, and the task asks for the "
                           "update itself"};
    const std::int64_t rounds = task.integer("rounds", 1);
    if (policy.max_rounds && rounds > *policy.max_rounds)
      return PolicyRefusal{"max_rounds", "expected at most " + std::to_string(*policy.max_rounds) +
                                             " rounds, found " + std::to_string(rounds)};
    const std::string tables = task.table("privacy").to_toml() + task.table("training").to_toml() +
                               task.table("secure_aggregation").to_toml() + std::to_string(rounds);
    if (known->first != tables)
      *known = {tables, asked_by(task,
                                 policy.privacy ? std::optional(policy.privacy->delta)
                                                : std::optional<double>(),
                                 n_public)};
    const AskedPrivacy& asked = known->second;
    if (!asked.problem.empty()) return PolicyRefusal{"privacy", asked.problem};
    if (policy.privacy) return check_privacy(*policy.privacy, asked);
    return std::nullopt;
  };
}

}  // namespace collegium
