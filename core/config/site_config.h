#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "collegium/settings.h"
#include "config/plugin_files.h"

namespace collegium {

// The [data] table.
struct DataConfig {
  std::string format = "brats";  // brats: a folder a subject; msd: a dataset.json
  std::filesystem::path path;    // empty: the data set is handed over in memory
  std::string labels;  // brats2018, brats2023, msd; default: brats2018, or msd for that format
  std::vector<std::string> subjects;  // names of the subjects to use; empty: all
  std::string id;                     // of the data set in the ledger; default: the site's name
  std::optional<std::int64_t>
      n_public;  // the count of patients that may be known; required under privacy

  static DataConfig read(const Settings& table, const std::filesystem::path& folder,
                         const std::string& site);
};

// What a data set may spend over its whole life, whatever the coordinator asks for.
struct BudgetConfig {
  std::string unit = "patient";  // of the data set, for its whole life
  // Where the noise of unit "site" may be: at the "site" itself only, in the "sum" too, or added by
  // the "coordinator" too, whose word is taken.
  std::string where = "site";
  std::int64_t colluding = 1;  // in a sum: sites that the noise has to make up for, at the least
  double epsilon = 0;
  double delta = 0;
};

// The [policy.graph] table: what a captured network may ask of this site. It comes from outside and
// is built from plain operations, so its size is somebody else's choice.
struct GraphPolicyConfig {
  std::int64_t parameters = 200'000'000;  // floats in its file: weights and running statistics
  std::int64_t nodes = 20'000;            // operations in one of its programs
  std::int64_t memory = 32'768;           // MiB of tensors that training may hold at a time
  std::vector<std::string> operators;     // refused here, beside those refused everywhere

  static GraphPolicyConfig read(const Settings& table);
  // Bytes of the largest file that could keep within `parameters`: a larger one is not fetched.
  std::int64_t largest_file() const;
};

// The [policy] table: what this hospital insists on.
struct PolicyConfig {
  std::optional<BudgetConfig>
      privacy;  // present: every task must be private, and the ledger holds the budget
  // Networks that may be trained here; empty: any built-in one. A captured one only where "graph"
  // stands here.
  std::vector<std::string> models;
  GraphPolicyConfig graph;
  std::optional<std::int64_t> max_rounds;  // of one run
  // required: no update leaves but under masks, in a sum.
  std::string secure_aggregation = "allowed";
  double release_every = 0;  // seconds: a private result leaves at a multiple of it after its task
  bool pinned_plugins = false;  // a library without a pin under [plugins] is not loaded

  Digest hash{};  // of the table as it was written
  static PolicyConfig read(const Settings& table);
};

// site.toml.
struct SiteConfig {
  std::string name;
  std::string server = "tcp://127.0.0.1:7700";
  std::filesystem::path server_key = "server.public";
  std::filesystem::path secret;           // default: NAME.secret
  std::filesystem::path passphrase_file;  // what opens it; empty: nothing does, or the terminal
  // Folder with NAME.public of every site of the federation: whom secure aggregation is done with.
  std::filesystem::path peers;
  std::filesystem::path state = "site-state";  // folder with site.db and outbox/
  bool insecure = false;
  DataConfig data;
  PolicyConfig policy;
  PluginFiles plugins;
  std::int64_t threads = 1;
  std::string device = "auto";  // auto, cpu, cuda: what this machine allows

  // Paths are taken relative to `folder`. Throws ConfigError with position, expectation and remedy.
  static SiteConfig read(const Settings& settings, const std::filesystem::path& folder = {});
  // The same from a file, which has to say where the data are.
  static SiteConfig load(const std::filesystem::path& file);
};

}  // namespace collegium
