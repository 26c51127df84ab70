// Secure aggregation in the simulated processes: the real keys, masks and sums.
#include "simulation/secure.h"

#include <algorithm>

#include "collegium/error.h"
#include "federation/bodies.h"
#include "secagg/messages.h"
#include "simulation/processes.h"
#include "transport/trainer_work.h"

namespace collegium::simulated {

SigningKey identity_of(std::uint32_t site) {
  return SigningKey::from_seed(SigningKey::Seed{static_cast<std::uint8_t>(site)});
}

std::vector<secagg::Peer> roster_of(const std::vector<std::string>& sites) {
  std::vector<secagg::Peer> roster;
  for (const std::string& site : sites)
    roster.push_back(
        {site, identity_of(static_cast<std::uint32_t>(roster.size() + 1)).verify_key()});
  return roster;
}

// The terms of one process of the coordinator.
void World::begin_secure() {
  const auto sites = static_cast<std::uint32_t>(sites_.size());
  SecureTerms terms{.sites = {},
                    .threshold = secagg::smallest_threshold(sites),
                    .minimum = static_cast<std::uint32_t>(plan_.min_sites),
                    .clip = 2,
                    .max_weight = 10,
                    .life = std::to_string(random_())};
  for (const auto& site : sites_) terms.sites.push_back(site->name);
  terms.scale_bits = secagg::IntegerCode::of(sites, terms.clip, terms.max_weight).scale_bits;
  coordinator_->terms = std::move(terms);
  coordinator_->masked.reset();
}

void World::start_secure(std::size_t index) {
  SecurePart& part = sites_[index]->secure;
  std::vector<std::string> names;
  for (const auto& site : sites_) names.push_back(site->name);
  if (plan_.bug == PlantedBug::forgets_opened_sums) part.opened.clear();
  part.steps.clear();
  part.keys = std::make_unique<SecureSite>(
      sites_[index]->name,
      SecureIdentity{identity_of(static_cast<std::uint32_t>(index + 1)), roster_of(names)},
      *part.coins, [this, index](const StoredResult& result, const Digest& sum) {
        SiteProcess& process = *sites_[index];
        process.secure.opening = sum;
        if (process.files) return process.files->vault().open_sum(result, sum);
        const auto known = process.secure.opened.try_emplace(result.round, sum).first;
        refuse_second_sum(known->second, sum, result.round);
      });
}

// A process may be killed over a step, once before it is done and once when its answer is out.
void World::take_step(std::size_t index, const at_site::SecureStep& step) {
  SiteProcess& process = *sites_[index];
  process.worker_free = std::max(process.worker_free, now_) + seconds(0.1);
  later(process.worker_free - now_, [this, index, step, life = process.life] {
    SiteProcess& process = *sites_[index];
    if (life != process.life) return;
    const auto lost = [&](double share) {
      if (!faulty() || !chance(share)) return false;
      ++witness_.secure.lost_in[step.step];
      return true;
    };
    if (lost(plan_.dies_in_sum)) return kill_site(index);
    const SiteEvent event = answered(index, step);
    if (life != process.life) return;  // its disk has killed it
    tell(index, event);
    if (life == process.life && lost(plan_.dies_in_sum)) return kill_site(index);
    if (lost(plan_.silent_in_sum)) partition(index);
  });
}

SiteEvent World::answered(std::size_t index, const at_site::SecureStep& step) {
  SecurePart& part = sites_[index]->secure;
  if (step.step == secagg::Step::advertise) {
    part.steps.clear();
    part.coins->seed(part.seed = random_());
    if (plan_.bug == PlantedBug::charges_every_sum && step.attempt > 1)
      sites_[index]->charges.insert({step.stored.round, 100 + step.attempt});
  }
  SecureSite::Answer answer;
  std::string failure;
  const auto give = [&] { answer = part.keys->answer(step); };
  if (sites_[index]->files && step.step == secagg::Step::unmask) {
    const DiskResult result = on_disk(sites_[index]->files->disk, give);
    if (result.died) {
      kill_site(index);
      return {};
    }
    failure = result.failure;
  } else {
    try {
      give();
    } catch (const Error& error) {
      failure = error.what();
    }
  }
  if (!failure.empty()) {
    trace("  {" + sites_[index]->name + "} step " + std::string(name_of(step.step)) + ": " +
          failure);
    return at_site::SecureRefused{step.job, failure};
  }
  part.steps.push_back(step);
  check_step(index, step, answer);
  if (plan_.bug == PlantedBug::gives_both_shares && step.step == secagg::Step::unmask)
    give_other_shares(index);
  if (plan_.bug == PlantedBug::serves_it_unmasked && answer.masked)
    answer.masked = step.stored.update;
  return at_site::SecureAnswered{step.job, std::move(answer.bytes), std::move(answer.masked)};
}

// A second process with the same keys, that was told of one site less in the sum, by a coordinator
// that has enough others sign it.
void World::give_other_shares(std::size_t index) {
  const SecurePart& part = sites_[index]->secure;
  SeededRandom coins;
  coins.seed(part.seed);
  SecureSite twin(
      sites_[index]->name,
      {identity_of(static_cast<std::uint32_t>(index + 1)), roster_of(coordinator_->terms.sites)},
      coins, {});
  secagg::SiteList list;
  Bytes shares;
  try {
    for (at_site::SecureStep step : part.steps) {
      const SecureTerms terms = SecureTerms::read(step.secure_aggregation);
      const secagg::Session session = session_of(step, roster_of(terms.sites));
      if (step.step == secagg::Step::sign) {
        list = secagg::read_sites(step.request.view, session);
        std::erase(list, index == 0 ? 2u : 1u);
        step.request = Bytes::copy_of(secagg::encode(list));
      } else if (step.step == secagg::Step::unmask) {
        std::vector<secagg::SiteSignature> signatures;
        for (const std::uint32_t site : list)
          signatures.push_back(
              {site, identity_of(site).sign(secagg::survivors_text(session, list))});
        step.request = Bytes::copy_of(secagg::encode(signatures));
      }
      shares = twin.answer(step).bytes;
    }
  } catch (const Error&) {
    return;  // too few would be left
  }
  const at_site::SecureStep& last = part.steps.back();
  const SecureBody body{.attempt = last.attempt, .step = secagg::Step::unmask};
  const Message message{Kind::secured, last.stored.run,  last.stored.round, 0,
                        body.write(),  std::move(shares)};
  check_shares(index, message);
  to_coordinator(index, message);
}

std::vector<float> World::opened_mean(const at_coordinator::FinishAggregate& action) {
  CoordinatorProcess& process = *coordinator_;
  std::vector<float> mean(kFloats, 0.0f);
  if (!action.opening) {
    witness_.breach("a sum under masks is to be read without what opens it");
    return mean;
  }
  if (action.opening->size() > process.order.size()) ++witness_.secure.recovered;
  try {
    process.masked->open(*action.opening, mean);
  } catch (const Error& error) {  // no promise by itself: the model tells
    trace(std::string("the sum is not one: ") + error.what());
  }
  return mean;
}

}  // namespace collegium::simulated
