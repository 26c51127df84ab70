// collegium-server FEDERATION.toml: the coordinator, headless. Needs no Python and no torch.
#include <cstdio>
#include <string>

#include "apps/program.h"
#include "base/log.h"
#include "collegium/error.h"
#include "collegium/version.h"
#include "runtime/serve.h"

namespace {

using namespace collegium;

constexpr const char* kUsage =
    "usage: collegium-server FEDERATION.toml\n"
    "\n"
    "Waits for the federation's sites, runs its rounds and leaves them in [run] folder. Started "
    "again with the same\n"
    "file it goes on after the last closed round. Ctrl-C stops cleanly.\n"
    "\n"
    "exit codes: 0 finished with every site in every round; 1 the run failed, or a round closed "
    "without somebody;\n"
    "            2 wrong configuration, key or file; 130 stopped\n";

int run(const std::string& file) {
  const LogSink log = log_to_stderr();
  bool left_out = false;
  RunEvents events;
  events.on_log = [&](const LogEvent& event) {
    log(level_of(event.level), event.site.empty() ? event.text : event.site + ": " + event.text);
  };
  events.on_round = [&](const RoundRecord& record) {
    for (const Contribution& one : record.contributions)
      left_out = left_out || (record.closed && one.state != Contribution::State::accepted);
  };
  log(Level::info, "collegium-server " COLLEGIUM_VERSION);
  stop_on_signals();
  const DriverResult result = serve(FederationConfig::load(file), events, stop_handle());
  for (const auto& [reason, count] : result.dropped)
    log(Level::warning, "dropped at the door: " + std::to_string(count) + " x " + reason);
  switch (result.outcome) {
    case Outcome::finished:
      return left_out ? kFailed : kDone;
    case Outcome::stopped:
      return kStopped;
    default:
      return kFailed;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string first = count == 2 ? arguments[1] : "";
  if (first == "--help" || first == "-h") {
    std::fputs(kUsage, stdout);
    return kDone;
  }
  if (first == "--version") {
    std::puts("collegium-server " COLLEGIUM_VERSION);
    return kDone;
  }
  if (first.empty()) {
    std::fputs(kUsage, stderr);
    return kBadInput;
  }
  stop_handle();  // made before any signal can come
  try {
    return run(first);
  } catch (const std::exception& error) {
    return ended_by("collegium-server", error);
  }
}
