#include "config/federation_config.h"

#include <algorithm>
#include <limits>
#include <set>

#include "collegium/error.h"
#include "config/check.h"

namespace collegium {
namespace {

constexpr std::int64_t kMaxSites = 10000;
constexpr std::int64_t kMaxRounds = 1'000'000;

void read_cohort(const Settings& table, FederationConfig& config) {
  config.sites = table.texts("sites");
  std::set<std::string> names;
  for (const std::string& site : config.sites) {
    check_name(table, "sites", site);
    if (!names.insert(site).second)
      refuse_value(table, "sites", "names a site twice", "every site once", "'" + site + "'");
  }
  const auto count = static_cast<std::int64_t>(config.sites.size());
  config.cohort_rate = number_above(table, "cohort_rate", config.cohort_rate, 0.0);
  table.number_in("cohort_rate", config.cohort_rate, 0.0, 1.0);
  const bool draws = config.cohort_rate < 1.0;
  config.min_sites = table.integer_in("min_sites", draws ? 1 : count, 1, kMaxSites);
  if (count > 0 && config.min_sites > count) {
    refuse_value(table, "min_sites", "can never be reached",
                 "at most the number of sites, " + std::to_string(count),
                 std::to_string(config.min_sites), "lower min_sites, or add sites");
  }
  const double expected = config.cohort_rate * static_cast<double>(count);
  if (count > 0 && draws && static_cast<double>(config.min_sites) > std::max(expected, 1.0)) {
    refuse_value(table, "min_sites", "is more than a round asks on average",
                 "at most cohort_rate x sites = " + text_of(expected),
                 std::to_string(config.min_sites), "lower min_sites, or raise cohort_rate");
  }
}

void read_federation(const Settings& table, FederationConfig& config) {
  config.name = table.text("name", config.name);
  check_name(table, "name", config.name);
  config.rounds = table.integer_in("rounds", config.rounds, 1, kMaxRounds);
  read_cohort(table, config);
  config.round_deadline = number_above(table, "round_deadline", config.round_deadline, 0.0);
  config.start_wait = table.number_in("start_wait", config.start_wait, 0.0, 86400.0);
  config.deterministic = table.boolean("deterministic", config.deterministic);
  config.seed = static_cast<std::uint64_t>(table.integer_in(
      "seed", static_cast<std::int64_t>(config.seed), 0, std::numeric_limits<std::int64_t>::max()));
  config.evaluate_every = table.integer_in("evaluate_every", config.evaluate_every, 0, kMaxRounds);
  config.disjoint_patients = table.boolean("disjoint_patients", config.disjoint_patients);
}

}  // namespace

ServerConfig ServerConfig::read(const Settings& table, const std::filesystem::path& folder) {
  ServerConfig config;
  config.address = table.text("address", config.address);
  check_address(table, "address", config.address);
  config.secret = resolve(folder, table.text("secret", config.secret.string()));
  config.passphrase_file = resolve(folder, table.text("passphrase_file", ""));
  config.site_keys = resolve(folder, table.text("site_keys", config.site_keys.string()));
  config.insecure = table.boolean("insecure", config.insecure);
  config.staging = table.integer_in("staging", config.staging, 1, 1024);
  if (table.contains("norm_bound")) config.norm_bound = number_above(table, "norm_bound", 0.0, 0.0);
  return config;
}

RunConfig RunConfig::read(const Settings& table, const std::filesystem::path& folder,
                          const std::string& name) {
  RunConfig config;
  config.folder = resolve(folder, table.text("folder", "runs/" + name));
  config.keep_checkpoints =
      table.integer_in("keep_checkpoints", config.keep_checkpoints, 1, kMaxRounds);
  return config;
}

PluginConfig PluginConfig::read(const Settings& table, const std::string& fallback) {
  PluginConfig config{table.text("name", fallback), table};
  if (!config.name.empty() || !table.keys().empty()) check_word(table, "name", config.name);
  return config;
}

FederationConfig FederationConfig::read(const Settings& settings,
                                        const std::filesystem::path& folder) {
  FederationConfig config;
  const Settings training = settings.table("training");
  read_federation(settings.table("federation"), config);
  config.server = ServerConfig::read(settings.table("server"), folder);
  config.run = RunConfig::read(settings.table("run"), folder, config.name);
  config.network = NetworkConfig::read(settings.table("network"));
  config.network.initial = resolve(folder, config.network.initial).string();
  config.network.file = resolve(folder, config.network.file).string();
  config.training = TrainingConfig::read(training);
  if (config.training.loss.name == kGraphNetwork && !config.network.is_graph())
    refuse_value(training.table("loss"), "name", "needs a captured network",
                 "[network] name = \"graph\", whose file holds the loss",
                 "[network] name = \"" + config.network.name + "\"",
                 "name one of the built-in losses");
  config.privacy = PrivacyConfig::read(settings.table("privacy"));
  config.secure_aggregation = SecureAggregationConfig::read(settings.table("secure_aggregation"));
  config.plugins = PluginFiles::read(settings, folder);
  // Known by name, but what stands inside is for the plugins to judge: they are handed out only
  // behind this check.
  settings.contains("aggregator");
  settings.contains("mechanism");
  settings.refuse_unknown();
  config.aggregator = PluginConfig::read(settings.table("aggregator"), "weighted_mean");
  config.mechanism = PluginConfig::read(settings.table("mechanism"), "");
  check_volumes(training, config.training, config.network);
  return config;
}

FederationConfig FederationConfig::load(const std::filesystem::path& file) {
  return read(Settings::load(file.string()), file.parent_path());
}

void FederationConfig::require_server() const {
  if (sites.empty()) {
    throw ConfigError({.what = "a server must know who may take part",
                       .where = "[federation] sites",
                       .expected = "the names of the sites",
                       .found = "none",
                       .remedy = "add sites = [\"...\"]; each needs a file NAME.public in " +
                                 server.site_keys.string()});
  }
  if (network.initial.empty() && !network.is_graph()) {
    throw ConfigError(
        {.what = "a server needs the model of the start as a file: it builds no networks itself",
         .where = "[network] initial",
         .expected = "a safetensors file",
         .found = "none",
         .remedy = "make one with `collegium init` or `collegium-site --init`, and name it here"});
  }
}

std::string FederationConfig::canonical() const {
  Settings federation;
  federation.set("name", name);
  federation.set("rounds", rounds);
  federation.set("seed", static_cast<std::int64_t>(seed));
  federation.set("deterministic", deterministic);
  federation.set("cohort_rate", cohort_rate);
  federation.set("evaluate_every", evaluate_every);
  federation.set("disjoint_patients", disjoint_patients);
  Settings all;
  all.set("federation", federation);
  all.set("network", network.to_settings());
  all.set("training", training.to_settings());
  if (privacy) all.set("privacy", privacy->to_settings());
  if (secure_aggregation) all.set("secure_aggregation", secure_aggregation->to_settings());
  Settings aggregation = aggregator.settings;
  aggregation.set("name", aggregator.name);
  all.set("aggregator", aggregation);
  if (!mechanism.name.empty()) all.set("mechanism", mechanism.settings);
  return all.to_toml();
}

}  // namespace collegium
