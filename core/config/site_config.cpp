#include "config/site_config.h"

#include "config/check.h"

namespace collegium {
namespace {

constexpr std::int64_t kMany = 10'000'000'000;

}  // namespace

DataConfig DataConfig::read(const Settings& table, const std::filesystem::path& folder,
                            const std::string& site) {
  DataConfig config;
  config.format = table.one_of("format", config.format, {"brats", "msd"});
  config.path = resolve(folder, table.text("path", ""));
  config.labels = table.one_of("labels", config.format == "msd" ? "msd" : "brats2018",
                               {"brats2018", "brats2023", "msd"});
  config.subjects = table.texts("subjects");
  config.id = table.text("id", site);
  check_name(table, "id", config.id);
  if (table.contains("n_public"))
    config.n_public = table.integer_in("n_public", 1, 1, 1'000'000'000);
  return config;
}

GraphPolicyConfig GraphPolicyConfig::read(const Settings& table) {
  GraphPolicyConfig limits;
  limits.parameters = table.integer_in("parameters", limits.parameters, 1, kMany);
  limits.nodes = table.integer_in("nodes", limits.nodes, 1, kMany);
  limits.memory = table.integer_in("memory", limits.memory, 1, kMany);
  limits.operators = table.texts("operators");
  return limits;
}

std::int64_t GraphPolicyConfig::largest_file() const {
  constexpr std::int64_t kHeader = 16 * 1024 * 1024 + 8;  // of a safetensors file, with the graph
  return parameters * static_cast<std::int64_t>(sizeof(float)) + kHeader;
}

PolicyConfig PolicyConfig::read(const Settings& table) {
  PolicyConfig config;
  if (table.contains("privacy")) {
    const Settings privacy = table.table("privacy");
    BudgetConfig budget;
    budget.unit = privacy.one_of("unit", budget.unit, {"patient", "site"});
    budget.where = privacy.one_of("where", budget.where, {"site", "sum", "coordinator"});
    budget.colluding = privacy.integer_in("colluding", budget.colluding, 0, 1'000'000);
    privacy.number("epsilon");  // both are refused when they are missing: a budget has no default
    privacy.number("delta");
    budget.epsilon = number_above(privacy, "epsilon", 0.0, 0.0);
    budget.delta = number_between(privacy, "delta", 0.0, 0.0, 1.0);
    config.privacy = budget;
  }
  config.hash = hash_text(table.to_toml());
  config.models = table.texts("models");
  for (const std::string& model : config.models) check_word(table, "models", model);
  config.graph = GraphPolicyConfig::read(table.table("graph"));
  if (table.contains("max_rounds"))
    config.max_rounds = table.integer_in("max_rounds", 1, 1, 1'000'000);
  config.secure_aggregation =
      table.one_of("secure_aggregation", config.secure_aggregation, {"allowed", "required"});
  config.release_every = table.number_in("release_every", config.release_every, 0.0, 86400.0);
  config.pinned_plugins = table.boolean("pinned_plugins", config.pinned_plugins);
  return config;
}

SiteConfig SiteConfig::read(const Settings& settings, const std::filesystem::path& folder) {
  SiteConfig config;
  const Settings site = settings.table("site");
  config.name = site.text("name");
  check_name(site, "name", config.name);
  config.server = site.text("server", config.server);
  check_address(site, "server", config.server);
  config.server_key = resolve(folder, site.text("server_key", config.server_key.string()));
  config.secret = resolve(folder, site.text("secret", config.name + ".secret"));
  config.passphrase_file = resolve(folder, site.text("passphrase_file", ""));
  config.peers = resolve(folder, site.text("peers", config.peers.string()));
  config.state = resolve(folder, site.text("state", config.state.string()));
  config.insecure = site.boolean("insecure", config.insecure);
  const Settings data = settings.table("data");
  config.data = DataConfig::read(data, folder, config.name);
  config.policy = PolicyConfig::read(settings.table("policy"));
  config.plugins = PluginFiles::read(settings, folder);
  const Settings resources = settings.table("resources");
  config.threads = resources.integer_in("threads", config.threads, 1, 1024);
  config.device = resources.one_of("device", config.device, {"auto", "cpu", "cuda"});
  settings.refuse_unknown();
  if (config.policy.secure_aggregation == "required" && config.peers.empty())
    refuse_value(site, "peers", "is missing, and [policy] requires secure aggregation",
                 "a folder with NAME.public of every site of the federation", "nothing",
                 "collect the files from the other hospitals, not from the coordinator");
  if (config.policy.privacy && !config.data.n_public) {
    refuse_value(data, "n_public", "is missing", "a count of patients that may be known", "nothing",
                 "state it, rounded down: under [policy] privacy nothing may be derived from the "
                 "true count");
  }
  return config;
}

SiteConfig SiteConfig::load(const std::filesystem::path& file) {
  const Settings settings = Settings::load(file.string());
  SiteConfig config = read(settings, file.parent_path());
  if (config.data.path.empty())
    refuse_value(settings.table("data"), "path", "is missing",
                 "the folder of the subjects, or a dataset.json", "nothing",
                 "add path = \"...\" to [data]");
  return config;
}

}  // namespace collegium
