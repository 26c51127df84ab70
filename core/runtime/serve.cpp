#include "runtime/serve.h"

#include <functional>
#include <set>

#include "collegium/error.h"
#include "privacy/noise.h"
#include "runtime/coordinator_setup.h"
#include "runtime/start_model.h"
#include "runtime/store_journal.h"
#include "transport/roster.h"
#include "transport/zmq_coordinator_driver.h"

namespace collegium {

namespace {

// The folder of keys as it is now. A file that cannot be read lets nobody in, and is warned about
// once.
std::function<std::optional<Roster>()> roster_reader(const FederationConfig& config,
                                                     StoreJournal& journal) {
  return [&journal, folder = config.server.site_keys, sites = config.sites,
          told = std::set<std::string>{}]() mutable -> std::optional<Roster> {
    std::vector<std::string> problems;
    Roster roster;
    try {
      roster = Roster::load(folder, &problems).of(sites);
    } catch (const std::exception& error) {  // the folder is gone: so are its keys
      problems.emplace_back(error.what());
    }
    for (const std::string& problem : problems)
      if (told.insert(problem).second)
        journal.log({.level = LogEvent::Level::warning, .site = "", .text = problem});
    return roster;
  };
}

}  // namespace

DriverResult serve(const FederationConfig& given, const RunEvents& events, const StopHandle& stop) {
  FederationConfig config = given;
  config.require_server();
  check_run(config);
  if (config.server.insecure && config.secure_aggregation)
    throw ConfigError({.what = "without keys a site can be anybody, also the coordinator",
                       .where = "[server] insecure",
                       .expected = "false, with [secure_aggregation]",
                       .found = "true",
                       .remedy = "make keys with `collegium keys new NAME`"});
  StartModel start = load_start_model(config);

  CoordinatorDriverOptions options;
  std::string author = "coordinator";
  SigningKey signing = SigningKey::generate();  // for this process, where there is no identity
  options.address = config.server.address;
  options.insecure = config.server.insecure;
  if (options.insecure) {
    for (const std::string& site : config.sites) options.roster.add({.name = site, .key = site});
  } else {
    options.key = KeyPair::load(config.server.secret, config.server.passphrase_file);
    author = options.key->name;
    signing = options.key->signing;
    options.roster = Roster::load(config.server.site_keys).of(config.sites);
    for (const std::string& site : config.sites) {
      if (!options.roster.contains(site))
        throw ConfigError({.what = "there is no public key of site '" + site + "'",
                           .where = config.server.site_keys.string(),
                           .expected = "a file " + site + ".public",
                           .remedy = "ask the site for the file that `collegium keys new " + site +
                                     "` made there"});
    }
  }

  RunStore store = open_run(config, start, false);
  CoordinatorSetup setup = make_setup(config, store, start);
  options.run = setup.options.run;
  options.largest_update = start.values.size() * sizeof(float);
  if (setup.secure) {
    options.largest_update = (start.values.size() + 1) * setup.secure->word_size();
    for (const std::string& site : config.sites)
      setup.options.secure_roster.push_back({site, options.roster.find(site)->signing});
  }
  start.values = {};  // the run has its own copy by now
  options.stop = stop;

  setup.options.signing = signing;
  if (!options.insecure) setup.options.signers = signers_of(options.roster);
  StoreJournal journal(store, start.layout, config.run.keep_checkpoints, events, author, signing,
                       config.server.insecure ? Roster{} : options.roster);
  if (!options.insecure) options.reload = roster_reader(config, journal);
  journal.record(begun_record(setup, config));
  setup.resume.recorded = journal.recorded();
  const auto random = NoiseSource::system().stream(NoisePurpose::central_noise, 0);
  RunWork work({.rules = setup.options.rules,
                .aggregator = setup.aggregator,
                .model = setup.resume.model,
                .central = setup.central,
                .secure = setup.secure,
                .layout = &start.layout,
                .random = random.get(),
                .journal = &journal,
                .on_round = {},
                .on_log = {}});
  const std::uint64_t closed = setup.resume.closed_round;
  Coordinator machine(setup.options, std::move(setup.resume));
  ZmqCoordinatorDriver driver(options, machine, work);
  journal.log(
      {.level = LogEvent::Level::info, .site = "", .text = "listening on " + driver.address()});
  if (closed > 0)
    journal.log({.level = LogEvent::Level::info,
                 .site = "",
                 .text = "going on after round " + std::to_string(closed)});
  return driver.run();
}

}  // namespace collegium
