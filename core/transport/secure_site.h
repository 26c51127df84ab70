#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "base/signature.h"
#include "federation/events.h"
#include "federation/secure_terms.h"
#include "privacy/noisy_sum.h"
#include "secagg/client.h"

namespace collegium {

// What a site needs to take part in secure aggregation: its own identity and the pinned public keys
// of all sites, its own too.
struct SecureIdentity {
  SigningKey key;
  std::vector<secagg::Peer> peers;
};

// Noise of a sum, and what of it is this site's: its plan, and not the coordinator's word.
struct SumNoise {
  double clip = 1;  // no update is longer
  double noise_multiplier = 0;
  std::optional<std::int64_t> colluding = {};
  std::vector<Range> ranges = {};  // of the update that get noise; the rest is 0
  // Makes durable that the draw with these masked bytes leaves next.
  std::function<void(const Digest& masked)> drawn = {};
};

// The session of the attempt that a step belongs to.
secagg::Session session_of(const at_site::SecureStep& step, std::vector<secagg::Peer> roster);

// The secrets of a site in secure aggregation, for the attempt at hand, and the update under its
// masks. The coordinator's terms are looked at, not trusted: sites must be exactly those pinned,
// the threshold and the overflow rule are the site's own arithmetic.
class SecureSite {
 public:
  struct Answer {
    Bytes bytes;
    SharedBlob masked;
  };
  // Makes durable which sum is opened in a round; throws when it is not the one of before.
  using Book = std::function<void(const StoredResult& result, const Digest& sum)>;

  SecureSite(std::string site, SecureIdentity identity, SecureRandom& random, Book book);

  // Throws ConfigError for terms that this site does not take, ProtocolError for a request that
  // breaks the rules, DataError for an update that has no place in a sum.
  // `noise`: each attempt draws its own, once; null for an update that owes none.
  Answer answer(const at_site::SecureStep& order, const SumNoise* noise = nullptr);

  // How many values of the latest masked update were cut at the clip; for the site's own log.
  std::size_t cut() const { return cut_; }

 private:
  void begin(const at_site::SecureStep& order);
  std::vector<secagg::Peer> roster_of(const SecureTerms& terms) const;
  SharedBlob masked(const SumNoise* noise);
  template <class Word>
  Bytes masked_words(const secagg::IntegerCode& code, const SumNoise* noise);
  NoisySum noise_of(const SumNoise& noise) const;

  std::string site_;
  SecureIdentity identity_;
  SecureRandom& random_;
  Book book_;
  std::optional<SecureTerms> terms_;
  StoredResult result_;  // whose masked bytes this attempt is about
  std::unique_ptr<secagg::SecureAggregationClient> client_;
  SharedBlob masked_;
  std::size_t cut_ = 0;
};

}  // namespace collegium
