// collegium-site SITE.toml: a hospital's side of a federation, headless. Needs no Python.
#include <cstdio>
#include <string>

#include "apps/program.h"
#include "base/log.h"
#include "collegium/error.h"
#include "collegium/version.h"
#include "config/check.h"
#include "config/federation_config.h"
#include "model/safetensors.h"
#include "runtime/join.h"
#include "torch/network/model.h"
#include "torch/training/built_network.h"
#include "torch/training/predictor.h"
#include "torch/training/site_trainer.h"

namespace {

using namespace collegium;

constexpr const char* kUsage =
    "usage: collegium-site SITE.toml\n"
    "       collegium-site --init FEDERATION.toml MODEL.safetensors\n"
    "       collegium-site --predict SITE.toml MODEL.safetensors FOLDER [96,96,64]\n"
    "\n"
    "Connects to the coordinator named in SITE.toml and trains on this site's data until the run "
    "has ended. The ledger\n"
    "and results that were not yet accepted lie in [site] state; started again, it goes on from "
    "there.\n"
    "--init writes the model before round 1, from the federation's network and seed.\n"
    "--predict segments the subjects of SITE.toml, labelled or not, with a model that a run left: "
    "FOLDER/SUBJECT.nii.gz,\n"
    "a label map on the grid of the subject's images. The numbers are the sliding window, in "
    "voxels; without them the\n"
    "network sees each volume whole, or in the size it was captured for.\n"
    "\n"
    "exit codes: 0 finished; 1 the run failed or the coordinator refused this site;\n"
    "            2 wrong configuration, key, data or file; 130 stopped\n";

int take_part(const std::string& file) {
  const LogSink log = log_to_stderr();
  const auto config = SiteConfig::load(file);
  const std::shared_ptr<const Dataset> data = open_data(config.data);
  RunEvents events;
  events.on_log = [&](const LogEvent& event) {
    log(level_of(event.level), event.site + ": " + event.text);
  };
  log(Level::info, config.name + ": " + std::to_string(data->subjects()) +
                       " subjects; the coordinator is " + config.server);
  stop_on_signals();
  const auto result = join(
      config,
      [&](const at_site::Prepare& run) { return make_site_trainer(config, data, run, log); },
      events, stop_handle());
  log(result.outcome == Outcome::finished ? Level::info : Level::warning,
      config.name + ": " + std::string(name_of(result.outcome)) +
          (result.reason.empty() ? "" : ": " + result.reason));
  if (result.outcome == Outcome::finished) return kDone;
  return result.outcome == Outcome::stopped ? kStopped : kFailed;
}

int write_initial(const std::string& federation, const std::string& file) {
  const auto config = FederationConfig::load(federation);
  const auto layout = network_layout(config.network);
  save_safetensors(file, layout, initial_values(config.network, config.seed));
  std::printf("%s: %s, %zu parameters\n", file.c_str(), config.network.name.c_str(), layout.size());
  return kDone;
}

// "96,96,64"
std::vector<std::int64_t> window_from(const std::string& text) {
  const Settings argument = Settings::parse("window = [" + text + "]", "the window");
  return read_volume(argument, "window");
}

int predict(const std::string& site, const std::string& model, const std::string& folder,
            const std::string& window) {
  const LogSink log = log_to_stderr();
  const auto config = SiteConfig::load(site);
  const BuiltNetwork built = open_model(model);
  const SubjectSet subjects = open_subjects(config.data);
  EvaluationOptions options;
  options.roi = window.empty() ? built.window : window_from(window);
  options.threads = static_cast<int>(config.threads);
  options.device = config.device;
  stop_on_signals();
  const auto written = predict_subjects(
      *built.network, built.values, subjects, options, folder,
      [&](std::size_t done, std::size_t all) {
        log(Level::info, std::to_string(done) + " of " + std::to_string(all) + " subjects");
        return !stop_handle().requested();
      });
  std::printf("%s: %zu predictions\n", folder.c_str(), written);
  return kDone;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && (arguments[0] == "--help" || arguments[0] == "-h"))
    return std::fputs(kUsage, stdout), kDone;
  if (arguments.size() == 1 && arguments[0] == "--version")
    return std::puts("collegium-site " COLLEGIUM_VERSION), kDone;
  if (arguments.size() == 1 && !arguments[0].starts_with("-")) return take_part(arguments[0]);
  if (arguments.size() == 3 && arguments[0] == "--init")
    return write_initial(arguments[1], arguments[2]);
  if ((arguments.size() == 4 || arguments.size() == 5) && arguments[0] == "--predict")
    return predict(arguments[1], arguments[2], arguments[3],
                   arguments.size() == 5 ? arguments[4] : "");
  std::fputs(kUsage, stderr);
  return kBadInput;
}

}  // namespace

int main(int count, char** arguments) {
  stop_handle();  // made before any signal can come
  try {
    return run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    return ended_by("collegium-site", error);
  }
}
