// The simulated site process: what a driver does, with faults.
#include <cmath>
#include <limits>

#include "federation/bodies.h"
#include "federation/simulated_processes.h"

namespace collegium::simulated {

void World::start_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  SiteOptions options;
  options.name = process.name;
  options.layout = index % 2 == 0 && !plan_.is_captured ? "layout" : "";
  if (refuses(index) && plan_.bug != PlantedBug::builds_without_policy)
    options.policy = [](const Settings&) {
      return PolicyRefusal{"models", "no captured network is trained here"};
    };
  options.give_up = 2000;
  options.inline_limit = plan_.is_inline ? kInlineLimit : 0;
  const bool forgets = plan_.bug == PlantedBug::forgets_the_outbox;
  process.machine =
      std::make_unique<Site>(options, forgets ? std::optional<StoredResult>() : process.outbox);
  process.worker_free = now_;
  process.serving.reset();
  process.training = 0;
  process.prepared = false;
  process.charged_in_memory.clear();
  process.stopped = false;
  trace(process.name + " starts");
  tell(index, Started{now_});
}

void World::kill_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  if (!process.machine || process.stopped) return;
  trace(process.name + " killed");
  process.machine.reset();
  ++process.life;
  if (chance(0.5)) {  // the transport may see it, or not
    later(seconds(1), [this, index] {
      tell(at_coordinator::PeerLost{sites_[index]->name, "the connection was lost"});
    });
  }
  later(seconds(15), [this, index] { start_site(index); });
}

// Its people end it, and half of them start it again.
void World::stop_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  if (!process.machine || process.stopped) return;
  trace(process.name + " asked to stop");
  tell(index, StopRequested{"somebody asked"});
  if (!process.stopped) witness_.breach(process.name + " was asked to stop and goes on");
  if (chance(0.5)) later(seconds(30), [this, index] { start_site(index); });
}

void World::tell(std::size_t index, SiteEvent event) {
  SiteProcess& process = *sites_[index];
  if (!process.machine) return;
  if (const auto* from = std::get_if<at_site::MessageFrom>(&event)) {
    trace("coordinator -> " + process.name + ": " + std::string(name_of(from->message.kind)) +
          " round " + std::to_string(from->message.round));
  }
  for (const SiteAction& action : process.machine->handle(Tick{now_})) carry_out(index, action);
  if (process.machine) {
    for (const SiteAction& action : process.machine->handle(event)) carry_out(index, action);
  }
  if (process.machine) wake_site(index);
}

void World::wake_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  const std::uint64_t alarm = ++process.alarm;
  const double at = process.machine->next_tick();
  if (at > 1e12) return;
  later(std::max(0.001, at - now_), [this, index, alarm] {
    if (alarm == sites_[index]->alarm) tell(index, Tick{now_});
  });
}

void World::carry_out(std::size_t index, const SiteAction& action) {
  SiteProcess& process = *sites_[index];
  const auto after = [this, index, life = process.life](double wait, std::function<void()> what) {
    later(wait, [this, index, life, what] {
      if (life == sites_[index]->life) what();
    });
  };
  const auto queued = [&](double work) {
    process.worker_free = std::max(process.worker_free, now_) + work;
    return process.worker_free - now_;
  };
  if (const auto* send = std::get_if<at_site::Send>(&action)) {
    if (send->message.kind == Kind::result) check_result(index, send->message);
    to_coordinator(index, send->message);
  } else if (const auto* find = std::get_if<at_site::FindNetwork>(&action)) {
    after(queued(seconds(0.1)), [this, index, blob = find->blob] {
      if (sites_[index]->keeps_network && plan_.bug != PlantedBug::forgets_the_network)
        tell(index, at_site::NetworkFound{blob, network_file()->bytes});
      else
        tell(index, at_site::NetworkMissing{blob});
    });
  } else if (const auto* prepare = std::get_if<at_site::Prepare>(&action)) {
    check_prepare(index, *prepare);
    after(queued(seconds(1)), [this, index, captured = !prepare->file.empty()] {
      sites_[index]->keeps_network = captured;
      sites_[index]->prepared = true;
      tell(index, at_site::Prepared{"layout"});
    });
  } else if (const auto* pull = std::get_if<at_site::Pull>(&action);
             pull && pull->round == kNetworkRound) {
    pull_network(index, *pull);
  } else if (pull) {
    if (faulty() && chance(plan_.pull_fails) && chance(0.3))
      return;  // the line is dead and nobody notices
    after(seconds(0.5), [this, index, blob = pull->blob] {
      const CoordinatorProcess& from = *coordinator_;
      const bool served = from.machine && from.serving && from.serving->id == blob &&
                          from.served_to.count(sites_[index]->name) > 0;
      if (!served || (faulty() && chance(plan_.pull_fails))) {
        return tell(index, at_site::ModelFailed{blob, "the line was cut"});
      }
      tell(index, at_site::ModelReady{blob, from.serving->bytes});
    });
  } else if (const auto* reserve = std::get_if<at_site::Reserve>(&action)) {
    const auto key = std::pair(reserve->task.round, reserve->attempt);
    const std::uint64_t job = reserve->job;
    const bool full = faulty() && chance(plan_.disk_full);
    after(queued(seconds(0.1)), [this, index, key, job, full] {
      if (full) return tell(index, at_site::ReservationRefused{job, "no space left on the device"});
      const bool lazy = plan_.bug == PlantedBug::reserves_in_memory;
      (lazy ? sites_[index]->charged_in_memory : sites_[index]->charges).insert(key);
      tell(index, at_site::Reserved{job, 0.5, 1e-3});
    });
  } else if (const auto* work = std::get_if<at_site::Train>(&action)) {
    train(index, *work);
  } else if (const auto* abort = std::get_if<at_site::AbortTraining>(&action)) {
    if (process.training != abort->job) return;
    process.training = 0;
    process.worker_free = now_;
    after(queued(seconds(0.2)), [this, index, job = abort->job] {
      tell(index, at_site::TrainFailed{job, "given up"});
    });
  } else if (const auto* evaluate = std::get_if<at_site::Evaluate>(&action)) {
    after(queued(seconds(1)), [this, index, job = evaluate->job] {
      tell(index, at_site::Evaluated{job, {{"dice", 0.5, 3}}});
    });
  } else if (const auto* keep = std::get_if<at_site::Persist>(&action);
             keep && faulty() && chance(plan_.disk_full)) {
    const bool hides = plan_.bug == PlantedBug::announces_the_unstored;
    after(queued(seconds(0.1)), [this, index, job = keep->job, hides] {
      if (hides) return tell(index, at_site::Persisted{job});
      tell(index, at_site::PersistFailed{job, "no space left on the device"});
    });
  } else if (keep) {
    after(queued(seconds(0.1)), [this, index, keep = *keep] {
      SiteProcess& process = *sites_[index];
      const auto key = std::pair(keep.result.round, keep.result.attempt);
      const Digest digest = keep.result.update->id.digest;
      const auto [known, fresh] = process.released.try_emplace(key, digest);
      if (plan_.is_private && !fresh && known->second != digest) {
        witness_.breach("a second, different output under one charge of " + process.name);
      }
      process.outbox = keep.result;
      witness_.outputs[{process.name, keep.result.round}].insert(digest);
    });
    after(queued(seconds(0.1)),
          [this, index, job = keep->job] { tell(index, at_site::Persisted{job}); });
  } else if (const auto* serve = std::get_if<at_site::Serve>(&action)) {
    process.serving = serve->blob;
  } else if (const auto* stop = std::get_if<at_site::Stop>(&action)) {
    trace(process.name + " stops: " + std::string(name_of(stop->outcome)) + " " + stop->reason);
    process.stopped = true;
    process.machine.reset();
    ++process.life;
  } else if (const auto* line = std::get_if<LogEvent>(&action)) {
    trace("  {" + process.name + "} " + line->text);
  }
}

// The file of the captured network; a bug of the driver is seen where it is asked.
void World::pull_network(std::size_t index, const at_site::Pull& pull) {
  if (sites_[index]->keeps_network)
    witness_.breach(sites_[index]->name + " fetches a network that it was given before");
  if (faulty() && chance(plan_.pull_fails) && chance(0.3)) return;
  later(seconds(2), [this, index, pull, life = sites_[index]->life] {
    if (life != sites_[index]->life) return;
    const CoordinatorProcess& from = *coordinator_;
    if (from.machine && !from.published)
      witness_.breach("the network is not served as long as the run lasts");
    if (!from.machine || (faulty() && chance(plan_.pull_fails)))
      return tell(index, at_site::ModelFailed{pull.blob, "the line was cut"});
    tell(index, at_site::ModelReady{pull.blob, network_file()->bytes});
  });
}

bool World::refuses(std::size_t index) const {
  return plan_.is_refused && index + 1 == sites_.size();
}

// Without privacy training is a function of site, round and model; with it, noise makes every run
// of it different.
void World::train(std::size_t index, const at_site::Train& action) {
  SiteProcess& process = *sites_[index];
  if (plan_.is_captured && !process.prepared)
    witness_.breach(process.name + " trains a network that it has not built");
  if (process.training != 0) witness_.breach(process.name + " trains twice at a time");
  if (plan_.is_private && process.charges.count({action.task.round, 1}) == 0) {
    witness_.breach(process.name + " trains before its charge is durable");
  }
  process.training = action.job;
  process.worker_free = std::max(process.worker_free, now_) + seconds(8);
  later(process.worker_free - now_, [this, index, action, life = process.life] {
    SiteProcess& process = *sites_[index];
    if (life != process.life || process.training != action.job) return;
    process.training = 0;
    if (faulty() && chance(plan_.train_fails))
      return tell(index, at_site::TrainFailed{action.job, "out of memory"});
    std::vector<float> values = floats_of(action.model);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = 0.1f * static_cast<float>(index + 1) - 0.3f * values[i] +
                  0.01f * static_cast<float>(action.task.round * i);
      if (plan_.is_private) values[i] += static_cast<float>(random_() % 1000) / 1000.0f;
    }
    if (faulty() && chance(plan_.not_finite)) values[1] = std::numeric_limits<float>::quiet_NaN();
    const SharedBlob update = blob_of(values);
    const auto weight = static_cast<double>(index + 1);
    witness_.values[update->id.digest] = values;
    TrainResult result;
    result.weight = weight;
    result.steps = static_cast<std::int64_t>(index + 1);
    result.loss = 1.5;
    result.metrics = {{"dice", 0.5, 3}};
    tell(index, at_site::Trained{action.job, result, update});
  });
}

}  // namespace collegium::simulated
