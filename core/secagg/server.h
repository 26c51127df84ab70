#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "secagg/masks.h"
#include "secagg/messages.h"
#include "secagg/session.h"

namespace collegium::secagg {

// The coordinator's half of one attempt: it hands the sites' messages on, and opens the sum. For
// each step it asks some sites, takes what comes, and closes the step with those who answered.
class SecureAggregationServer {
 public:
  explicit SecureAggregationServer(Session session);  // throws ConfigError where it is not safe

  Step step() const { return step_; }
  const Session& session() const { return session_; }
  // Whether this site is asked in this step, and whether it has answered.
  bool asks(std::uint32_t site) const;
  bool answered(std::uint32_t site) const { return answers_.contains(site); }
  std::size_t answers() const { return answers_.size(); }
  bool enough() const;  // to close the step

  Octets request(std::uint32_t site) const;
  // Throws ProtocolError for what is not an answer to the step; it then has not answered. In the
  // step `mask` the answer is empty: the masked vector is in the caller's sum.
  void take(std::uint32_t site, std::span<const std::uint8_t> answer);
  void close();  // the step; throws ProtocolError when there are not enough answers

  // What opens the sum of the masked vectors: to be added to it. Once all steps are closed. Throws
  // ProtocolError, with the site whose secret the shares do not give.
  std::vector<Mask> unmasking() const;
  const SiteList& survivors() const { return survivors_; }

 private:
  Session session_;
  Step step_ = Step::advertise;
  std::map<std::uint32_t, Octets> answers_;                          // of the present step
  std::map<std::uint32_t, Advert> adverts_;                          // U1
  std::map<std::uint32_t, std::map<std::uint32_t, Sealed>> sealed_;  // U2: by sender and receiver
  SiteList survivors_;                                               // U3
  std::vector<SiteSignature> signatures_;
  std::map<std::uint32_t, std::map<std::uint32_t, Scalar>> shares_;  // by giver, of whom
};

}  // namespace collegium::secagg
