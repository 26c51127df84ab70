#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/signature.h"
#include "collegium/random.h"
#include "secagg/masks.h"
#include "secagg/messages.h"
#include "secagg/session.h"

namespace collegium::secagg {

// Told before the shares that open the sum of these sites leave. It must have written down,
// durably, that in this round the site opens the sum of these sites and of no others, and throw
// when it has opened another: the difference of two sums is one site's vector.
using OpenedBook = std::function<void(const SiteList& survivors)>;

// A site in one attempt at a sum: what it answers to each step of the coordinator, which it does
// not trust. The same request again gets the same answer; a second, different one is refused, and
// so is whatever does not fit what came before. Of one site it gives away the share of its mask or
// the share of its key, never both.
//
// All secrets live in this object and are wiped with it: a process that was started again has none
// of them, and takes no further part in the attempt.
class SecureAggregationClient {
 public:
  // Throws ConfigError where the session is not safe, and where `identity` is not that of site
  // `me`.
  SecureAggregationClient(Session session, std::uint32_t me, SigningKey identity,
                          SecureRandom& random, OpenedBook opened);
  ~SecureAggregationClient();
  SecureAggregationClient(const SecureAggregationClient&) = delete;
  SecureAggregationClient& operator=(const SecureAggregationClient&) = delete;

  // advertise: no request -> the advert. share: all adverts -> sealed shares. mask: those sealed to
  // this site, whose senders mask their vectors -> nothing, but masks() are there. sign: the sites
  // in the sum -> a signature. unmask: the signatures -> shares. Throws ProtocolError, which names
  // the site or the rule.
  Octets answer(Step step, std::span<const std::uint8_t> request);

  // What hides this site's vector: added once, to one vector.
  std::vector<Mask> masks() const;

  const Session& session() const { return session_; }

 private:
  struct Exchange {
    Octets request, answer;
  };

  Octets advertise();
  Octets share(std::span<const std::uint8_t> request);
  Octets mask(std::span<const std::uint8_t> request);
  Octets sign(std::span<const std::uint8_t> request);
  Octets unmask(std::span<const std::uint8_t> request);

  Session session_;
  std::uint32_t me_;
  SigningKey identity_;
  SecureRandom& random_;
  OpenedBook opened_;

  std::map<Step, Exchange> done_;
  Scalar self_seed_{}, mask_seed_{};
  AgreementPair channel_, mask_;
  Advert advert_;
  std::map<std::uint32_t, Advert> adverts_;      // of those who share: all of U1
  std::map<std::uint32_t, SharePair> received_;  // from those who mask: U2, this site too
  SharePair own_;                                // this site's shares of its own secrets
  SiteList survivors_;                           // whose vectors are in the sum: U3
};

}  // namespace collegium::secagg
