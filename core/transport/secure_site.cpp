#include "transport/secure_site.h"

#include <algorithm>
#include <utility>

#include "collegium/error.h"
#include "federation/bodies.h"
#include "transport/float_bytes.h"

namespace collegium {
namespace {

template <class Word>
Bytes mask_update(const secagg::IntegerCode& code, const StoredResult& stored,
                  const std::vector<secagg::Mask>& masks, std::size_t& cut) {
  const Floats delta(stored.update->bytes);
  const std::size_t size = delta.values().size() + 1;
  const auto words = std::make_shared_for_overwrite<Word[]>(size);
  const std::span<Word> all(words.get(), size);
  cut = secagg::encode(code, delta.values(), ResultBody::read(stored.body).weight, all);
  secagg::add_masks(all, masks);
  return {words, std::span(reinterpret_cast<const std::uint8_t*>(words.get()), all.size_bytes())};
}

}  // namespace

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
  secagg::Session session = secure_session(
      {order.stored.run, order.stored.round, order.attempt, order.stored.model},
      {order.network, order.training, order.privacy, order.mechanism, order.secure_aggregation},
      roster_of(*terms_));
  client_ = std::make_unique<secagg::SecureAggregationClient>(
      std::move(session), terms_->number_of(site_), identity_.key, random_,
      [this](const secagg::SiteList& survivors) {
        Hasher hasher;  // of who is in the sum, and of what this site has in it
        for (const std::uint32_t survivor : survivors) hasher.add(terms_->sites[survivor - 1]);
        hasher.add(std::span<const std::uint8_t>(result_.update->id.digest));
        hasher.add(result_.body.to_toml());
        if (book_) book_(result_, hasher.finish());
      });
}

SecureSite::Answer SecureSite::answer(const at_site::SecureStep& order) {
  if (order.step == secagg::Step::advertise) begin(order);
  if (!client_)
    throw ProtocolError({.what = "secure aggregation: this process has no keys for the attempt"});
  Answer answer{Bytes::owning(client_->answer(order.step, order.request.view)), nullptr};
  if (order.step != secagg::Step::mask) return answer;
  if (!masked_) masked_ = masked(result_);
  answer.masked = masked_;
  return answer;
}

SharedBlob SecureSite::masked(const StoredResult& stored) {
  const secagg::IntegerCode code = terms_->code();
  const auto masks = client_->masks();
  return std::make_shared<const Blob>(
      Blob::of(code.word_bits == 32 ? mask_update<std::uint32_t>(code, stored, masks, cut_)
                                    : mask_update<std::uint64_t>(code, stored, masks, cut_)));
}

}  // namespace collegium
