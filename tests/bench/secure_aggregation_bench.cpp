// What secure aggregation costs: seconds of one core and bytes, for a site and for the coordinator,
// beside the bare ChaCha20 stream of the same length in the same run.
//   collegium_bench_secure_aggregation [SITES ...]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>
#include <vector>

#include "base/keystream.h"
#include "privacy/noise.h"
#include "secagg/client.h"
#include "secagg/server.h"

namespace {

using namespace collegium;
using namespace collegium::secagg;

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double seconds_of(Work work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

// Bytes a second of the cipher alone, in pieces that stay in the cache.
double bare_rate() {
  std::vector<std::uint8_t> piece(16 * 1024);
  Keystream stream({1}, {});
  constexpr int kPieces = 20000;
  const double time = seconds_of([&] {
    for (int i = 0; i < kPieces; ++i) stream.write(0, piece);
  });
  return static_cast<double>(piece.size()) * kPieces / time;
}

struct Sites {
  explicit Sites(std::uint32_t count) {
    session.id.fill(1);
    session.round = 1;
    session.threshold = smallest_threshold(count);
    session.minimum = smallest_minimum(count);
    std::vector<SigningKey> keys;
    for (std::uint32_t site = 1; site <= count; ++site) {
      keys.push_back(SigningKey::generate());
      session.roster.push_back({std::to_string(site), keys.back().verify_key()});
    }
    for (std::uint32_t site = 1; site <= count; ++site) {
      coins.push_back(NoiseSource::system().stream(NoisePurpose::mechanism, site));
      clients.push_back(std::make_unique<SecureAggregationClient>(session, site, keys[site - 1],
                                                                  *coins.back(), OpenedBook{}));
    }
  }

  Session session{};
  std::vector<std::unique_ptr<SecureRandom>> coins;
  std::vector<std::unique_ptr<SecureAggregationClient>> clients;
};

// One attempt, in which the last `missing` sites are gone when it comes to masking.
void measure(std::uint32_t count, std::uint32_t missing, std::size_t parameters, double rate) {
  Sites sites(count);
  SecureAggregationServer server(sites.session);
  std::vector<std::uint32_t> vector(parameters + 1, 7);
  double steps = 0, relay = 0, masking = 0, bytes_in = 0, bytes_out = 0;
  std::vector<std::uint32_t> sum(parameters + 1, 0);
  while (server.step() != Step::done) {
    for (std::uint32_t site = 1; site <= count; ++site) {
      if (server.step() >= Step::mask && site > count - missing) continue;
      Octets request, answer;
      relay += seconds_of([&] { request = server.request(site); });
      const double time =
          seconds_of([&] { answer = sites.clients[site - 1]->answer(server.step(), request); });
      if (site == 1) {
        steps += time;
        bytes_in += static_cast<double>(request.size());
        bytes_out += static_cast<double>(answer.size());
        if (server.step() == Step::mask)
          masking = seconds_of([&] { add_masks(vector, sites.clients[0]->masks()); });
      }
      relay += seconds_of([&] { server.take(site, answer); });
    }
    relay += seconds_of([&] { server.close(); });
  }
  std::vector<Mask> masks;
  relay += seconds_of([&] { masks = server.unmasking(); });
  const double opening = seconds_of([&] { add_masks(sum, masks); });
  const double stream = static_cast<double>(vector.size()) * sizeof(std::uint32_t) / rate;
  const double own = stream * count, opened = stream * static_cast<double>(masks.size());
  std::printf("%5u  %7u  %9.1f M  %8.3f (%4.2f)  %9.4f  %8.3f (%4.2f)  %9.4f  %9.1f  %8.1f\n",
              count, missing, static_cast<double>(parameters) / 1e6, masking, masking / own, steps,
              opening, opening / opened, relay, static_cast<double>(vector.size()) * 4 / 1e6,
              (bytes_in + bytes_out) / 1e3);
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::uint32_t> sizes{5, 13, 30, 100};
  if (count > 1) {
    sizes.clear();
    for (int i = 1; i < count; ++i)
      sizes.push_back(static_cast<std::uint32_t>(std::strtoul(words[i], nullptr, 10)));
  }
  const double rate = bare_rate();
  std::printf(
      "ChaCha20 alone: %.2f GB/s. In brackets: times the time of the same streams alone.\n\n",
      rate / 1e9);
  std::printf(
      "                              seconds of a site           seconds of the coordinator      "
      "      bytes of a site\n"
      "sites  missing  parameters      masking    other steps     opening      other steps   "
      "masked MB  others kB\n");
  for (const std::size_t parameters : {std::size_t{1'200'000}, std::size_t{18'800'000}})
    for (const std::uint32_t sites : sizes)
      for (const std::uint32_t missing : {0u, 1u})
        if (missing <= sites - smallest_minimum(sites)) measure(sites, missing, parameters, rate);
  return 0;
}
