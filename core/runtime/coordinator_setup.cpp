#include "runtime/coordinator_setup.h"

#include <filesystem>
#include <random>

#include "base/hash.h"
#include "collegium/error.h"
#include "federation/bodies.h"
#include "plugin/registry.h"
#include "runtime/cohort_draw.h"
#include "runtime/configured_plugins.h"
#include "runtime/privacy_rules.h"
#include "runtime/secure_rules.h"
#include "runtime/store_journal.h"
#include "transport/float_bytes.h"

namespace collegium {
namespace {

RunId new_run_id() {
  RunId id;
  std::random_device device;  // a name, not a secret
  for (auto& byte : id) byte = static_cast<std::uint8_t>(device());
  return id;
}

RunInfo info_of(const FederationConfig& config, const Layout& layout, bool simulation,
                const RunId& id) {
  return {.run = run_text(id),
          .name = config.name,
          .config = config.canonical(),
          .layout = layout.hash(),
          .simulation = simulation};
}

SharedBlob blob_of(std::vector<float> values) {
  return std::make_shared<const Blob>(Blob::of(bytes_of(std::move(values))));
}

// What every model of this run is to say about its network, and the network itself.
RunStore furnished(RunStore store, const FederationConfig& config, const StartModel& start) {
  const Bytes file = start.network_file ? start.network_file->bytes : Bytes{};
  store.stamp(network_stamps(config.network.to_settings(), file));
  if (!file.empty()) store.keep_network(file.view);
  return store;
}

}  // namespace

void check_run(const FederationConfig& config) {
  load_configured_plugins(config.plugins);
  registry().make_aggregator(config.aggregator.name, config.aggregator.settings);
  check_privacy(config);
  check_secure_aggregation(config);
  if (!config.mechanism.name.empty())
    registry().make_mechanism(config.mechanism.name, config.mechanism.settings);
}

RunStore open_run(const FederationConfig& config, const StartModel& start, bool simulation) {
  const std::filesystem::path& folder = config.run.folder;
  const Layout& layout = start.layout;
  if (!RunStore::begun(folder))
    return furnished(RunStore::create(folder, info_of(config, layout, simulation, new_run_id())),
                     config, start);
  RunStore store = RunStore::open(folder);
  const auto refuse = [&](std::string what, std::string remedy) {
    throw ConfigError(
        {.what = std::move(what), .where = folder.string(), .remedy = std::move(remedy)});
  };
  if (store.info().simulation != simulation)
    refuse(simulation ? "the folder holds a run with real sites" : "the folder holds a simulation",
           "choose another [run] folder");
  if (store.state() == "finished")
    refuse("the run in this folder has finished", "choose another [run] folder");
  if (store.info().config != config.canonical())
    refuse("the folder holds a run with another configuration",
           "choose another [run] folder, or put back the settings the run was started with");
  if (store.info().layout != layout.hash())
    refuse("the initial model does not fit the run in this folder",
           "put back the file that the run was started with");
  if (store.state() != "running") store.reopen();
  return furnished(std::move(store), config, start);
}

CoordinatorSetup make_setup(const FederationConfig& config, const RunStore& store,
                            const StartModel& start) {
  const Layout& layout = start.layout;
  CoordinatorSetup setup;
  CoordinatorOptions& options = setup.options;
  options.run = run_id_of(store.info().run);
  options.name = config.name;
  options.sites = config.sites;
  options.min_sites = static_cast<std::size_t>(
      config.min_sites > 0 ? config.min_sites : std::int64_t(config.sites.size()));
  options.rounds = static_cast<std::uint64_t>(config.rounds);
  options.evaluate_every = static_cast<std::uint64_t>(config.privacy ? config.privacy->metrics_every
                                                                     : config.evaluate_every);
  options.seed = config.seed;
  options.round_deadline = config.round_deadline;
  options.start_wait = config.start_wait;
  options.deterministic = config.deterministic;
  options.staging = static_cast<std::size_t>(config.server.staging);
  options.layout = layout.hash();
  options.rules = {.layout_size = layout.size(),
                   .norm_bound = largest_norm(config),
                   .weight_is_iterations = config.training.weighting == "iterations"};
  if (config.training.local_steps > 0) options.rules.steps_asked = config.training.local_steps;
  options.network = config.network.to_settings();
  options.network_file = start.network_file;
  options.training = config.training.to_settings();
  if (config.privacy) options.privacy = config.privacy->to_settings();
  setup.central = central_plan(config);
  if (config.secure_aggregation) {
    const SecureTerms terms = secure_terms(config);
    options.secure_aggregation = terms.write();
    options.secure_step = config.secure_aggregation->step_deadline;
    setup.secure = terms.code();
  }
  options.charges_rounds = setup.central.has_value();
  options.draw_cohort = cohort_draw(config);
  if (!config.mechanism.name.empty()) {
    options.mechanism = config.mechanism.settings;
    options.mechanism.set("name", config.mechanism.name);
  }

  setup.resume.ledgers = store.ledgers();
  if (const auto closed = store.last_closed()) {
    setup.resume.closed_round = closed->round;
    setup.resume.model = blob_of(store.load_checkpoint(closed->model, layout));
    for (const ContributionRow& row : store.contributions(closed->round))
      setup.resume.last.push_back(contribution_of(row));
  } else {
    setup.resume.model = blob_of(start.values);
  }
  setup.aggregator = [name = config.aggregator.name, settings = aggregator_settings(config)] {
    return registry().make_aggregator(name, settings);
  };
  return setup;
}

Record begun_record(const CoordinatorSetup& setup, const FederationConfig& config) {
  const CoordinatorOptions& options = setup.options;
  const Instructions asked{options.network, options.training, options.privacy, options.mechanism};
  const auto file = network_file_of(options.network);
  std::string sites;  // a line each, with a key that must have signed its results
  for (const std::string& site : options.sites) {
    const auto keys = options.signers.find(site);
    if (keys == options.signers.end())
      sites += site + "\n";
    else
      for (const VerifyKey& key : keys->second) sites += site + " " + to_hex(key) + "\n";
  }
  return {"begun",
          {{"run", run_text(options.run)},
           {"name", options.name},
           {"configuration", to_hex(hash_text(config.canonical()))},
           {"settings", to_hex(asked.hash())},
           {"network", file ? to_hex(file->digest) : ""},
           {"layout", options.layout},
           {"model", to_hex(setup.resume.model->id.digest)},
           {"after", std::to_string(setup.resume.closed_round)},
           {"rounds", std::to_string(options.rounds)},
           {"sites", sites}}};
}

}  // namespace collegium
