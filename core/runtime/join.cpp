#include "runtime/join.h"

#include "collegium/error.h"
#include "collegium/version.h"
#include "config/network_config.h"
#include "federation/site.h"
#include "model/safetensors.h"
#include "plugin/registry.h"
#include "privacy/noise.h"
#include "runtime/configured_plugins.h"
#include "runtime/ledger_vault.h"
#include "runtime/network_shelf.h"
#include "runtime/site_policy.h"
#include "runtime/start_model.h"
#include "transport/float_bytes.h"
#include "transport/roster.h"
#include "transport/zmq_site_driver.h"

namespace collegium {
namespace {

SiteDriverOptions driver_options(const SiteConfig& config, const StopHandle& stop) {
  SiteDriverOptions options{
      .address = config.server, .insecure = config.insecure, .name = config.name, .stop = stop};
  if (config.insecure) return options;
  options.key = KeyPair::load(config.secret, config.passphrase_file);
  if (options.key->name != config.name)
    throw ConfigError(
        {.what = "the key belongs to somebody else",
         .where = config.secret.string(),
         .expected = "the key of '" + config.name + "'",
         .found = "the key of '" + options.key->name + "'",
         .remedy = "name this site's own key in [site] secret, or correct [site] name"});
  options.server_key = PublicKey::load(config.server_key);
  return options;
}

// Empty: this site has pinned nobody.
std::optional<SecureIdentity> secure_identity(const SiteConfig& config, const SigningKey& signing) {
  if (config.insecure || config.peers.empty()) return std::nullopt;
  SecureIdentity identity{signing, {}};
  const Roster pinned = Roster::load(config.peers);
  for (const auto& [name, keys] : pinned.sites())
    identity.peers.push_back({name, keys.front().signing});
  return identity;
}

// The event of a site is shown by the same watcher as a coordinator's: with the site's name on it.
LogEvent named(LogEvent event, const std::string& site) {
  if (event.site.empty()) event.site = site;
  return event;
}

}  // namespace

DriverResult join(const SiteConfig& config, const TrainerFactory& make_trainer,
                  const RunEvents& events, const StopHandle& stop) {
  load_configured_plugins(config.plugins, config.policy.pinned_plugins);

  const SiteDriverOptions line = driver_options(config, stop);
  // For this process alone where there is no identity.
  const SigningKey signing = line.key ? line.key->signing : SigningKey::generate();
  LedgerVault vault(config.state, {.dataset = config.data.id.empty() ? config.name : config.data.id,
                                   .budget = config.policy.privacy,
                                   .n_public = config.data.n_public.value_or(0),
                                   .site = config.name,
                                   .signing = signing});
  const auto random = NoiseSource::system().stream(NoisePurpose::mechanism, 0);
  std::shared_ptr<Trainer> trainer;
  TrainerWork::Options options;
  options.site = config.name;
  std::map<std::string, std::string> stamps;  // of the run's model
  const NetworkShelf shelf(config.state / "networks");
  options.find_network = [&](const BlobId& id) { return shelf.find(id); };
  options.keep_network = [&](const BlobId& id, const Bytes& file) { shelf.keep(id, file); };
  options.prepare = [&](const at_site::Prepare& run) {
    trainer = make_trainer(run);
    stamps = network_stamps(run.network, run.file);
    stamps["collegium.run"] = run.run;
    return trainer;
  };
  options.mechanism = [](const Settings& table) {
    return registry().make_mechanism(table.text("name"), table);
  };
  options.random = random.get();
  options.secure = secure_identity(config, signing);
  options.n_public = config.data.n_public.value_or(0);
  options.vault = &vault;
  options.keep_final_model = [&](const Bytes& model) {
    if (!trainer) return;  // it came when the run had ended: nobody told it what the values mean
    const Floats values(model);
    save_safetensors(config.state / "model.safetensors", trainer->layout(), values.values(),
                     stamps);
  };
  options.on_log = [&](const LogEvent& event) {
    if (events.on_log) events.on_log(named(event, config.name));
  };
  options.on_progress = [&](const TrainTask& task, std::int64_t step, std::int64_t steps) {
    if (events.on_progress) events.on_progress(config.name, task.round, step, steps);
  };
  TrainerWork work(std::move(options));

  Site machine(
      {.name = config.name,
       .software = "collegium " COLLEGIUM_VERSION,
       .policy = make_policy(config.policy, config.data.n_public.value_or(0)),
       .policy_hash = to_hex(config.policy.hash),
       .signing = signing,
       .coordinator = line.server_key ? std::optional(line.server_key->signing) : std::nullopt,
       .release_every = config.policy.release_every},
      vault.stored());
  ZmqSiteDriver driver(line, machine, work);
  return driver.run();
}

}  // namespace collegium
