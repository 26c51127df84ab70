// What every history must keep.
#include <algorithm>
#include <cmath>

#include "federation/bodies.h"
#include "simulation/processes.h"

namespace collegium::simulated {

// A result may leave only when it is stored and, under privacy, charged; nothing else in it may
// depend on data then.
void World::check_result(std::size_t index, const Message& message) {
  const SiteProcess& process = *sites_[index];
  const ResultBody body = ResultBody::read(message.body);
  const std::string name = process.name + ", round " + std::to_string(message.round);
  Digest output = body.update.id.digest;
  if (plan_.is_secure) {
    const auto hidden = witness_.secure.hidden.find(output);
    if (hidden == witness_.secure.hidden.end())
      return witness_.breach(name + ": a result left without keys that hide it");
    output = hidden->second.update->id.digest;
    if (body.weight != 1 || body.steps != 0 || body.loss || !body.note.empty())
      witness_.breach(name + ": something about an update left that its masks do not hide");
  }
  const auto outputs = witness_.outputs.find({process.name, message.round});
  if (outputs == witness_.outputs.end() || outputs->second.count(output) == 0) {
    witness_.breach(name + ": a result left before it was stored");
  }
  if (!plan_.is_private) return;
  std::size_t paid = 0;
  for (const auto& [round, attempt] : process.charges) paid += round == message.round ? 1 : 0;
  if (paid == 0) witness_.breach(name + ": a result left before it was charged");
  if (outputs != witness_.outputs.end() && outputs->second.size() > paid)
    witness_.breach(name + ": more outputs were released than were paid for");
  if (body.loss || !body.metrics.empty())
    witness_.breach(name + ": a loss or a metric left under privacy");
}

// The transport proves who speaks, and that nobody changed it.
void World::check_sender(const std::string& site, const Message& message) {
  if (message.kind != Kind::result || index_of(site) == sites_.size() || hostile(index_of(site)))
    return;
  if (witness_.said.count({site, hash_of(message)}) == 0)
    witness_.breach(site + ": a result that it never sent has reached the coordinator");
}

Digest hash_of(const Message& message) {
  Hasher hasher;
  hasher.add(encode(message));
  hasher.add(message.payload.view);
  return hasher.finish();
}

// A charge is asked for by a machine that has nothing stored that it could send again; a task that
// nobody gave may ask for other work.
void World::check_reserve(std::size_t index, const at_site::Reserve& action) {
  const SiteProcess& process = *sites_[index];
  witness_.asked[process.name].insert({action.task.round, action.attempt});
  if (process.outbox && process.outbox->round == action.task.round && !plan_.is_lied_to)
    witness_.breach(process.name + ": round " + std::to_string(action.task.round) +
                    " is charged again, and its result is stored");
}

// No charge is ever taken back or forgotten, or made unasked.
void World::check_charges(const SiteProcess& process) {
  for (const auto& [round, attempt] : witness_.charged[process.name]) {
    if (process.charges.count({round, attempt}) == 0)
      witness_.breach(process.name + ": the charge of round " + std::to_string(round) +
                      " has disappeared");
  }
  const auto& asked = witness_.asked[process.name];
  if (!std::includes(asked.begin(), asked.end(), process.charges.begin(), process.charges.end()))
    witness_.breach(process.name + ": a charge was made that nobody asked for");
}

// What a site finds on its disk when it starts.
void World::check_files(const SiteProcess& process, const std::optional<StoredResult>& stored) {
  check_charges(process);
  if (!plan_.is_private || !process.outbox) return;
  const auto key = std::pair(process.outbox->round, process.outbox->attempt);
  if (!stored || std::pair(stored->round, stored->attempt) < key)
    witness_.breach(process.name + ": a stored result has disappeared");
  else if (std::pair(stored->round, stored->attempt) == key &&
           stored->update->id != process.outbox->update->id)
    witness_.breach(process.name + ": a stored result has changed");
}

// What a coordinator finds: the last round that was closed, and perhaps the one that its
// predecessor died over.
void World::check_files(const CoordinatorResume& found) {
  CoordinatorProcess& process = *coordinator_;
  const auto& pending = process.pending;
  if (pending && pending->record.closed && found.closed_round == pending->record.round &&
      witness_.closed.count(pending->record.round) == 0)
    check_closed(pending->record, pending->model);
  process.pending.reset();
  if (found.closed_round != witness_.closed.size())
    return witness_.breach("after a restart round " + std::to_string(found.closed_round) +
                           " is the last one, and " + std::to_string(witness_.closed.size()) +
                           " were closed");
  if (floats_of(found.model->bytes) != witness_.models.at(found.closed_round))
    witness_.breach("after a restart a closed round has another model");
  process.charges = process.files->charges();
  for (const std::uint64_t round : witness_.charged_rounds) {
    if (process.charges.count(round) == 0)
      witness_.breach("the charge of round " + std::to_string(round) + " has disappeared");
  }
}

// What is built is what the coordinator names, and what the site's policy takes.
void World::check_prepare(std::size_t index, const at_site::Prepare& prepare) {
  const std::string& name = sites_[index]->name;
  if (refuses(index)) witness_.breach(name + " builds a network that its policy refuses");
  if (plan_.is_captured != !prepare.file.empty())
    witness_.breach(name + " builds another kind of network than it was told to");
  if (plan_.is_captured &&
      (prepare.file_id != network_file()->id || !matches(prepare.file_id, prepare.file)))
    witness_.breach(name + " builds a network from false bytes");
}

void World::check_answer(const std::string& site, const Message& message) {
  if (message.kind != Kind::accepted && message.kind != Kind::rejected) return;
  const ReasonBody body = ReasonBody::read(message.body);
  const auto record = witness_.closed.find(message.round);
  bool counts = false;
  if (record != witness_.closed.end()) {
    for (const Contribution& one : record->second.contributions) {
      counts = counts || (one.site == site && one.state == Contribution::State::accepted &&
                          body.update && one.update->digest == *body.update);
    }
  }
  const std::string name = site + ", round " + std::to_string(message.round);
  if (message.kind == Kind::accepted && !counts)
    witness_.breach(name + ": called accepted, and not durable");
  if (message.kind == Kind::rejected && counts)
    witness_.breach(name + ": called rejected, and it counts");
  if (message.kind == Kind::rejected && body.reason.empty())
    witness_.breach(name + ": rejected without a reason");
}

// Under central privacy a model that leaves is paid for, and a charge pays for one model.
void World::check_shown(const Message& message) {
  if (message.kind == Kind::task)
    check_shown(message.round - 1, TaskBody::read(message.body).model.id.digest);
  if (message.kind != Kind::finished) return;
  if (const auto model = FinishedBody::read(message.body).model)
    check_shown(message.round, model->id.digest);
}

void World::check_shown(std::uint64_t round, const Digest& model) {
  if (!plan_.is_central || round == 0) return;
  const std::string name = "round " + std::to_string(round);
  if (coordinator_->charges.count(round) == 0)
    witness_.breach(name + ": a model left before its charge was durable");
  witness_.shown[round].insert(model);
  if (witness_.shown[round].size() > 1)
    witness_.breach(name + ": two different releases under one charge");
}

// Every member of the cohort is named, in order, and who is left out with a reason.
std::vector<std::string> World::check_names(const RoundRecord& record) {
  const std::string name = "round " + std::to_string(record.round);
  if (record.contributions.size() != sites_.size())
    witness_.breach(name + " does not name every cohort member");
  std::vector<std::string> accepted;
  for (std::size_t i = 0; i < record.contributions.size(); ++i) {
    const Contribution& one = record.contributions[i];
    if (one.site != sites_[i]->name) witness_.breach(name + " is not in cohort order");
    if (one.state == Contribution::State::accepted) {
      accepted.push_back(one.site);
      const auto said = witness_.weights.find({one.site, one.update->digest});
      if (!hostile(i) && (said == witness_.weights.end() || said->second != one.weight))
        witness_.breach(name + " counts what " + one.site + " never said");
    } else if (one.reason.empty() || one.code.empty()) {
      witness_.breach(name + " leaves out " + one.site + " in silence");
    }
  }
  return accepted;
}

// The same sum over what the sites computed, as if nothing had gone wrong on the way.
std::vector<float> World::expected_mean(const RoundRecord& record,
                                        const std::vector<std::string>& summed) const {
  std::vector<float> sum(kFloats, 0.0f);
  double weight = 0;
  for (const std::string& site : summed) {
    const Contribution& one = record.contributions[index_of(site)];
    const std::vector<float>& values = witness_.values.at(one.update->digest);
    for (std::size_t i = 0; i < kFloats; ++i) sum[i] += static_cast<float>(one.weight) * values[i];
    weight += one.weight;
  }
  for (float& value : sum) value /= static_cast<float>(weight);
  return sum;
}

void World::check_closed(const RoundRecord& record, const SharedBlob& model) {
  const std::string name = "round " + std::to_string(record.round);
  if (witness_.closed.count(record.round) > 0)
    return witness_.breach(name + " was written after it was closed");
  const std::vector<std::string> accepted = check_names(record);
  if (!record.closed) {
    if (record.reason.empty()) witness_.breach(name + " was abandoned in silence");
    return;
  }
  if (record.round != witness_.closed.size() + 1) witness_.breach(name + " was closed out of turn");
  if (accepted.size() < plan_.min_sites) witness_.breach(name + " closed below the quorum");
  const std::vector<std::string>& order = coordinator_->order;
  if (std::set(order.begin(), order.end()) != std::set(accepted.begin(), accepted.end())) {
    witness_.breach(name + " does not count those it accepted");
  }
  const std::vector<float> mean =
      plan_.is_secure ? plain_mean(record)
                      : expected_mean(record, plan_.deterministic ? accepted : order);
  std::vector<float> expected = witness_.models[record.round - 1];
  for (std::size_t i = 0; i < kFloats; ++i) expected[i] += mean[i];
  if (plan_.is_central) {
    const std::vector<float>& noise = witness_.noise.at(model->id.digest);
    for (std::size_t i = 0; i < kFloats; ++i) expected[i] += noise[i];
  }
  const std::vector<float> found = floats_of(model->bytes);
  if (found != expected) witness_.breach(name + " has another model than its contributions give");
  for (const float value : found) {
    if (!std::isfinite(value)) witness_.breach(name + " has a model that is not finite");
  }
  witness_.closed[record.round] = record;
  witness_.models[record.round] = found;
}

// Asked to stop, a coordinator writes the round it has in hand, begins no other and says so.
void World::check_stop(const at_coordinator::Finish& end) {
  if (!witness_.asked_to_stop) {
    if (end.outcome == Outcome::stopped) witness_.breach("the run stopped, and nobody asked");
    return;
  }
  const std::size_t closed = witness_.closed.size();
  if (closed > witness_.closed_when_asked + 1)
    witness_.breach("rounds were begun after the request to stop");
  if (end.outcome == Outcome::finished && closed != plan_.rounds)
    witness_.breach("a stopped run calls itself finished");
  // Goodbyes that are lost, and the write; and a process that stands still.
  const double patience = plan_.freeze_every > 0 ? 600 : 120;
  if (end.outcome == Outcome::stopped && now_ > *witness_.asked_to_stop + patience)
    witness_.breach("the run went on for long after the request to stop");
}

// A machine that wants its next turn at once, turn after turn, would burn a processor.
void World::check_rest(bool at_once, int& turns, const std::string& who) {
  turns = at_once ? turns + 1 : 0;
  if (turns == 50) witness_.breach(who + " does not rest while it waits");
}

void World::check_end() {
  if (!end_) return witness_.breach("the run never ended");
  if (end_->outcome == Outcome::finished && witness_.closed.size() != plan_.rounds) {
    witness_.breach("the run finished after " + std::to_string(witness_.closed.size()) + " rounds");
  }
  if (end_->outcome != Outcome::finished && end_->reason.empty())
    witness_.breach("the run ended without a reason");
  if (witness_.disk_was_full && end_->outcome == Outcome::finished)
    witness_.breach("the run finished although a round did not fit the disk");
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    if (!sites_[i]->stopped && !hostile(i)) witness_.breach(sites_[i]->name + " never ended");
    check_charges(*sites_[i]);
  }
}

}  // namespace collegium::simulated
