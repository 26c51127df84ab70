#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/signature.h"
#include "bindings.h"
#include "collegium/error.h"
#include "config/federation_config.h"
#include "config/site_config.h"
#include "model/safetensors.h"
#include "networks.h"
#include "runtime/coordinator_setup.h"
#include "runtime/join.h"
#include "runtime/serve.h"
#include "runtime/simulate.h"
#include "store/run_store.h"
#include "torch/network/network.h"
#include "torch/training/built_network.h"
#include "torch/training/site_trainer.h"
#include "torch/training/torch_trainer.h"
#include "transport/keys.h"

namespace collegium::python {
namespace {

py::object or_none(const std::optional<double>& value) {
  return value ? py::object(py::float_(*value)) : py::none();
}

py::dict metrics_of(const std::vector<Metric>& metrics) {
  py::dict named;
  for (const Metric& metric : metrics) named[py::str(metric.name)] = metric.value;
  return named;
}

py::dict event_of(const RoundRecord& record, std::int64_t rounds, bool is_private) {
  py::list contributions;
  for (const Contribution& contribution : record.contributions) {
    py::dict one;
    one["site"] = contribution.site;
    one["state"] = std::string(name_of(contribution.state));
    one["reason"] = contribution.reason;
    one["weight"] = contribution.weight;
    one["steps"] = contribution.steps;
    one["loss"] = or_none(contribution.loss);
    one["epsilon"] = or_none(contribution.epsilon);
    one["delta"] = or_none(contribution.delta);
    one["metrics"] = metrics_of(contribution.metrics);
    contributions.append(one);
  }
  py::dict event;
  event["kind"] = "round";
  event["round"] = record.round;
  event["rounds"] = rounds;
  event["closed"] = record.closed;
  event["private"] = is_private;
  event["reason"] = record.reason;
  event["seconds"] = record.ended - record.opened;
  event["bytes_in"] = record.bytes_in;
  event["bytes_out"] = record.bytes_out;
  event["contributions"] = contributions;
  return event;
}

// Hands the run's events to a Python callable, with the GIL held only for the call.
RunEvents events_to(const py::object& callable, std::int64_t rounds, bool is_private) {
  auto target = std::static_pointer_cast<const py::object>(keep(callable));
  RunEvents events;
  events.on_begin = [=] {
    py::gil_scoped_acquire gil;
    py::dict event;
    event["kind"] = "begun";
    (*target)(event);
  };
  events.on_round = [=](const RoundRecord& record) {
    py::gil_scoped_acquire gil;
    (*target)(event_of(record, rounds, is_private));
  };
  events.on_metrics = [=](std::uint64_t round, const std::string& site,
                          const std::vector<Metric>& metrics) {
    py::gil_scoped_acquire gil;
    py::dict event;
    event["kind"] = "metrics";
    event["round"] = round;
    event["site"] = site;
    event["metrics"] = metrics_of(metrics);
    (*target)(event);
  };
  events.on_progress = [=](const std::string& site, std::uint64_t round, std::int64_t step,
                           std::int64_t steps) {
    py::gil_scoped_acquire gil;
    py::dict event;
    event["kind"] = "progress";
    event["site"] = site;
    event["round"] = round;
    event["step"] = step;
    event["steps"] = steps;
    (*target)(event);
  };
  events.on_log = [=](const LogEvent& log) {
    py::gil_scoped_acquire gil;
    py::dict event;
    event["kind"] = "log";
    event["level"] = std::string(name_of(log.level));
    event["site"] = log.site;
    event["text"] = log.text;
    (*target)(event);
  };
  return events;
}

// A run that did not end as wanted is an exception: nobody has to look at a return code.
void require_end(const DriverResult& result) {
  if (result.outcome == Outcome::finished || result.outcome == Outcome::stopped) return;
  throw Error({.what = "the run " + std::string(name_of(result.outcome)) + ": " + result.reason});
}

// `initial` is the network whose weights the run starts from; none for a captured one, whose file
// holds them.
void simulate_run(const py::dict& config, const py::dict& data,
                  const std::shared_ptr<PyNetwork>& initial, const py::dict& ledgers,
                  std::size_t threads, const py::object& on_event, const StopHandle& stop) {
  FederationConfig federation = FederationConfig::read(settings_from(config, "federation"));
  StartModel start;
  if (federation.network.is_graph()) start = load_start_model(federation);
  const Bytes file = start.network_file ? start.network_file->bytes : Bytes{};
  const BuiltNetwork built =
      build_network(federation.network, file.view, {}, federation.network.file);
  if (!federation.network.is_graph()) start.layout = built.layout;
  if (initial) start.values = {initial->values->begin(), initial->values->end()};
  std::vector<SimulatedSite> sites;
  for (const std::string& name : federation.sites) {
    auto dataset = data[py::str(name)].cast<std::shared_ptr<Dataset>>();
    const auto n_public =
        static_cast<std::int64_t>(dataset->subjects());  // a simulation's counts are public
    Resources resources;
    resources.n_public = n_public;
    sites.push_back({name,
                     std::make_shared<TorchTrainer>(built.network, built.layout, dataset,
                                                    std::move(resources), built.loss),
                     n_public});
    if (const py::str key(name); ledgers.contains(key)) {
      const auto [folder, id] = ledgers[key].cast<std::pair<std::string, std::string>>();
      sites.back().ledger = folder;
      sites.back().dataset = id;
    }
  }
  const RunEvents events = events_to(on_event, federation.rounds, federation.privacy.has_value());
  py::gil_scoped_release unlocked;
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  require_end(simulate(federation, sites, start, threads, events, stop));
}

void serve_run(const py::dict& config, const py::object& on_event, const StopHandle& stop) {
  const FederationConfig federation = FederationConfig::read(settings_from(config, "federation"));
  const RunEvents events = events_to(on_event, federation.rounds, federation.privacy.has_value());
  py::gil_scoped_release unlocked;
  require_end(serve(federation, events, stop));
}

void join_run(const py::dict& config, const std::shared_ptr<Dataset>& data,
              const py::object& on_event, const StopHandle& stop) {
  const SiteConfig site = SiteConfig::read(settings_from(config, "site"));
  const RunEvents events = events_to(on_event, 0, false);
  py::gil_scoped_release unlocked;
  const std::shared_ptr<const Dataset> dataset =
      data ? std::shared_ptr<const Dataset>(data) : open_data(site.data);
  const TrainerFactory make_trainer = [&](const at_site::Prepare& run) {
    return make_site_trainer(site, dataset, run);
  };
  require_end(join(site, make_trainer, events, stop));
}

// The checks of a configuration without running it; sites may still be unknown. Whether privacy can
// be kept is for the aggregator to say, so its plugin is loaded then.
void check_federation(const py::dict& config) {
  const FederationConfig federation = FederationConfig::read(settings_from(config, "federation"));
  if (federation.privacy) check_run(federation);
}

// Relative paths start at the file's folder, which nobody knows any more later.
void resolve_plugins(py::dict& tables, const PluginFiles& plugins) {
  py::list paths;
  for (const auto& path : plugins.paths) paths.append(path.string());
  if (!paths.empty()) tables["plugins"]["paths"] = paths;
}

py::dict table_of(py::dict& tables, const char* name) {
  if (!tables.contains(name)) tables[name] = py::dict();
  return tables[name].cast<py::dict>();
}

// The file's own tables, with what people are shown and the paths that the core resolved.
py::dict load_federation(const std::string& path) {
  const FederationConfig config = FederationConfig::load(path);
  py::dict tables = dict_from(Settings::load(path));
  py::dict federation = table_of(tables, "federation");
  federation["name"] = config.name;
  federation["rounds"] = config.rounds;
  py::dict server = table_of(tables, "server");
  server["address"] = config.server.address;
  server["secret"] = config.server.secret.string();
  if (!config.server.passphrase_file.empty())
    server["passphrase_file"] = config.server.passphrase_file.string();
  server["site_keys"] = config.server.site_keys.string();
  table_of(tables, "run")["folder"] = config.run.folder.string();
  py::dict network = table_of(tables, "network");
  network["name"] = config.network.name;
  if (!config.network.initial.empty()) network["initial"] = config.network.initial;
  if (!config.network.file.empty()) network["file"] = config.network.file;
  table_of(tables, "aggregator")["name"] = config.aggregator.name;
  resolve_plugins(tables, config.plugins);
  return tables;
}

py::dict load_site(const std::string& path) {
  const SiteConfig config = SiteConfig::load(path);
  py::dict tables = dict_from(Settings::load(path));
  tables["site"]["server_key"] = config.server_key.string();
  tables["site"]["secret"] = config.secret.string();
  if (!config.passphrase_file.empty())
    tables["site"]["passphrase_file"] = config.passphrase_file.string();
  tables["site"]["state"] = config.state.string();
  if (tables.contains("data")) tables["data"]["path"] = config.data.path.string();
  resolve_plugins(tables, config.plugins);
  return tables;
}

// A line in the log of a run that has ended.
void add_to_log(const std::string& folder, const std::string& text) {
  const EventRow row{.at = std::chrono::system_clock::now(), .level = "info", .text = text};
  RunStore::open(folder).events({&row, 1});
}

void write_initial(const py::dict& config, const PyNetwork& network, const std::string& path) {
  const FederationConfig federation = FederationConfig::read(settings_from(config, "federation"));
  const Layout layout = layout_of(*network.network, federation.network.trainable);
  save_safetensors(path, layout, network.weights());
}

py::tuple new_keys(const std::string& name, const std::string& folder,
                   const std::optional<std::string>& passphrase, const std::string& expires) {
  const auto chosen = passphrase ? std::optional<Passphrase>(*passphrase) : std::nullopt;
  KeyPair::generate(name).save(folder,
                               {.expires = expires, .passphrase = chosen ? &*chosen : nullptr});
  const auto file = std::filesystem::path(folder) / name;
  return py::make_tuple(file.string() + ".secret", file.string() + ".public");
}

std::string sign_with(const std::string& secret, const std::string& text,
                      const std::string& passphrase_file) {
  return to_hex(sign_text(KeyPair::load(secret, passphrase_file).signing, text));
}

// False also for what is no key or no signature.
bool signature_holds(const std::string& key, const std::string& text,
                     const std::string& signature) {
  VerifyKey verify_key;
  Signature bytes;
  return from_hex(key, verify_key) && from_hex(signature, bytes) &&
         verify_text(verify_key, text, bytes);
}

}  // namespace

void def_federation(py::module_& m) {
  py::class_<StopHandle>(m, "StopHandle").def(py::init<>()).def("request", [](StopHandle& self) {
    self.request();
  });
  m.def("check_federation", &check_federation);
  m.def("load_federation", &load_federation);
  m.def("load_site", &load_site);
  m.def("add_to_log", &add_to_log);
  m.def("write_initial", &write_initial);
  m.def("new_keys", &new_keys, py::arg("name"), py::arg("folder"),
        py::arg("passphrase") = py::none(), py::arg("expires") = "");
  m.def("sign_with", &sign_with, py::arg("secret"), py::arg("text"),
        py::arg("passphrase_file") = "");
  m.def("signature_holds", &signature_holds, py::arg("key"), py::arg("text"), py::arg("signature"));
  m.def("simulate", &simulate_run);
  m.def("serve", &serve_run);
  m.def("join", &join_run);
}

}  // namespace collegium::python
