// What a simulated coordinator does besides talking: fetching, adding up, charging, writing.
#include "federation/round_rules.h"
#include "simulation/processes.h"

namespace collegium::simulated {

void World::pull_update(const at_coordinator::Pull& pull) {
  CoordinatorProcess& process = *coordinator_;
  process.in_memory.insert(pull.site);
  if (process.in_memory.size() > plan_.staging)
    witness_.breach("more updates in memory than staging allows");
  if (faulty() && chance(plan_.pull_fails) && chance(0.3))
    return;  // the line is dead and nobody notices
  go_on_pulling(pull, process.life);
}

// The driver asks again for what does not come, whatever happens to the line, until it is told to
// let go.
void World::go_on_pulling(const at_coordinator::Pull& pull, std::uint64_t life) {
  later(seconds(0.5), [this, pull, life] {
    if (life != coordinator_->life || coordinator_->in_memory.count(pull.site) == 0) return;
    SiteProcess& site = *sites_[index_of(pull.site)];
    const bool is_hostile = hostile(index_of(pull.site));
    const auto fail = [&](bool corrupted, const char* reason) {
      coordinator_->in_memory.erase(pull.site);
      tell(at_coordinator::PullFailed{pull.site, pull.blob, corrupted, reason});
    };
    if (silent(index_of(pull.site)) || (!site.machine && !is_hostile))
      return later(3, [this, pull, life] { go_on_pulling(pull, life); });
    if (faulty() && chance(plan_.corrupts)) return fail(true, "a chunk's hash is wrong");
    if (faulty() && chance(plan_.pull_fails)) return fail(false, "the line was cut");
    if (is_hostile && site.serving && site.serving->id != pull.blob)
      return fail(true, "what came is not what was announced");
    if (!site.serving || site.serving->id != pull.blob)
      return fail(false, "the site does not serve it");
    tell(at_coordinator::PullDone{pull.site, pull.blob, site.serving->bytes});
  });
}

void World::accumulate(const at_coordinator::Accumulate& action) {
  CoordinatorProcess& process = *coordinator_;
  process.worker_free = std::max(process.worker_free, now_) + seconds(0.05);
  later(process.worker_free - now_, [this, action, life = process.life] {
    CoordinatorProcess& process = *coordinator_;
    if (life != process.life) return;
    process.in_memory.erase(action.site);
    RoundRules rules;
    rules.layout_size = kFloats;
    std::optional<Refusal> refusal;
    if (plan_.is_secure) {
      const bool lost = plan_.bug == PlantedBug::counts_what_it_lost && chance(0.1);
      if (!lost) refusal = process.masked->add(action.values);
      if (!refusal) process.order.push_back(action.site);
    } else if (plan_.bug != PlantedBug::skips_the_values) {
      refusal = check_values(rules, action.values);
    }
    if (!refusal && !plan_.is_secure) {
      const int times = plan_.bug == PlantedBug::accumulates_twice && chance(0.1) ? 2 : 1;
      const std::vector<float> values = floats_of(action.values.parts.at(0));
      for (int time = 0; time < times; ++time) {
        for (std::size_t i = 0; i < kFloats; ++i)
          process.sum[i] += static_cast<float>(action.weight) * values[i];
        process.weight += action.weight;
      }
      process.order.push_back(action.site);
    }
    tell(at_coordinator::Accumulated{action.round, action.attempt, action.site, refusal});
  });
}

// Two steps: a kill between them leaves a charge that nobody knows to be made.
void World::charge(const at_coordinator::ChargeRound& action) {
  const auto alive = [this, life = coordinator_->life](std::function<void()> what) {
    return [this, life, what] {
      if (life == coordinator_->life) what();
    };
  };
  const double first = seconds(0.5);
  later(
      first, alive([this, action] {
        const bool lazy = plan_.bug == PlantedBug::charges_in_memory;
        CoordinatorProcess& process = *coordinator_;
        if (process.files) {
          const DiskResult result = on_disk(process.files->disk, [&] {
            process.files->journal().charge(action.round, SiteDisk::cost(), 1e-5);
          });
          if (result.died) return kill_coordinator();
          if (!result.failure.empty())
            return tell(at_coordinator::ChargeFailed{action.round, action.attempt, result.failure});
        }
        (lazy ? process.charges_in_memory : process.charges).insert(action.round);
        if (!lazy) witness_.charged_rounds.insert(action.round);
      }));
  later(first + seconds(0.5), alive([this, action] {
          if (plan_.bug != PlantedBug::charges_in_memory &&
              coordinator_->charges.count(action.round) == 0)
            return;  // it has failed
          tell(at_coordinator::RoundCharged{action.round, action.attempt});
        }));
}

void World::finish_aggregate(const at_coordinator::FinishAggregate& action) {
  CoordinatorProcess& process = *coordinator_;
  process.worker_free = std::max(process.worker_free, now_) + seconds(0.05);
  later(process.worker_free - now_, [this, action, life = process.life] {
    CoordinatorProcess& process = *coordinator_;
    if (life != process.life) return;
    std::vector<float> model = floats_of(process.disk.model->bytes);
    const std::vector<float> opened = plan_.is_secure ? opened_mean(action) : std::vector<float>();
    for (std::size_t i = 0; i < kFloats; ++i)
      model[i] += plan_.is_secure ? opened[i] : process.sum[i] / static_cast<float>(process.weight);
    if (plan_.is_central) {
      if (process.charges.count(action.round) == 0)
        witness_.breach("round " + std::to_string(action.round) +
                        ": noise is drawn before its charge is durable");
      std::vector<float> noise(kFloats);
      for (float& one : noise) one = static_cast<float>(random_() % 1000) / 1000.0f;
      for (std::size_t i = 0; i < kFloats; ++i) model[i] += noise[i];
      const Digest digest = blob_of(model)->id.digest;
      witness_.noise[digest] = noise;
      if (plan_.bug == PlantedBug::shows_before_writing) check_shown(action.round, digest);
    }
    // Slow noise: a kill before the round is written forgets a draw.
    later(plan_.is_central ? seconds(2) : 0, [this, action, life, noised = blob_of(model)] {
      if (life == coordinator_->life)
        tell(at_coordinator::AggregationDone{action.round, action.attempt, noised});
    });
  });
}

void World::persist(const at_coordinator::PersistRound& action) {
  const auto commit = [this, action] {
    CoordinatorProcess& process = *coordinator_;
    if (process.files) {
      const DiskResult result = on_disk(process.files->disk, [&] {
        const auto values = action.model ? floats_of(action.model->bytes) : std::vector<float>();
        process.files->journal().round(action.record, values);
      });
      process.pending = action;
      process.failed_write = result.failure;
      if (result.died) return kill_coordinator();
      if (!result.failure.empty()) return;
    }
    trace("round " + std::to_string(action.record.round) +
          (action.record.closed ? " closed" : " abandoned") + " on disk " + action.record.reason);
    check_closed(action.record, action.model);
    if (!action.record.closed) return;
    process.disk_before = process.disk;
    process.disk = {action.record.round, action.model, action.record.contributions};
  };
  const auto report = [this, action] {
    if (const std::string why = std::exchange(coordinator_->failed_write, {}); !why.empty()) {
      witness_.disk_was_full = true;
      trace("round " + std::to_string(action.record.round) + " could not be written: " + why);
      return tell(at_coordinator::PersistFailed{action.record.round, action.record.attempt, why});
    }
    tell(at_coordinator::RoundPersisted{action.record.round, action.record.attempt});
  };
  // Two steps: a kill between them leaves a round that is written and was not reported.
  const bool early = plan_.bug == PlantedBug::reports_before_writing;
  const auto alive = [this, life = coordinator_->life](std::function<void()> what) {
    return [this, life, what] {
      if (life == coordinator_->life) what();
    };
  };
  const double first = seconds(0.05);
  if (!coordinator_->files && faulty() && chance(plan_.disk_full)) {
    if (plan_.bug == PlantedBug::calls_a_full_disk_written) return later(first, alive(report));
    return later(first, alive([this, action] {
                   witness_.disk_was_full = true;
                   trace("round " + std::to_string(action.record.round) + " does not fit the disk");
                   tell(at_coordinator::PersistFailed{action.record.round, action.record.attempt,
                                                      "no space left on the device"});
                 }));
  }
  later(first, alive(early ? std::function<void()>(report) : std::function<void()>(commit)));
  later(first + seconds(0.2),
        alive(early ? std::function<void()>(commit) : std::function<void()>(report)));
}

}  // namespace collegium::simulated
