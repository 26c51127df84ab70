// What every history with secure aggregation must keep.
#include <algorithm>

#include "federation/bodies.h"
#include "secagg/integer_code.h"
#include "secagg/messages.h"
#include "simulation/processes.h"

namespace collegium::simulated {

// What a site has answered to a step, before anybody hears of it.
void World::check_step(std::size_t index, const at_site::SecureStep& step,
                       const SecureSite::Answer& answer) {
  const std::string& name = sites_[index]->name;
  SecurePart& part = sites_[index]->secure;
  SecureWitness& seen = witness_.secure;
  if (step.step == secagg::Step::advertise) {
    part.advert = Blob::of(answer.bytes).id.digest;
    seen.hidden[part.advert] = step.stored;
    witness_.weights[{name, part.advert}] = 1;
    check_unmasked(index, answer.bytes);
  }
  if (step.step != secagg::Step::unmask) return;
  const std::string round = std::to_string(step.stored.round);
  std::set<Digest>& opened = seen.opened[{name, step.stored.round}];
  opened.insert(part.opening);
  if (opened.size() > 1) witness_.breach(name + " opens two sums of round " + round);
  // All who give shares in one attempt give them for the same sum: else of one site some would give
  // those of its key, and others those of its own mask.
  const auto signing =
      std::ranges::find(part.steps, secagg::Step::sign, &at_site::SecureStep::step);
  const secagg::Session session =
      session_of(step, roster_of(SecureTerms::read(step.secure_aggregation).sites));
  std::set<Digest>& lists = seen.lists[session.id];
  lists.insert(Blob::of(signing->request).id.digest);
  if (lists.size() > 1)
    witness_.breach("two sums of one attempt of round " + round + " are opened");
}

// Of each site one share may leave in an attempt: of its own mask or of its key, never both.
void World::check_shares(std::size_t index, const Message& message) {
  const std::string& name = sites_[index]->name;
  check_unmasked(index, message.payload);
  if (SecureBody::read(message.body).step != secagg::Step::unmask) return;
  secagg::Session session;
  session.roster = roster_of(coordinator_->terms.sites);
  for (const secagg::Share& share : secagg::read_shares(message.payload.view, session)) {
    auto& given = witness_.secure.shares[{sites_[index]->secure.advert, share.site}];
    given.insert(share.value);
    if (given.size() > 1)
      witness_.breach(name + " gives both shares of site " + std::to_string(share.site));
  }
}

void World::check_unmasked(std::size_t index, const Bytes& leaves) {
  if (!leaves.empty() && witness_.values.contains(Blob::of(leaves).id.digest))
    witness_.breach(sites_[index]->name + ": an update leaves without its masks");
}

// The weighted mean of those who are named, from their updates as they were trained.
std::vector<float> World::plain_mean(const RoundRecord& record) {
  const secagg::IntegerCode code = coordinator_->terms.code();
  std::vector<std::uint32_t> sum(kFloats + 1, 0), words(kFloats + 1);
  for (const Contribution& one : record.contributions) {
    if (one.state != Contribution::State::accepted) continue;
    const StoredResult& result = witness_.secure.hidden.at(one.update->digest);
    secagg::encode(code, floats_of(result.update->bytes), ResultBody::read(result.body).weight,
                   words);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += words[i];
  }
  std::vector<float> mean(kFloats);
  secagg::decode(code, std::span<const std::uint32_t>(sum), mean);
  return mean;
}

}  // namespace collegium::simulated
