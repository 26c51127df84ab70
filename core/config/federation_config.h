#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "collegium/settings.h"
#include "config/network_config.h"
#include "config/plugin_files.h"
#include "config/privacy_config.h"
#include "config/secure_aggregation_config.h"
#include "config/training_config.h"

namespace collegium {

// The [server] table: where the coordinator listens and whom it lets in.
struct ServerConfig {
  std::string address = "tcp://127.0.0.1:7700";
  std::filesystem::path secret = "server.secret";
  std::filesystem::path passphrase_file;      // what opens it; empty: nothing does, or the terminal
  std::filesystem::path site_keys = "sites";  // folder with one NAME.public for each site
  bool insecure = false;  // no encryption, no identity: for tests on one machine
  std::int64_t staging =
      1;  // updates pulled at a time; each costs the coordinator a model of memory
  std::optional<double> norm_bound;  // largest L2 norm of an update that is accepted

  static ServerConfig read(const Settings& table, const std::filesystem::path& folder);
  bool operator==(const ServerConfig&) const = default;
};

// The [run] table: where a run lives.
struct RunConfig {
  std::filesystem::path folder;       // default: runs/<name of the federation>
  std::int64_t keep_checkpoints = 2;  // the newest ones; the first and the final model always stay

  static RunConfig read(const Settings& table, const std::filesystem::path& folder,
                        const std::string& name);
  bool operator==(const RunConfig&) const = default;
};

// A plugin by name with the settings it reads itself. An empty name: none.
struct PluginConfig {
  std::string name;
  Settings settings;  // the whole table, `name` included; the plugin reads the rest and refuses
                      // what it does not know

  static PluginConfig read(const Settings& table, const std::string& fallback);
};

// federation.toml, as the coordinator and simulations read it.
struct FederationConfig {
  std::string name = "federation";
  std::int64_t rounds = 20;
  std::vector<std::string>
      sites;  // who may take part, in cohort order; a simulation may leave it to its data sets
  std::int64_t min_sites =
      0;  // a round with fewer accepted updates is repeated; 0 only while `sites` is empty
  double cohort_rate = 1.0;      // each round asks each site with this probability
  double round_deadline = 3600;  // seconds from the task to the last update
  double start_wait = 30;     // seconds the first round waits for the rest once min_sites are there
  bool deterministic = true;  // combine updates in cohort order
  std::uint64_t seed = 1;
  std::int64_t evaluate_every = 1;  // rounds; 0: never
  bool disjoint_patients = false;   // attested: no patient has records at two sites
  ServerConfig server;
  RunConfig run;
  NetworkConfig network;
  TrainingConfig training;
  std::optional<PrivacyConfig> privacy;
  std::optional<SecureAggregationConfig> secure_aggregation;
  PluginConfig aggregator;
  PluginConfig mechanism;  // at the sites, before sending
  PluginFiles plugins;

  // Paths are taken relative to `folder`. Throws ConfigError with position, expectation and remedy.
  static FederationConfig read(const Settings& settings, const std::filesystem::path& folder = {});
  // The same from a file; relative paths are relative to the file's folder.
  static FederationConfig load(const std::filesystem::path& file);

  // What a server needs beyond a simulation: sites, an initial model, an encrypted address unless
  // told otherwise.
  void require_server() const;

  // What sites are told and what the run's identity rests on: rounds, seed, network, training,
  // privacy, secure aggregation, aggregator and mechanism, every value stated. Equal federations
  // give equal bytes; paths, addresses and the roster are left out.
  std::string canonical() const;
};

}  // namespace collegium
