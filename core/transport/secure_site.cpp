#include "transport/secure_site.h"

#include <algorithm>
#include <utility>

#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "federation/bodies.h"
#include "transport/float_bytes.h"

namespace collegium {

secagg::Session session_of(const at_site::SecureStep& step, std::vector<secagg::Peer> roster) {
  return secure_session({step.stored.run, step.stored.round, step.attempt, step.stored.model},
                        {step.task.network, step.task.training, step.task.privacy,
                         step.task.mechanism, step.secure_aggregation},
                        std::move(roster));
}

SecureSite::SecureSite(std::string site, SecureIdentity identity, SecureRandom& random, Book book)
    : site_(std::move(site)),
      identity_(std::move(identity)),
      random_(random),
      book_(std::move(book)) {}

// The keys are this site's own; the coordinator only says in which order the names stand.
std::vector<secagg::Peer> SecureSite::roster_of(const SecureTerms& terms) const {
  std::vector<secagg::Peer> roster;
  const auto refuse = [&](const std::string& what, const std::string& found) {
    throw ConfigError({.what = what,
                       .where = "[site] peers",
                       .expected = "the federation's sites, each with its NAME.public",
                       .found = found,
                       .remedy = "put the missing files into the folder, or take out those of "
                                 "sites that are not in this federation"});
  };
  for (const std::string& name : terms.sites) {
    const auto pinned = std::ranges::find(identity_.peers, name, &secagg::Peer::name);
    if (pinned == identity_.peers.end())
      refuse("the coordinator names a site whose key is not pinned here", "'" + name + "'");
    roster.push_back(*pinned);
  }
  for (const secagg::Peer& peer : identity_.peers)
    if (terms.number_of(peer.name) == 0)
      refuse("the coordinator leaves out a site that is pinned here", "'" + peer.name + "'");
  return roster;
}

void SecureSite::begin(const at_site::SecureStep& order) {
  client_.reset();
  masked_.reset();
  result_ = order.stored;
  terms_ = SecureTerms::read(order.secure_aggregation);
  terms_->code();  // the overflow rule
  client_ = std::make_unique<secagg::SecureAggregationClient>(
      session_of(order, roster_of(*terms_)), terms_->number_of(site_), identity_.key, random_,
      [this](const secagg::SiteList& survivors) {
        Hasher hasher;  // of who is in the sum, and of what this site has in it
        for (const std::uint32_t survivor : survivors) hasher.add(terms_->sites[survivor - 1]);
        hasher.add(std::span<const std::uint8_t>(result_.update->id.digest));
        hasher.add(result_.body.to_toml());
        if (book_) book_(result_, hasher.finish());
      });
}

SecureSite::Answer SecureSite::answer(const at_site::SecureStep& order, const SumNoise* noise) {
  if (order.step == secagg::Step::advertise) {
    begin(order);
    if (noise) noise_of(*noise);  // or its terms are refused before there are any keys
  }
  if (!client_)
    throw ProtocolError({.what = "secure aggregation: this process has no keys for the attempt"});
  Answer answer{Bytes::owning(client_->answer(order.step, order.request.view)), nullptr};
  if (order.step != secagg::Step::mask) return answer;
  if (!masked_) masked_ = masked(noise);
  answer.masked = masked_;
  return answer;
}

// The share is this site's own arithmetic; the terms only have to leave room for it.
NoisySum SecureSite::noise_of(const SumNoise& noise) const {
  const NoisySum sum = NoisySum::of(noise.clip, noise.noise_multiplier, terms_->scale_bits,
                                    terms_->honest(noise.colluding));
  const double margin = sum.margin(static_cast<std::uint32_t>(terms_->sites.size()));
  if (!(terms_->margin >= margin * (1 - 1e-6)))
    throw ConfigError({.what = "the integers of the sum leave no room for its noise",
                       .where = "[secure_aggregation]",
                       .expected = "a margin of at least " + std::to_string(margin),
                       .found = std::to_string(terms_->margin)});
  return sum;
}

template <class Word>
Bytes SecureSite::masked_words(const secagg::IntegerCode& code, const SumNoise* noise) {
  const Floats delta(result_.update->bytes);
  const std::size_t size = delta.values().size() + 1;
  const auto words = std::make_shared_for_overwrite<Word[]>(size);
  const std::span<Word> all(words.get(), size);
  cut_ = secagg::encode(code, delta.values(), ResultBody::read(result_.body).weight, all);
  if (noise) {
    if (!(l2_norm(delta.values()) <= noise->clip))
      throw DataError({.what = "the update is longer than its noise is made for",
                       .where = "[privacy] clip",
                       .expected = "a norm of at most " + std::to_string(noise->clip)});
    const DiscreteGaussian share = noise_of(*noise).share();
    for (const Range& range : noise->ranges)
      for (Word& word : all.subspan(range.offset, range.size))
        word += static_cast<Word>(share.draw(random_));
  }
  secagg::add_masks(all, client_->masks());
  return {words, std::span(reinterpret_cast<const std::uint8_t*>(words.get()), all.size_bytes())};
}

SharedBlob SecureSite::masked(const SumNoise* noise) {
  const secagg::IntegerCode code = terms_->code();
  auto blob = std::make_shared<const Blob>(
      Blob::of(code.word_bits == 32 ? masked_words<std::uint32_t>(code, noise)
                                    : masked_words<std::uint64_t>(code, noise)));
  if (noise && noise->drawn) noise->drawn(blob->id.digest);
  return blob;
}

}  // namespace collegium
