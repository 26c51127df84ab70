// The coordinator's part in a sum: who is asked what, and what counts as an answer.
#include "secagg/server.h"

#include <algorithm>
#include <string>
#include <utility>

#include "secagg/refusal.h"

namespace collegium::secagg {

SecureAggregationServer::SecureAggregationServer(Session session) : session_(std::move(session)) {
  session_.check();
}

bool SecureAggregationServer::asks(std::uint32_t site) const {
  switch (step_) {
    case Step::advertise:
      return site >= 1 && site <= session_.sites();
    case Step::share:
      return adverts_.contains(site);
    case Step::mask:
      return sealed_.contains(site);
    case Step::sign:
    case Step::unmask:
      return std::ranges::binary_search(survivors_, site);
    case Step::done:
      break;
  }
  return false;
}

bool SecureAggregationServer::enough() const {
  const bool opening = step_ == Step::sign || step_ == Step::unmask;
  return answers_.size() >= (opening ? session_.threshold : session_.minimum);
}

Octets SecureAggregationServer::request(std::uint32_t site) const {
  switch (step_) {
    case Step::share: {
      std::vector<Advert> adverts;
      for (const auto& [from, advert] : adverts_) adverts.push_back(advert);
      return encode(adverts);
    }
    case Step::mask: {
      std::vector<Envelope> envelopes;
      for (const auto& [from, sealed] : sealed_)
        if (from != site) envelopes.push_back({from, sealed.at(site)});
      return encode(envelopes);
    }
    case Step::sign:
      return encode(survivors_);
    case Step::unmask:
      return encode(signatures_);
    case Step::advertise:
    case Step::done:
      break;
  }
  return {};
}

void SecureAggregationServer::take(std::uint32_t site, std::span<const std::uint8_t> answer) {
  if (!asks(site)) refuse("an answer of a site that was not asked", std::string(name_of(step_)));
  const std::string& name = session_.peer(site).name;
  if (step_ == Step::advertise) {
    const auto adverts = read_adverts(answer, session_);
    if (adverts.size() != 1 || adverts[0].site != site ||
        !adverts[0].signed_by(session_, session_.peer(site).key))
      refuse("keys that are not signed by their site for this attempt", name);
  } else if (step_ == Step::share) {
    std::size_t peers = 0;
    for (const Envelope& envelope : read_envelopes(answer, session_))
      peers += envelope.site != site && adverts_.contains(envelope.site) ? 1 : 0;
    if (peers + 1 != adverts_.size()) refuse("shares that are not for all who take part", name);
  } else if (step_ == Step::sign) {
    const auto mine = read_signatures(answer, session_);
    if (mine.size() != 1 || mine[0].site != site ||
        !verify(session_.peer(site).key, survivors_text(session_, survivors_), mine[0].signature))
      refuse("a signature that is not of these sites in this attempt", name);
  } else if (step_ == Step::unmask) {
    std::size_t shared = 0;
    for (const Share& share : read_shares(answer, session_))
      shared += sealed_.contains(share.site) ? 1 : 0;
    if (shared != sealed_.size()) refuse("not one share of each site that masked", name);
  }
  answers_[site] = Octets(answer.begin(), answer.end());
}

void SecureAggregationServer::close() {
  if (!enough()) refuse("too few sites answered the step " + std::string(name_of(step_)), "");
  for (const auto& [site, answer] : answers_) {
    switch (step_) {
      case Step::advertise:
        adverts_[site] = read_adverts(answer, session_).front();
        break;
      case Step::share:
        for (const Envelope& envelope : read_envelopes(answer, session_))
          sealed_[site][envelope.site] = envelope.sealed;
        break;
      case Step::mask:
        survivors_.push_back(site);
        break;
      case Step::sign:
        signatures_.push_back(read_signatures(answer, session_).front());
        break;
      case Step::unmask:
        for (const Share& share : read_shares(answer, session_))
          shares_[site][share.site] = share.value;
        break;
      case Step::done:
        break;
    }
  }
  answers_.clear();
  step_ = static_cast<Step>(static_cast<int>(step_) + 1);
}

}  // namespace collegium::secagg
