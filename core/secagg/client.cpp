// A site up to its masked vector.
#include "secagg/client.h"

#include <algorithm>
#include <string>
#include <utility>

#include "collegium/error.h"
#include "secagg/refusal.h"

namespace collegium::secagg {

SecureAggregationClient::SecureAggregationClient(Session session, std::uint32_t me,
                                                 SigningKey identity, SecureRandom& random,
                                                 OpenedBook opened)
    : session_(std::move(session)),
      me_(me),
      identity_(std::move(identity)),
      random_(random),
      opened_(std::move(opened)) {
  session_.check();
  if (me_ < 1 || me_ > session_.sites() || session_.peer(me_).key != identity_.verify_key())
    throw ConfigError(Problem{.what = "this site's own key is not that of its place in the roster",
                              .where = "secure aggregation",
                              .found = "site " + std::to_string(me_)});
}

SecureAggregationClient::~SecureAggregationClient() {
  wipe(self_seed_);
  wipe(mask_seed_);
  wipe(channel_.secret);
  wipe(mask_.secret);
  wipe(own_.self);
  wipe(own_.mask);
  for (auto& [site, shares] : received_) {
    wipe(shares.self);
    wipe(shares.mask);
  }
}

Octets SecureAggregationClient::answer(Step step, std::span<const std::uint8_t> request) {
  const auto known = done_.find(step);
  if (known != done_.end()) {
    if (!std::ranges::equal(known->second.request, request))
      refuse("two different requests for one step of an attempt", std::string(name_of(step)));
    return known->second.answer;
  }
  if (step == Step::done ||
      (step != Step::advertise && !done_.contains(static_cast<Step>(static_cast<int>(step) - 1))))
    refuse("a step of secure aggregation came out of turn", std::string(name_of(step)));
  Octets answer;
  switch (step) {
    case Step::advertise:
      answer = advertise();
      break;
    case Step::share:
      answer = share(request);
      break;
    case Step::mask:
      answer = mask(request);
      break;
    case Step::sign:
      answer = sign(request);
      break;
    case Step::unmask:
      answer = unmask(request);
      break;
    case Step::done:
      break;
  }
  done_[step] = {Octets(request.begin(), request.end()), answer};
  return answer;
}

Octets SecureAggregationClient::advertise() {
  mask_seed_ = random_scalar(random_);
  self_seed_ = random_scalar(random_);
  mask_ = AgreementPair::from_seed(mask_seed_);
  channel_ = AgreementPair::random(random_);
  advert_ = {.site = me_,
             .channel = channel_.public_key,
             .mask = mask_.public_key,
             .self = commitment(self_seed_),
             .signature = {}};
  advert_.sign(session_, identity_);
  return encode(std::span(&advert_, 1));
}

Octets SecureAggregationClient::share(std::span<const std::uint8_t> request) {
  const std::vector<Advert> adverts = read_adverts(request, session_);
  require_enough(adverts.size(), session_.minimum, "took part");
  std::map<std::uint32_t, SharedKey> channels;
  for (const Advert& advert : adverts) {
    const std::string& name = session_.peer(advert.site).name;
    if (!advert.signed_by(session_, session_.peer(advert.site).key))
      refuse("keys that are not signed by their site for this attempt", name);
    if (advert.site == me_) {
      if (advert != advert_) refuse("other keys of this site than its own", name);
      continue;
    }
    const auto shared = agree(channel_.secret, advert.channel);
    if (!shared || !agree(mask_.secret, advert.mask))
      refuse("a key of small order, which anybody could agree with", name);
    channels[advert.site] = channel_key(*shared, session_, me_, advert.site);
  }
  if (channels.size() == adverts.size()) refuse("a list without this site", "");
  for (const Advert& advert : adverts) adverts_[advert.site] = advert;

  std::vector<Scalar> self =
      share_secret(self_seed_, session_.threshold, session_.sites(), random_);
  std::vector<Scalar> mask =
      share_secret(mask_seed_, session_.threshold, session_.sites(), random_);
  std::vector<Envelope> envelopes;
  for (auto& [site, key] : channels) {
    envelopes.push_back(
        {site, seal({self[site - 1], mask[site - 1]}, key, session_, me_, site, random_)});
    wipe(key);
  }
  own_ = {self[me_ - 1], mask[me_ - 1]};
  for (std::uint32_t site = 0; site < session_.sites(); ++site) {
    wipe(self[site]);
    wipe(mask[site]);
  }
  return encode(envelopes);
}

Octets SecureAggregationClient::mask(std::span<const std::uint8_t> request) {
  const std::vector<Envelope> envelopes = read_envelopes(request, session_);
  require_enough(envelopes.size() + 1, session_.minimum, "shared their keys");
  std::map<std::uint32_t, SharePair> received;
  for (const Envelope& envelope : envelopes) {
    const std::string& name = session_.peer(envelope.site).name;
    const auto advert = adverts_.find(envelope.site);
    if (envelope.site == me_ || advert == adverts_.end())
      refuse("shares of a site that was not among those who shared", name);
    const auto shared = agree(channel_.secret, advert->second.channel);
    const auto shares = open(envelope.sealed, channel_key(*shared, session_, me_, envelope.site),
                             session_, envelope.site, me_);
    if (!shares) refuse("shares that were not sealed for this site in this attempt", name);
    received[envelope.site] = *shares;
  }
  received_ = std::move(received);
  received_[me_] = own_;
  return {};
}

std::vector<Mask> SecureAggregationClient::masks() const {
  std::vector<Mask> masks{{.key = self_key(self_seed_, session_, me_)}};
  for (const auto& [site, shares] : received_) {
    if (site == me_) continue;
    const auto shared = agree(mask_.secret, adverts_.at(site).mask);
    masks.push_back({.key = pair_key(*shared, session_, me_, site), .negative = site < me_});
  }
  return masks;
}

}  // namespace collegium::secagg
