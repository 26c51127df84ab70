#include "runtime/simulate.h"

#include <set>

#include "collegium/error.h"
#include "collegium/version.h"
#include "federation/bodies.h"
#include "plugin/registry.h"
#include "privacy/noise.h"
#include "runtime/coordinator_setup.h"
#include "runtime/ledger_vault.h"
#include "runtime/privacy_rules.h"
#include "runtime/store_journal.h"
#include "transport/in_process_driver.h"

namespace collegium {
namespace {

// Everything one simulated site consists of; nothing in it moves once it is made.
struct Hospital {
  std::unique_ptr<LedgerVault> vault;
  std::unique_ptr<SecureRandom> random;
  std::unique_ptr<TrainerWork> work;
  std::unique_ptr<Site> machine;

  Hospital(const SimulatedSite& site, std::uint64_t number, const SigningKey& key,
           const CoordinatorOptions& coordinator, std::optional<SecureIdentity> identity,
           const std::filesystem::path& folder, const RunEvents& events) {
    const bool charged =
        !coordinator.privacy.keys().empty() || !coordinator.mechanism.keys().empty();
    TrainerWork::Options options;
    options.site = site.name;
    if (charged) {
      vault = std::make_unique<LedgerVault>(
          site.ledger.empty() ? folder / "sites" / site.name : site.ledger,
          LedgerVault::Options{.dataset = site.dataset.empty() ? site.name : site.dataset,
                               .n_public = site.n_public,
                               .simulation = true,
                               .site = site.name,
                               .signing = key});
      options.vault = vault.get();
      options.n_public = site.n_public;
    }
    if (charged || identity) random = NoiseSource::system().stream(NoisePurpose::mechanism, number);
    options.random = random.get();
    options.secure = std::move(identity);
    options.mechanism = [](const Settings& table) {
      return registry().make_mechanism(table.text("name"), table);
    };
    options.on_log = [name = site.name, &events](const LogEvent& event) {
      if (events.on_log && event.level != LogEvent::Level::info)
        events.on_log({event.level, name, event.text});
    };
    options.on_progress = [name = site.name, &events](const TrainTask& task, std::int64_t step,
                                                      std::int64_t steps) {
      if (events.on_progress) events.on_progress(name, task.round, step, steps);
    };
    work = std::make_unique<TrainerWork>(std::move(options), site.trainer,
                                         at_site::Prepare{.run = run_text(coordinator.run),
                                                          .rounds = coordinator.rounds,
                                                          .network = coordinator.network,
                                                          .training = coordinator.training,
                                                          .privacy = coordinator.privacy,
                                                          .mechanism = coordinator.mechanism});
    machine = std::make_unique<Site>(SiteOptions{.name = site.name,
                                                 .software = "collegium " COLLEGIUM_VERSION,
                                                 .layout = site.trainer->layout().hash(),
                                                 .policy = {},
                                                 .signing = key,
                                                 .coordinator = coordinator.signing->verify_key()});
  }
};

// The [privacy] table must be one that every site can keep.
void check_counts(const FederationConfig& config, const std::vector<SimulatedSite>& sites) {
  if (!config.privacy) return;
  std::set<std::int64_t> checked;
  for (const SimulatedSite& site : sites)
    if (checked.insert(site.n_public).second)
      cost_of_run(config.training, *config.privacy, site.n_public, config.rounds);
}

}  // namespace

DriverResult simulate(const FederationConfig& config, const std::vector<SimulatedSite>& sites,
                      const StartModel& start, std::size_t threads, const RunEvents& events,
                      const StopHandle& stop) {
  if (sites.empty()) throw ConfigError({.what = "a simulation needs at least one site"});
  check_run(config);
  check_counts(config, sites);
  const Layout& layout = start.layout;
  RunStore store = open_run(config, start, true);
  CoordinatorSetup setup = make_setup(config, store, start);

  // Identities for this process: the statements are signed and checked as between hospitals.
  std::vector<SigningKey> keys;
  for (const SimulatedSite& site : sites)
    setup.options.signers[site.name] = {keys.emplace_back(SigningKey::generate()).verify_key()};
  const SigningKey signing = SigningKey::generate();
  setup.options.signing = signing;
  StoreJournal journal(store, layout, config.run.keep_checkpoints, events, "coordinator", signing);
  journal.record(begun_record(setup, config));
  setup.resume.recorded = journal.recorded();
  const auto random = NoiseSource::system().stream(NoisePurpose::central_noise, 0);
  RunWork work({.rules = setup.options.rules,
                .aggregator = setup.aggregator,
                .model = setup.resume.model,
                .central = setup.central,
                .secure = setup.secure,
                .layout = &layout,
                .random = random.get(),
                .journal = &journal,
                .on_round = {},
                .on_log = {}});
  if (setup.secure)
    for (const std::string& name : setup.options.sites)
      setup.options.secure_roster.push_back({name, setup.options.signers.at(name).front()});
  Coordinator machine(setup.options, setup.resume);
  std::vector<std::unique_ptr<Hospital>> hospitals;
  std::vector<InProcessSite> members;
  for (const SimulatedSite& site : sites) {
    const std::size_t number = hospitals.size();
    std::optional<SecureIdentity> identity;
    if (setup.secure) identity = SecureIdentity{keys[number], setup.options.secure_roster};
    hospitals.push_back(std::make_unique<Hospital>(site, number, keys[number], setup.options,
                                                   std::move(identity), config.run.folder, events));
    members.push_back({.name = site.name,
                       .machine = hospitals.back()->machine.get(),
                       .work = hospitals.back()->work.get()});
  }
  InProcessDriver driver({.threads = threads, .stop = stop}, machine, work, std::move(members));
  return driver.run();
}

}  // namespace collegium
