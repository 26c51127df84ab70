#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/signature.h"
#include "collegium/random.h"
#include "federation/contribution.h"
#include "federation/secure_terms.h"
#include "secagg/messages.h"
#include "transport/secure_site.h"
#include "transport/secure_sum.h"

// What secure aggregation adds to a simulated process, and to what is watched.
namespace collegium::simulated {

class SeededRandom final : public SecureRandom {
 public:
  void seed(std::uint64_t seed) { engine_.seed(seed); }
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

struct SecurePart {
  // Volatile, as its keys are.
  std::unique_ptr<SeededRandom> coins = std::make_unique<SeededRandom>();
  std::unique_ptr<SecureSite> keys;
  std::uint64_t seed = 0;                  // of the attempt at hand
  std::vector<at_site::SecureStep> steps;  // of the attempt at hand that were answered
  Digest advert{};                         // names the attempt and its keys
  Digest opening{};                        // the sum that is being opened
  // Durable, where there is no disk.
  std::map<std::uint64_t, Digest> opened;  // by round
};

struct SecureWitness {
  std::map<Digest, StoredResult> hidden;  // by advert: the result that its keys are to hide
  std::map<std::pair<Digest, std::uint32_t>, std::set<secagg::Scalar>>
      shares;                                // given away, by the giver's advert, of whom
  std::map<Digest, std::set<Digest>> lists;  // by session: hash of whose sum shares were given for
  std::map<std::pair<std::string, std::uint64_t>, std::set<Digest>> opened;  // by site and round
  std::map<secagg::Step, std::size_t> lost_in;
  std::size_t recovered = 0;
};

std::vector<secagg::Peer> roster_of(const std::vector<std::string>& sites);
SigningKey identity_of(std::uint32_t site);  // numbered from 1

}  // namespace collegium::simulated
