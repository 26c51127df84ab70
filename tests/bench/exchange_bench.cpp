// How long a round lasts when there is nothing to do but to move a large model: 100 MB out to 8
// sites and 100 MB back from each, over CURVE on loopback. The coordinator is a process of its own,
// so that its peak memory (VmHWM) is its own; the sites share another. Beside it, in the same
// minute, ZeroMQ with CURVE alone moves the same bytes in the same chunks and hashes them where
// they arrive: a round cannot be faster than that.
//   collegium_bench_exchange [MEGABYTES [SITES [ROUNDS]]]
#include "exchange.h"

namespace {

using namespace collegium;
using namespace collegium::bench;

// The same bytes over sockets alone: chunks out to everybody, then chunks back, hashed on arrival.
Measured raw(const Sizes& sizes) {
  const KeyPair server = KeyPair::generate("server");
  const KeyPair client = KeyPair::generate("client");
  const std::size_t chunks = (sizes.bytes + kChunkSize - 1) / kChunkSize;
  const auto chunk_at = [&](const std::vector<std::uint8_t>& bytes, std::size_t index) {
    const std::size_t start = index * kChunkSize, size = std::min(kChunkSize, bytes.size() - start);
    return zmq::message_t(
        const_cast<std::uint8_t*>(bytes.data()) + start, size, [](void*, void*) {},
        nullptr);  // sent from where it lies
  };
  const auto hash = [](const zmq::message_t& chunk) {
    hash_bytes({static_cast<const std::uint8_t*>(chunk.data()), chunk.size()});
  };
  const auto coordinate = [&](auto&& tell) {
    const std::vector<std::uint8_t> model(sizes.bytes, 1);
    zmq::context_t context;
    zmq::socket_t router(context, zmq::socket_type::router);
    router.set(zmq::sockopt::curve_server, true);
    router.set(zmq::sockopt::curve_secretkey, server.secret_key);
    router.bind("tcp://127.0.0.1:*");
    tell(router.get(zmq::sockopt::last_endpoint));
    std::vector<std::string> routes;
    zmq::message_t route, body;
    while (routes.size() < sizes.sites) {
      (void)router.recv(route, zmq::recv_flags::none);
      (void)router.recv(body, zmq::recv_flags::none);
      routes.push_back(route.to_string());
    }
    std::vector<double> rounds;
    for (std::uint64_t round = 0; round <= sizes.rounds; ++round) {
      const auto start = Clock::now();
      for (std::size_t i = 0; i < chunks; ++i)
        for (const std::string& to : routes) {
          router.send(zmq::buffer(to), zmq::send_flags::sndmore);
          router.send(chunk_at(model, i), zmq::send_flags::none);
        }
      for (std::size_t i = 0; i < chunks * sizes.sites; ++i) {
        (void)router.recv(route, zmq::recv_flags::none);
        (void)router.recv(body, zmq::recv_flags::none);
        hash(body);
      }
      rounds.push_back(seconds_since(start));
    }
    return measured(rounds, true);
  };
  const auto take_part = [&](const std::string& address) {
    std::vector<std::thread> threads;
    for (std::size_t site = 0; site < sizes.sites; ++site)
      threads.emplace_back([&] {
        const std::vector<std::uint8_t> update(sizes.bytes, 2);
        zmq::context_t context;
        zmq::socket_t dealer(context, zmq::socket_type::dealer);
        dealer.set(zmq::sockopt::curve_serverkey, server.public_key);
        dealer.set(zmq::sockopt::curve_publickey, client.public_key);
        dealer.set(zmq::sockopt::curve_secretkey, client.secret_key);
        dealer.connect(address);
        dealer.send(zmq::message_t(1), zmq::send_flags::none);
        zmq::message_t chunk;
        for (std::uint64_t round = 0; round <= sizes.rounds; ++round) {
          for (std::size_t i = 0; i < chunks; ++i) {
            (void)dealer.recv(chunk, zmq::recv_flags::none);
            hash(chunk);
          }
          for (std::size_t i = 0; i < chunks; ++i)
            dealer.send(chunk_at(update, i), zmq::send_flags::none);
        }
      });
    for (std::thread& thread : threads) thread.join();
  };
  return in_two_processes(sizes, coordinate, take_part);
}

}  // namespace

int main(int count, char** arguments) {
  const Sizes sizes = sizes_from(count, arguments);
  std::printf("exchange: %zu MB x %zu sites, out and back, %llu rounds; %u processors, load %.1f\n",
              sizes.bytes / 1'000'000, sizes.sites, static_cast<unsigned long long>(sizes.rounds),
              std::thread::hardware_concurrency(), load());
  std::fflush(stdout);  // children would print it again
  const Measured before = raw(sizes);
  print("raw ZeroMQ, CURVE, hashed on arrival", before, sizes);
  const Measured ours = exchange(sizes);
  print("a round: fetch, announce, pull, average", ours, sizes);
  const Measured after = raw(sizes);
  print("raw ZeroMQ, once more", after, sizes);
  std::printf("a round takes %.2f x the raw exchange; load at the end %.1f\n",
              ours.seconds / (0.5 * (before.seconds + after.seconds)), load());
  return ours.finished ? 0 : 1;
}
