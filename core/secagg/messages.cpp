#include "secagg/messages.h"

#include <algorithm>
#include <string>

#include "collegium/error.h"

namespace collegium::secagg {
namespace {

[[noreturn]] void refuse(const char* list, const std::string& expected, const std::string& found) {
  throw ProtocolError(Problem{.what = std::string("a list of ") + list + " cannot be read",
                              .where = "secure aggregation",
                              .expected = expected,
                              .found = found});
}

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number |= std::uint32_t{bytes[at + i]} << (8 * i);
  return number;
}

// Calls read(site, the rest of its entry) for entries of `size` bytes, each begun by a site's
// number.
template <class Read>
void read_list(std::span<const std::uint8_t> bytes, const Session& session, const char* list,
               std::size_t size, Read read) {
  if (bytes.empty() || bytes.size() % size != 0 || bytes.size() / size > session.sites())
    refuse(list,
           "1 to " + std::to_string(session.sites()) + " entries of " + std::to_string(size) +
               " bytes",
           std::to_string(bytes.size()) + " bytes");
  std::uint32_t before = 0;
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const std::uint32_t site = number_at(bytes, at);
    if (site <= before || site > session.sites())
      refuse(list, "sites of the roster in rising order",
             "site " + std::to_string(site) + " after site " + std::to_string(before));
    before = site;
    read(site, bytes.subspan(at + 4, size - 4));
  }
}

template <std::size_t N>
void take(std::span<const std::uint8_t>& from, std::array<std::uint8_t, N>& into) {
  std::copy_n(from.begin(), N, into.begin());
  from = from.subspan(N);
}

Octets advert_text(const Session& session, const Advert& advert) {
  Octets text;
  put(text, "collegium/secure-aggregation/v1/advert");
  put(text, session.id);
  put(text, session.round);
  put(text, advert.site);
  put(text, advert.channel);
  put(text, advert.mask);
  put(text, advert.self);
  return text;
}

constexpr std::size_t kAdvertSize = 4 + 3 * 32 + 64;

}  // namespace

void Advert::sign(const Session& session, const SigningKey& identity) {
  signature = identity.sign(advert_text(session, *this));
}

bool Advert::signed_by(const Session& session, const VerifyKey& key) const {
  return verify(key, advert_text(session, *this), signature);
}

Octets survivors_text(const Session& session, const SiteList& survivors) {
  Octets text;
  put(text, "collegium/secure-aggregation/v1/survivors");
  put(text, session.id);
  put(text, session.round);
  put(text, static_cast<std::uint32_t>(survivors.size()));
  for (const std::uint32_t site : survivors) put(text, site);
  return text;
}

Octets encode(std::span<const Advert> adverts) {
  Octets out;
  for (const Advert& advert : adverts) {
    put(out, advert.site);
    put(out, advert.channel);
    put(out, advert.mask);
    put(out, advert.self);
    put(out, advert.signature);
  }
  return out;
}

Octets encode(std::span<const Envelope> envelopes) {
  Octets out;
  for (const Envelope& envelope : envelopes) {
    put(out, envelope.site);
    put(out, envelope.sealed);
  }
  return out;
}

Octets encode(std::span<const SiteSignature> signatures) {
  Octets out;
  for (const SiteSignature& one : signatures) {
    put(out, one.site);
    put(out, one.signature);
  }
  return out;
}

Octets encode(std::span<const Share> shares) {
  Octets out;
  for (const Share& share : shares) {
    put(out, share.site);
    put(out, share.value);
  }
  return out;
}

Octets encode(const SiteList& sites) {
  Octets out;
  for (const std::uint32_t site : sites) put(out, site);
  return out;
}

std::vector<Advert> read_adverts(std::span<const std::uint8_t> bytes, const Session& session) {
  std::vector<Advert> adverts;
  read_list(bytes, session, "adverts", kAdvertSize,
            [&](std::uint32_t site, std::span<const std::uint8_t> rest) {
              Advert advert{.site = site};
              take(rest, advert.channel);
              take(rest, advert.mask);
              take(rest, advert.self);
              take(rest, advert.signature);
              adverts.push_back(advert);
            });
  return adverts;
}

std::vector<Envelope> read_envelopes(std::span<const std::uint8_t> bytes, const Session& session) {
  std::vector<Envelope> envelopes;
  read_list(bytes, session, "sealed shares", 4 + kSealedSize,
            [&](std::uint32_t site, std::span<const std::uint8_t> rest) {
              Envelope envelope{.site = site};
              take(rest, envelope.sealed);
              envelopes.push_back(envelope);
            });
  return envelopes;
}

std::vector<SiteSignature> read_signatures(std::span<const std::uint8_t> bytes,
                                           const Session& session) {
  std::vector<SiteSignature> signatures;
  read_list(bytes, session, "signatures", 4 + sizeof(Signature),
            [&](std::uint32_t site, std::span<const std::uint8_t> rest) {
              SiteSignature one{.site = site};
              take(rest, one.signature);
              signatures.push_back(one);
            });
  return signatures;
}

std::vector<Share> read_shares(std::span<const std::uint8_t> bytes, const Session& session) {
  std::vector<Share> shares;
  read_list(bytes, session, "shares", 4 + sizeof(Scalar),
            [&](std::uint32_t site, std::span<const std::uint8_t> rest) {
              Share share{.site = site};
              take(rest, share.value);
              if (!is_scalar(share.value))
                refuse("shares", "numbers below the field's order", "a larger one");
              shares.push_back(share);
            });
  return shares;
}

SiteList read_sites(std::span<const std::uint8_t> bytes, const Session& session) {
  SiteList sites;
  read_list(bytes, session, "sites", 4,
            [&](std::uint32_t site, std::span<const std::uint8_t>) { sites.push_back(site); });
  return sites;
}

}  // namespace collegium::secagg
