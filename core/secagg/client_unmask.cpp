// A site after its masked vector: it signs whose vectors are in the sum, once, and opens that sum.
#include <algorithm>
#include <set>
#include <string>

#include "secagg/client.h"
#include "secagg/refusal.h"

namespace collegium::secagg {

Octets SecureAggregationClient::sign(std::span<const std::uint8_t> request) {
  const SiteList survivors = read_sites(request, session_);
  require_enough(survivors.size(), session_.minimum, "are in the sum");
  for (const std::uint32_t site : survivors)
    if (!received_.contains(site))
      refuse("a site in the sum whose shares did not come", session_.peer(site).name);
  if (!std::ranges::binary_search(survivors, me_)) refuse("a sum without this site", "");
  survivors_ = survivors;
  const SiteSignature mine{me_, identity_.sign(survivors_text(session_, survivors_))};
  return encode(std::span(&mine, 1));
}

Octets SecureAggregationClient::unmask(std::span<const std::uint8_t> request) {
  const std::vector<SiteSignature> signatures = read_signatures(request, session_);
  const Octets text = survivors_text(session_, survivors_);
  for (const SiteSignature& one : signatures) {
    const Peer& peer = session_.peer(one.site);
    if (!std::ranges::binary_search(survivors_, one.site))
      refuse("a signature of a site that is not in the sum", peer.name);
    if (!verify(peer.key, text, one.signature))
      refuse("a site did not sign the sum that this site signed", peer.name);
  }
  require_enough(signatures.size(), session_.threshold, "signed whose vectors are in the sum");
  if (opened_) opened_(survivors_);

  std::vector<Share> shares;
  for (const auto& [site, pair] : received_) {
    const bool survived = std::ranges::binary_search(survivors_, site);
    shares.push_back({site, survived ? pair.self : pair.mask});
  }
  Octets answer = encode(shares);
  for (Share& share : shares) wipe(share.value);
  for (auto& [site, pair] : received_) {  // what was not given away never will be
    wipe(pair.self);
    wipe(pair.mask);
  }
  return answer;
}

}  // namespace collegium::secagg
