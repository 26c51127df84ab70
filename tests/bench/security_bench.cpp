// What security costs, each beside the same work without it, in one run:
//   CURVE: rounds that only move a large model, encrypted and not;
//   signatures: what one contribution needs of them, beside hashing the update that it names.
//   collegium_bench_security [MEGABYTES [SITES [ROUNDS]]]
#include "base/hash.h"
#include "base/signature.h"
#include "exchange.h"

namespace {

using namespace collegium;
using namespace collegium::bench;

// Seconds of one call, the median of some.
template <class Work>
double seconds_of(int calls, Work&& work) {
  std::vector<double> each;
  for (int i = 0; i < calls; ++i) {
    const auto start = Clock::now();
    work();
    each.push_back(seconds_since(start));
  }
  std::sort(each.begin(), each.end());
  return each[each.size() / 2];
}

void line_encryption(const Sizes& sizes) {
  const Measured plain_before = exchange(sizes, false);
  const Measured encrypted = exchange(sizes, true);
  const Measured plain_after = exchange(sizes, false);
  print("a round, insecure", plain_before, sizes);
  print("a round, CURVE", encrypted, sizes);
  print("a round, insecure, once more", plain_after, sizes);
  std::printf("CURVE: %.2f x the time, %.2f x the work of an insecure round\n\n",
              2 * encrypted.seconds / (plain_before.seconds + plain_after.seconds),
              2 * encrypted.work / (plain_before.work + plain_after.work));
}

// A site signs its claim and checks the coordinator's answer; the coordinator does the converse.
void signatures(const Sizes& sizes) {
  const SigningKey key = SigningKey::generate();
  const std::vector<std::uint8_t> claim(256, 7);  // about as long as a claim is
  const Signature signature = key.sign(claim);
  const double sign = seconds_of(1001, [&] { (void)key.sign(claim); });
  const double check = seconds_of(1001, [&] { (void)verify(key.verify_key(), claim, signature); });
  const std::vector<std::uint8_t> update(sizes.bytes, 3);
  const double hash = seconds_of(5, [&] { (void)hash_bytes(update); });
  std::printf(
      "signatures: %.0f us to sign, %.0f us to check; both ends of a contribution together %.5f of "
      "hashing its %zu MB once\n",
      1e6 * sign, 1e6 * check, 2 * (sign + check) / hash, sizes.bytes / 1'000'000);
}

}  // namespace

int main(int count, char** arguments) {
  const Sizes sizes = sizes_from(count, arguments);
  std::printf("security: %zu MB x %zu sites, %llu rounds; %u processors, load %.1f\n",
              sizes.bytes / 1'000'000, sizes.sites, static_cast<unsigned long long>(sizes.rounds),
              std::thread::hardware_concurrency(), load());
  std::fflush(stdout);  // children would print it again
  line_encryption(sizes);
  signatures(sizes);
  return 0;
}
