#pragma once
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "transport/toy_federation.h"
#include "transport/zmq_coordinator_driver.h"
#include "transport/zmq_site_driver.h"

namespace collegium::toy {

// Keys of a coordinator and its sites.
struct Keys {
  explicit Keys(std::size_t sites) : server(KeyPair::generate("server")) {
    for (std::size_t i = 0; i < sites; ++i) {
      site.push_back(KeyPair::generate(site_name(i)));
      roster.add(site.back().public_half());
    }
  }
  bool encrypted = true;  // otherwise insecure: a site is whoever it says it is
  KeyPair server;
  std::vector<KeyPair> site;
  Roster roster;
};

// A site with a driver of its own in a thread of its own.
class RunningSite {
 public:
  RunningSite(std::size_t index, const Setting& setting, const Keys& keys,
              const std::string& address)
      : site(index, setting, keys.site[index].signing),
        driver_({.address = address,
                 .insecure = !keys.encrypted,
                 .name = site.name,
                 .key = keys.site[index],
                 .server_key = keys.server.public_half(),
                 .stop = stop},
                site.machine, site.work) {}

  void start() {
    result_ = std::async(std::launch::async, [this] { return driver_.run(); });
  }
  DriverResult result() { return result_.get(); }

  ToySite site;
  StopHandle stop;

 private:
  ZmqSiteDriver driver_;
  std::future<DriverResult> result_;
};

// A coordinator with its driver.
struct RunningCoordinator {
  RunningCoordinator(const Setting& setting, const Keys& keys,
                     const std::string& address = "tcp://127.0.0.1:*",
                     RunWork::Options options = {}, CoordinatorResume resume = {})
      : work(with_model(setting, std::move(options), resume = from(setting, std::move(resume)))),
        machine(coordinator_options(setting), std::move(resume)),
        driver({.address = address,
                .insecure = !keys.encrypted,
                .key = keys.server,
                .roster = keys.roster,
                .run = coordinator_options(setting).run,
                .stop = stop},
               machine, work) {}

  static RunWork::Options with_model(const Setting& setting, RunWork::Options given,
                                     const CoordinatorResume& resume) {
    RunWork::Options options = work_options(setting);
    options.journal = given.journal;
    options.on_round = std::move(given.on_round);
    options.on_log = std::move(given.on_log);
    options.model = resume.model;
    return options;
  }
  static CoordinatorResume from(const Setting& setting, CoordinatorResume resume) {
    if (!resume.model) resume.model = initial_model(setting);
    return resume;
  }

  StopHandle stop;
  RunWork work;
  Coordinator machine;
  ZmqCoordinatorDriver driver;
};

}  // namespace collegium::toy
