#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "secagg/agreement.h"
#include "secagg/octets.h"
#include "secagg/session.h"

// The bytes that travel, as docs/secure_aggregation.md lists them. They come from strangers: the
// readers throw ProtocolError for a length that does not fit, a site that is not of the roster, and
// lists that are not in strictly rising order, so that one list has one encoding. They take memory
// for what is there, never for what is claimed.
namespace collegium::secagg {

// A site's fresh keys, signed by its identity.
struct Advert {
  std::uint32_t site = 0;
  AgreementKey channel{};  // for shares in transit
  AgreementKey mask{};     // for the masks between two sites
  Digest self{};           // commitment to the seed of its own mask
  Signature signature{};

  bool operator==(const Advert&) const = default;
  void sign(const Session& session, const SigningKey& identity);
  bool signed_by(const Session& session, const VerifyKey& key) const;
};

// A sealed pair of shares; `site` is the receiver where a site sends it, the sender where it gets
// it.
struct Envelope {
  std::uint32_t site = 0;
  Sealed sealed{};
};

struct SiteSignature {
  std::uint32_t site = 0;
  Signature signature{};
};

using SiteList = std::vector<std::uint32_t>;

// What is signed about the sites whose vectors are in the sum.
Octets survivors_text(const Session& session, const SiteList& survivors);

Octets encode(std::span<const Advert> adverts);
Octets encode(std::span<const Envelope> envelopes);
Octets encode(std::span<const SiteSignature> signatures);
Octets encode(std::span<const Share> shares);
Octets encode(const SiteList& sites);

std::vector<Advert> read_adverts(std::span<const std::uint8_t> bytes, const Session& session);
std::vector<Envelope> read_envelopes(std::span<const std::uint8_t> bytes, const Session& session);
std::vector<SiteSignature> read_signatures(std::span<const std::uint8_t> bytes,
                                           const Session& session);
std::vector<Share> read_shares(std::span<const std::uint8_t> bytes, const Session& session);
SiteList read_sites(std::span<const std::uint8_t> bytes, const Session& session);

}  // namespace collegium::secagg
