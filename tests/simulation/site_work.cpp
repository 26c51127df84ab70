// What a simulated site does besides talking: charges, training, its disk.
#include <limits>

#include "federation/bodies.h"
#include "simulation/processes.h"

namespace collegium::simulated {

void World::charge(std::size_t index, const at_site::Reserve& action) {
  SiteProcess& process = *sites_[index];
  const auto key = std::pair(action.task.round, action.attempt);
  std::string failure;
  if (process.files) {
    const PrivacyEvent cost = SiteDisk::cost();
    const DiskResult result = on_disk(process.files->disk, [&] {
      process.files->vault().reserve(action.task, action.attempt, {&cost, 1});
    });
    if (result.died) return kill_site(index);
    failure = result.failure;
  } else if (faulty() && chance(plan_.disk_full)) {
    failure = "no space left on the device";
  } else if (process.released.count(key) > 0 && plan_.bug != PlantedBug::forgets_the_outbox) {
    failure = "paid for and released before";
  }
  if (!failure.empty()) return tell(index, at_site::ReservationRefused{action.job, failure});
  process.reserved = key;
  if (plan_.bug == PlantedBug::pays_for_two) process.reserved.second = 1;
  if (plan_.bug == PlantedBug::reserves_in_memory) {
    process.charged_in_memory.insert(key);
  } else {
    process.charges.insert(process.reserved);
    witness_.charged[process.name].insert(process.reserved);
  }
  tell(index, at_site::Reserved{action.job, 0.5, 1e-3});
}

// Two steps: a kill between them leaves a result that is stored and that nobody was told of.
void World::store(std::size_t index, const at_site::Persist& action) {
  SiteProcess& process = *sites_[index];
  std::string failure;
  if (process.files) {
    const DiskResult result = on_disk(process.files->disk, [&] {
      process.files->vault().persist(action.result, action.charged);
    });
    if (result.died) return kill_site(index);
    failure = result.failure;
  } else if (faulty() && chance(plan_.disk_full)) {
    if (plan_.bug == PlantedBug::announces_the_unstored)
      return tell(index, at_site::Persisted{action.job});
    failure = "no space left on the device";
  }
  if (!failure.empty()) return tell(index, at_site::PersistFailed{action.job, failure});
  const auto key = plan_.bug == PlantedBug::pays_for_two
                       ? process.reserved
                       : std::pair(action.result.round, action.result.attempt);
  const Digest digest = action.result.update->id.digest;
  const auto [known, fresh] = process.released.try_emplace(key, digest);
  if (plan_.is_private && !fresh && known->second != digest)
    witness_.breach("a second, different output under one charge of " + process.name);
  process.outbox = action.result;
  witness_.outputs[{process.name, action.result.round}].insert(digest);
  later(seconds(0.1), [this, index, job = action.job, life = process.life] {
    if (life == sites_[index]->life) tell(index, at_site::Persisted{job});
  });
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
  if (plan_.is_private && (process.reserved.first != action.task.round ||
                           process.charges.count(process.reserved) == 0)) {
    witness_.breach(process.name + " trains before its charge is durable");
  }
  check_charges(process);
  process.training = action.job;
  process.worker_free = std::max(process.worker_free, now_) + seconds(8);
  later(process.worker_free - now_, [this, index, action, life = process.life] {
    SiteProcess& process = *sites_[index];
    if (life != process.life || process.training != action.job) return;
    process.training = 0;
    if (faulty() && chance(plan_.train_fails)) {
      if (plan_.bug == PlantedBug::refunds_a_failure) process.charges.erase(process.reserved);
      return tell(index, at_site::TrainFailed{action.job, "out of memory"});
    }
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
    witness_.weights[{process.name, update->id.digest}] = weight;
    TrainResult result;
    result.weight = weight;
    result.steps = static_cast<std::int64_t>(index + 1);
    result.loss = 1.5;
    result.metrics = {{"dice", 0.5, 3}};
    tell(index, at_site::Trained{action.job, result, update});
  });
}

}  // namespace collegium::simulated
