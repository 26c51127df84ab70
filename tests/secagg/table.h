#pragma once
#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "secagg/client.h"
#include "secagg/server.h"

// All sites and the coordinator of one attempt at one table, whose messages a test may look at and
// change.
namespace collegium::secagg {

// Words that a test decides on, then words that follow from a seed.
class ScriptedRandom final : public SecureRandom {
 public:
  explicit ScriptedRandom(std::uint64_t seed) : engine_(seed) {}
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) {
      if (script_.empty()) {
        word = static_cast<std::uint32_t>(engine_());
      } else {
        word = script_.front();
        script_.pop_front();
      }
    }
  }
  void say(std::span<const std::uint8_t> bytes, std::size_t words) {
    for (std::size_t i = 0; i < words; ++i) {
      std::uint32_t word = 0;
      for (std::size_t j = 0; j < 4 && 4 * i + j < bytes.size(); ++j)
        word |= std::uint32_t{bytes[4 * i + j]} << (8 * j);
      script_.push_back(word);
    }
  }

 private:
  std::deque<std::uint32_t> script_;
  std::mt19937_64 engine_;
};

inline SigningKey identity_of(std::uint32_t site) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = static_cast<std::uint8_t>(site);
  seed[1] = static_cast<std::uint8_t>(site >> 8);
  return SigningKey::from_seed(seed);
}

inline Session session_of(std::uint32_t sites) {
  Session session{.id = {},
                  .round = 7,
                  .roster = {},
                  .threshold = smallest_threshold(sites),
                  .minimum = smallest_minimum(sites)};
  session.id.fill(0x11);
  for (std::uint32_t site = 1; site <= sites; ++site)
    session.roster.push_back({"site" + std::to_string(site), identity_of(site).verify_key()});
  return session;
}

// Who stays away from which step on; nobody else does.
struct Absences {
  std::map<std::uint32_t, Step> from;
  bool absent(std::uint32_t site, Step step) const {
    const auto found = from.find(site);
    return found != from.end() && step >= found->second;
  }
};

template <class Word>
class Table {
 public:
  using Vector = std::vector<Word>;

  explicit Table(Session session, std::uint64_t seed = 1) : session(session), server(session) {
    for (std::uint32_t site = 1; site <= session.sites(); ++site) {
      randoms.push_back(std::make_unique<ScriptedRandom>(1000 * seed + site));
      clients.push_back(std::make_unique<SecureAggregationClient>(session, site, identity_of(site),
                                                                  *randoms.back(), OpenedBook{}));
    }
  }

  SecureAggregationClient& client(std::uint32_t site) { return *clients.at(site - 1); }

  // One step with everybody who is asked and not absent. What the coordinator sees is kept.
  void step(const Absences& absences, const std::map<std::uint32_t, Vector>& inputs) {
    const Step now = server.step();
    for (std::uint32_t site = 1; site <= session.sites(); ++site) {
      if (!server.asks(site) || absences.absent(site, now)) continue;
      const Octets answer = client(site).answer(now, server.request(site));
      if (now == Step::mask) {
        Vector masked = inputs.at(site);
        add_masks(masked, client(site).masks());
        sum.resize(masked.size());
        for (std::size_t i = 0; i < masked.size(); ++i) sum[i] += masked[i];
        seen_masked[site] = masked;
      }
      seen[now][site] = answer;
      server.take(site, answer);
    }
    server.close();
  }

  // The sum of the vectors of those who masked; throws where the coordinator gives up.
  Vector run(const Absences& absences, const std::map<std::uint32_t, Vector>& inputs) {
    while (server.step() != Step::done) step(absences, inputs);
    add_masks(sum, server.unmasking());
    return sum;
  }

  Session session;
  SecureAggregationServer server;
  std::vector<std::unique_ptr<ScriptedRandom>> randoms;
  std::vector<std::unique_ptr<SecureAggregationClient>> clients;
  Vector sum;
  std::map<Step, std::map<std::uint32_t, Octets>> seen;  // by step and site
  std::map<std::uint32_t, Vector> seen_masked;
};

template <class Word>
std::map<std::uint32_t, std::vector<Word>> random_inputs(std::uint32_t sites, std::size_t size,
                                                         std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::map<std::uint32_t, std::vector<Word>> inputs;
  for (std::uint32_t site = 1; site <= sites; ++site)
    for (std::size_t i = 0; i < size; ++i) inputs[site].push_back(static_cast<Word>(engine()));
  return inputs;
}

}  // namespace collegium::secagg
