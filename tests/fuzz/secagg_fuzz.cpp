#include <array>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "secagg/client.h"
#include "secagg/server.h"

namespace {

using namespace collegium;
using namespace collegium::secagg;

constexpr std::uint32_t kSites = 4;

class FixedRandom final : public SecureRandom {
 public:
  explicit FixedRandom(std::uint64_t seed) : engine_(seed) {}
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

SigningKey identity_of(std::uint32_t site) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = static_cast<std::uint8_t>(site);
  return SigningKey::from_seed(seed);
}

// An attempt that has come to some step, the same every time.
struct Attempt {
  Session session{.id = {}, .round = 1, .roster = {}, .threshold = 3, .minimum = 3};
  std::vector<std::unique_ptr<FixedRandom>> randoms;
  std::vector<std::unique_ptr<SecureAggregationClient>> clients;
  std::unique_ptr<SecureAggregationServer> server;

  explicit Attempt(Step until) {
    for (std::uint32_t site = 1; site <= kSites; ++site)
      session.roster.push_back({std::to_string(site), identity_of(site).verify_key()});
    server = std::make_unique<SecureAggregationServer>(session);
    for (std::uint32_t site = 1; site <= kSites; ++site) {
      randoms.push_back(std::make_unique<FixedRandom>(site));
      clients.push_back(std::make_unique<SecureAggregationClient>(session, site, identity_of(site),
                                                                  *randoms.back(), OpenedBook{}));
    }
    while (server->step() != until) {
      for (std::uint32_t site = 1; site <= kSites; ++site) server->take(site, answer(site));
      server->close();
    }
  }

  Octets answer(std::uint32_t site) {
    return clients[site - 1]->answer(server->step(), server->request(site));
  }
};

}  // namespace

namespace collegium::testing {

// First the step and whether the bytes go to a site or to the coordinator.
std::vector<FuzzInput> corpus() {
  std::vector<FuzzInput> inputs;
  for (int step = 0; step < static_cast<int>(Step::done); ++step) {
    Attempt attempt(static_cast<Step>(step));
    for (const bool to_site : {true, false}) {
      FuzzInput input{static_cast<std::uint8_t>(step), static_cast<std::uint8_t>(to_site)};
      const Octets bytes = to_site ? attempt.server->request(1) : attempt.answer(1);
      input.insert(input.end(), bytes.begin(), bytes.end());
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

// Of whole entries: else most mutations would fail at that check.
FuzzInput disguised(FuzzInput input) {
  constexpr std::size_t kAdvert = 164, kEnvelope = 108, kSignature = 68, kShare = 36, kSite = 4;
  constexpr std::array<std::array<std::size_t, 2>, 5> kEntries{
      {{kAdvert, 1},
       {kEnvelope, kAdvert},
       {1, kEnvelope},
       {kSignature, kSite},
       {kShare, kSignature}}};  // of answers and of requests
  if (input.size() < 2 || input[0] >= kEntries.size()) return input;
  input.resize(input.size() - (input.size() - 2) % kEntries[input[0]][input[1] & 1]);
  return input;
}

}  // namespace collegium::testing

// Whatever bytes come instead of a request or an answer: they are taken or refused, nothing else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || data[0] >= static_cast<std::uint8_t>(Step::done)) return 0;
  static std::array<std::unique_ptr<Attempt>, 5> kept;  // an attempt that took bytes is not reused
  auto& attempt = kept[data[0]];
  const auto step = static_cast<Step>(data[0]);
  if (!attempt) attempt = std::make_unique<Attempt>(step);
  try {
    const std::span<const std::uint8_t> bytes(data + 2, size - 2);
    if (data[1] & 1) {
      attempt->clients[0]->answer(step, bytes);
      attempt.reset();
    } else {
      attempt->server->take(1, bytes);
    }
  } catch (const ProtocolError&) {
  }
  return 0;
}
