// The simulated coordinator process: what a driver does, with faults.
#include "federation/round_rules.h"
#include "simulation/processes.h"

namespace collegium::simulated {

void World::start_coordinator() {
  CoordinatorProcess& process = *coordinator_;
  CoordinatorOptions options;
  options.run.fill(7);
  options.name = "simulated";
  for (const auto& site : sites_) options.sites.push_back(site->name);
  options.min_sites = plan_.min_sites;
  if (plan_.bug == PlantedBug::closes_below_quorum && plan_.min_sites > 1) --options.min_sites;
  options.rounds = plan_.rounds;
  options.round_deadline = 90;
  options.deterministic = plan_.deterministic && plan_.bug != PlantedBug::ignores_cohort_order;
  options.staging = plan_.staging;
  options.charges_rounds = plan_.is_central;
  options.layout = "layout";
  options.rules.layout_size = kFloats;
  options.start_limit = 900;
  options.inline_limit = plan_.is_inline ? kInlineLimit : 0;
  if (plan_.is_private) options.privacy.set("clip", 1.0);
  if (plan_.is_captured) {
    options.network_file = network_file();
    options.network.set("graph", network_file()->id.to_settings());
  }
  if (process.files) {
    const auto found = read_files();
    if (!found) return;
    process.disk = *found;
  }
  CoordinatorResume resume = process.disk;
  if (plan_.bug == PlantedBug::resumes_a_round_early) resume = process.disk_before;
  if (plan_.bug == PlantedBug::forgets_the_last_answers)
    for (Contribution& one : resume.last) one.update.reset();
  process.clock = drawn_clock();
  process.frozen_until = 0;
  if (plan_.is_secure) {
    begin_secure();
    options.secure_roster = roster_of(options.sites);
    options.secure_aggregation = process.terms.write();
    options.secure_step = 45;
    options.attempts = 12;
  }
  process.machine = std::make_unique<Coordinator>(options, std::move(resume));
  process.worker_free = now_;
  process.serving.reset();
  process.published.reset();
  process.served_to.clear();
  process.in_memory.clear();
  process.charges_in_memory.clear();
  trace("coordinator starts after round " + std::to_string(process.disk.closed_round));
  tell(Started{now_ + process.clock});
}

// A coordinator whose folder cannot be opened now, for want of space, is started again later.
std::optional<CoordinatorResume> World::read_files() {
  CoordinatorProcess& process = *coordinator_;
  RunId run;
  run.fill(7);
  std::optional<CoordinatorResume> found;
  if (plan_.bug == PlantedBug::ignores_a_sync) process.files->disk.lies();
  const DiskResult result = on_disk(process.files->disk, [&] {
    found = process.files->start(run, blob_of(witness_.models.at(0)));
  });
  if (found && !result.died) {
    check_files(*found);
    return found;
  }
  trace("coordinator cannot start: " + result.failure);
  if (!faulty() && !result.died)
    witness_.breach("a run's folder cannot be opened: " + result.failure);
  process.files->stop(chance(0.5), random_);
  ++process.life;
  later(seconds(10), [this] { start_coordinator(); });
  return std::nullopt;
}

// What a kill leaves behind, or a lost power, which also takes what was not synced.
void World::die(CoordinatorProcess& process) {
  process.machine.reset();
  ++process.life;
  if (process.files) process.files->stop(chance(0.5), random_);
}

void World::stop_coordinator() {
  if (!coordinator_->machine || end_) return;
  if (const double wait = coordinator_->frozen_until - now_; wait > 0)
    return later(wait + 1, [this] { stop_coordinator(); });  // then it can hear of it
  trace("coordinator asked to stop");
  witness_.asked_to_stop = now_;
  witness_.closed_when_asked = witness_.closed.size();
  if (plan_.bug != PlantedBug::goes_on_when_stopped) tell(StopRequested{"somebody asked"});
}

void World::kill_coordinator() {
  if (!coordinator_->machine || end_) return;
  trace("coordinator killed");
  witness_.asked_to_stop.reset();  // the next life has not been asked, and finds room
  witness_.disk_was_full = false;
  die(*coordinator_);
  later(seconds(10), [this] { start_coordinator(); });
}

void World::tell(CoordinatorEvent event) {
  CoordinatorProcess& process = *coordinator_;
  if (!process.machine) return;
  if (now_ < process.frozen_until) {
    return later(process.frozen_until - now_, [this, event, life = process.life] {
      if (life == coordinator_->life) tell(event);
    });
  }
  if (auto* tick = std::get_if<Tick>(&event)) tick->now = now_ + process.clock;
  if (const auto* from = std::get_if<at_coordinator::MessageFrom>(&event)) {
    trace(from->site + " -> coordinator: " + std::string(name_of(from->message.kind)) + " round " +
          std::to_string(from->message.round));
    check_sender(from->site, from->message);
    if (plan_.bug == PlantedBug::accepts_on_arrival && from->message.kind == Kind::result) {
      check_answer(from->site,
                   Message{Kind::accepted,
                           {},
                           from->message.round,
                           0,
                           [&] {
                             Settings body;
                             body.set("update", from->message.body.table("update").text("digest"));
                             return body;
                           }(),
                           {}});
    }
  }
  carry_out(process.machine->handle(Tick{now_ + process.clock}));
  if (process.machine) carry_out(process.machine->handle(event));
  if (process.machine) wake_coordinator();
}

void World::wake_coordinator() {
  CoordinatorProcess& process = *coordinator_;
  const std::uint64_t alarm = ++process.alarm;
  const double at = process.machine->next_tick();
  if (at > 1e12) return;
  check_rest(at <= now_ + process.clock, process.idle_turns, "coordinator");
  later(std::max(0.001, at - now_ - process.clock), [this, alarm] {
    if (alarm == coordinator_->alarm) tell(Tick{now_});
  });
}

void World::carry_out(const CoordinatorActions& actions) {
  for (const CoordinatorAction& action : actions) carry_out(action);
}

void World::carry_out(const CoordinatorAction& action) {
  CoordinatorProcess& process = *coordinator_;
  if (const auto* send = std::get_if<at_coordinator::Send>(&action)) {
    if (index_of(send->site) == sites_.size()) {
      if (send->message.kind != Kind::refuse)
        witness_.breach("a stranger was told more than that it is one");
      return;
    }
    check_answer(send->site, send->message);
    check_shown(send->message);
    to_site(send->site, send->message);
  } else if (const auto* serve = std::get_if<at_coordinator::Serve>(&action)) {
    process.serving = serve->blob;
    process.served_to = {serve->sites.begin(), serve->sites.end()};
    if (plan_.bug == PlantedBug::withdraws_the_network) process.published.reset();
  } else if (const auto* publish = std::get_if<at_coordinator::Publish>(&action)) {
    process.published = publish->blob;
  } else if (const auto* pull = std::get_if<at_coordinator::Pull>(&action)) {
    pull_update(*pull);
  } else if (const auto* cancel = std::get_if<at_coordinator::CancelPull>(&action)) {
    process.in_memory.erase(cancel->site);
  } else if (std::holds_alternative<at_coordinator::OpenAggregate>(action) ||
             std::holds_alternative<at_coordinator::DropAggregate>(action)) {
    if (plan_.is_secure && (!process.masked || plan_.bug != PlantedBug::keeps_the_last_sum))
      process.masked.emplace(process.terms.code(), kFloats);
    process.sum.assign(kFloats, 0.0f);
    process.weight = 0;
    process.order.clear();
    process.in_memory.clear();
  } else if (const auto* add = std::get_if<at_coordinator::Accumulate>(&action)) {
    accumulate(*add);
  } else if (const auto* paid = std::get_if<at_coordinator::ChargeRound>(&action)) {
    charge(*paid);
  } else if (const auto* finish = std::get_if<at_coordinator::FinishAggregate>(&action)) {
    finish_aggregate(*finish);
  } else if (const auto* round = std::get_if<at_coordinator::PersistRound>(&action)) {
    persist(*round);
  } else if (const auto* end = std::get_if<at_coordinator::Finish>(&action)) {
    trace("the run ends: " + std::string(name_of(end->outcome)) + " " + end->reason);
    if (end_) witness_.breach("the run ended twice");
    check_stop(*end);
    end_ = *end;
    if (process.files) {
      on_disk(process.files->disk, [&] {
        process.files->journal().finish(end->outcome, end->reason,
                                        witness_.models.rbegin()->second);
      });
    }
    die(process);
  } else if (const auto* line = std::get_if<LogEvent>(&action)) {
    trace("  [" + line->site + "] " + line->text);
  }
}

}  // namespace collegium::simulated
