// How the coordinator opens the sum: the shares give back the seed of each survivor's own mask, and
// the key of each site whose vector is missing, whose masks with the survivors did not cancel.
#include <algorithm>

#include "secagg/refusal.h"
#include "secagg/server.h"

namespace collegium::secagg {

std::vector<Mask> SecureAggregationServer::unmasking() const {
  std::vector<std::uint32_t> givers;
  for (const auto& [giver, shares] : shares_) {
    if (givers.size() == session_.threshold) break;
    givers.push_back(giver);
  }
  const std::vector<Scalar> coefficients = lagrange_at_zero(givers);
  const auto secret_of = [&](std::uint32_t site) {
    std::vector<Scalar> shares;
    for (const std::uint32_t giver : givers) shares.push_back(shares_.at(giver).at(site));
    return combine(shares, coefficients);
  };

  std::vector<Mask> masks;
  for (const auto& [site, sealed] : sealed_) {
    const Advert& advert = adverts_.at(site);
    Scalar secret = secret_of(site);
    if (std::ranges::binary_search(survivors_, site)) {
      if (commitment(secret) != advert.self)
        refuse("the shares do not give the mask of a site", session_.peer(site).name);
      masks.push_back({.key = self_key(secret, session_, site), .negative = true});
    } else {
      AgreementPair pair = AgreementPair::from_seed(secret);
      if (pair.public_key != advert.mask)
        refuse("the shares do not give the key of a site", session_.peer(site).name);
      for (const std::uint32_t survivor : survivors_) {
        const auto shared = agree(pair.secret, adverts_.at(survivor).mask);
        if (!shared) refuse("a key of small order", session_.peer(survivor).name);
        // The survivor added it where its number is the lower one.
        masks.push_back(
            {.key = pair_key(*shared, session_, survivor, site), .negative = survivor < site});
      }
      wipe(pair.secret);
    }
    wipe(secret);
  }
  return masks;
}

}  // namespace collegium::secagg
