// The simulated site process: what a driver does, with faults.
#include "federation/bodies.h"
#include "simulation/processes.h"

namespace collegium::simulated {

void World::start_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  if (process.files && !read_files(index)) return;
  SiteOptions options;
  options.name = process.name;
  // Who charges a ledger is asked to prepare.
  options.layout = index % 2 == 0 && !plan_.is_captured && !process.files ? "layout" : "";
  if (refuses(index) && plan_.bug != PlantedBug::builds_without_policy)
    options.policy = [](const Settings&) {
      return PolicyRefusal{"models", "no captured network is trained here"};
    };
  else if (plan_.is_lied_to)
    options.policy = [this](const Settings& asked) -> std::optional<PolicyRefusal> {
      if (plan_.is_private && !asked.table("privacy").contains("clip"))
        return PolicyRefusal{"privacy", "nothing is trained here without it"};
      if (plan_.is_secure && !asked.table("secure_aggregation").contains("life"))
        return PolicyRefusal{"secure_aggregation", "no update leaves here but in sums"};
      return {};
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
  process.clock = drawn_clock();
  process.frozen_until = 0;
  if (plan_.is_secure) start_secure(index);
  trace(process.name + " starts");
  tell(index, Started{now_ + process.clock});
}

// A site whose folder cannot be opened now, for want of space, is started again later.
bool World::read_files(std::size_t index) {
  SiteProcess& process = *sites_[index];
  if (plan_.bug == PlantedBug::ignores_a_sync) process.files->disk.lies();
  std::optional<StoredResult> stored;
  const DiskResult result = on_disk(process.files->disk, [&] {
    const auto made = process.files->charges();
    process.charges = {made.begin(), made.end()};
    if (process.charges.size() < made.size())
      witness_.breach(process.name + ": one charge is in the ledger twice");
    stored = process.files->start();
  });
  if (result.failure.empty() && !result.died) {
    check_files(process, stored);
    process.outbox = stored;
    if (!stored) return true;
    const Digest& digest = stored->update->id.digest;
    process.released.try_emplace({stored->round, stored->attempt}, digest);
    witness_.outputs[{process.name, stored->round}].insert(digest);
    return true;
  }
  trace(process.name + " cannot start: " + result.failure);
  if (!faulty() && !result.died)
    witness_.breach(process.name + ": its folder cannot be opened: " + result.failure);
  die(process);
  later(seconds(15), [this, index] { start_site(index); });
  return false;
}

void World::die(SiteProcess& process) {
  process.machine.reset();
  process.secure.keys.reset();
  ++process.life;
  if (process.files) process.files->stop(chance(0.5), random_);
}

void World::kill_site(std::size_t index) {
  SiteProcess& process = *sites_[index];
  if (!process.machine || process.stopped) return;
  trace(process.name + " killed");
  die(process);
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
  if (!process.stopped && now_ >= process.frozen_until)
    witness_.breach(process.name + " was asked to stop and goes on");
  if (chance(0.5)) later(seconds(30), [this, index] { start_site(index); });
}

void World::tell(std::size_t index, SiteEvent event) {
  SiteProcess& process = *sites_[index];
  if (!process.machine) return;
  if (now_ < process.frozen_until) {
    return later(process.frozen_until - now_, [this, index, event, life = process.life] {
      if (life == sites_[index]->life) tell(index, event);
    });
  }
  if (auto* tick = std::get_if<Tick>(&event)) tick->now = now_ + process.clock;
  if (const auto* from = std::get_if<at_site::MessageFrom>(&event)) {
    if (process.told.size() > 8) process.told.erase(process.told.begin());
    if (plan_.is_lied_to) process.told.push_back(from->message);
    trace("coordinator -> " + process.name + ": " + std::string(name_of(from->message.kind)) +
          " round " + std::to_string(from->message.round));
  }
  for (const SiteAction& action : process.machine->handle(Tick{now_ + process.clock}))
    carry_out(index, action);
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
  check_rest(at <= now_ + process.clock, process.idle_turns, process.name);
  later(std::max(0.001, at - now_ - process.clock), [this, index, alarm] {
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
    if (send->message.kind == Kind::result) {
      check_result(index, send->message);
      witness_.said.insert({process.name, hash_of(send->message)});
    }
    if (send->message.kind == Kind::secured) check_shares(index, send->message);
    to_coordinator(index, send->message);
    if (plan_.is_repeater) repeat_maliciously(send->message);
  } else if (const auto* find = std::get_if<at_site::FindNetwork>(&action)) {
    after(queued(seconds(0.1)), [this, index, blob = find->blob] {
      if (sites_[index]->keeps_network && plan_.bug != PlantedBug::forgets_the_network)
        tell(index, at_site::NetworkFound{blob, network_file()->bytes});
      else
        tell(index, at_site::NetworkMissing{blob});
    });
  } else if (const auto* prepare = std::get_if<at_site::Prepare>(&action)) {
    check_prepare(index, *prepare);
    after(queued(seconds(1)), [this, index, prepare = *prepare] {
      const bool captured = !prepare.file.empty();
      if (SiteProcess& process = *sites_[index]; process.files) {
        const PrivacyEvent cost = SiteDisk::cost(static_cast<std::int64_t>(prepare.rounds));
        const DiskResult result = on_disk(process.files->disk, [&] {
          process.files->vault().begin(prepare, {&cost, 1});
        });
        if (result.died) return kill_site(index);
        if (!result.failure.empty()) return tell(index, at_site::PrepareFailed{result.failure});
      }
      sites_[index]->keeps_network = captured;
      sites_[index]->prepared = true;
      tell(index, at_site::Prepared{"layout"});
    });
  } else if (const auto* pull = std::get_if<at_site::Pull>(&action);
             pull && pull->round == kNetworkRound) {
    pull_network(index, *pull);
  } else if (pull) {
    if (silent(index) || (faulty() && chance(plan_.pull_fails) && chance(0.3)))
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
    check_reserve(index, *reserve);
    after(queued(seconds(0.1)), [this, index, reserve = *reserve] { charge(index, reserve); });
  } else if (const auto* step = std::get_if<at_site::SecureStep>(&action)) {
    take_step(index, *step);
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
  } else if (const auto* keep = std::get_if<at_site::Persist>(&action)) {
    after(queued(seconds(0.1)), [this, index, keep = *keep] { store(index, keep); });
  } else if (const auto* serve = std::get_if<at_site::Serve>(&action)) {
    process.serving = serve->blob;
    if (plan_.is_secure && serve->blob) check_unmasked(index, serve->blob->bytes);
  } else if (const auto* stop = std::get_if<at_site::Stop>(&action)) {
    trace(process.name + " stops: " + std::string(name_of(stop->outcome)) + " " + stop->reason);
    process.stopped = true;
    die(process);
  } else if (const auto* line = std::get_if<LogEvent>(&action)) {
    trace("  {" + process.name + "} " + line->text);
  }
}

}  // namespace collegium::simulated
