#include "privacy/noise.h"

#include <pthread.h>
#include <sodium.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "base/keystream.h"
#include "collegium/error.h"
#include "vector/chacha20.h"
#include "vector/passes.h"

namespace collegium {
namespace {

static_assert(std::endian::native == std::endian::little,
              "keystream bytes are read as little-endian words");

constexpr std::uint64_t kBlocks = std::uint64_t{1} << 32;  // RFC 8439 counts blocks in 32 bits
constexpr std::size_t kBlockWords = 16;
constexpr std::size_t kBuffered = 16 * kBlockWords;

// How many times this process was forked from one that had streams: a child that finds its stream's
// number changed holds a copy of its parent's key.
constinit std::atomic<std::uint64_t> forks{0};

void watch_forks() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  if (registered != 0)
    throw SystemError({.what = "forks of this process cannot be watched; noise would repeat"});
}

}  // namespace

struct NoiseStream::State {
  NoiseWords from = {};             // key and nonce; first_block is not used here
  std::optional<Keystream> stream;  // of `from`
  std::uint64_t next_block = 0;
  std::uint64_t fork = 0;
  bool test_key = false;
  std::array<std::uint32_t, kBuffered> buffer = {};
  std::size_t used = kBuffered;  // words of the buffer already given out

  ~State() {
    sodium_memzero(&from, sizeof from);
    sodium_memzero(buffer.data(), sizeof buffer);
  }

  void take_new_key() {
    Keystream::Key key;
    randombytes_buf(key.data(), key.size());
    set_key(key);
    sodium_memzero(key.data(), key.size());
    next_block = 0;
    used = kBuffered;
    fork = forks.load(std::memory_order_relaxed);
  }

  void set_key(const Keystream::Key& key) {
    std::memcpy(from.key, key.data(), sizeof from.key);
    Keystream::Nonce nonce;
    std::memcpy(nonce.data(), from.nonce, nonce.size());
    stream.emplace(key, nonce);
  }

  void notice_fork() {
    if (!test_key && fork != forks.load(std::memory_order_relaxed)) take_new_key();
  }

  // The number of the first of `blocks` blocks that nobody else gets. Call notice_fork() first.
  std::uint32_t take_blocks(std::uint64_t blocks) {
    if (blocks > kBlocks - next_block) {
      if (test_key || blocks > kBlocks)
        throw SystemError({.what = "a stream of noise words is used up"});
      take_new_key();
    }
    const auto first = static_cast<std::uint32_t>(next_block);
    next_block += blocks;
    return first;
  }

  void write_blocks(std::uint32_t first, std::uint32_t* out, std::size_t blocks) {
    stream->write(first, {reinterpret_cast<std::uint8_t*>(out), blocks * Keystream::kBlockBytes});
  }
};

NoiseStream::NoiseStream(std::unique_ptr<State> state) : state_(std::move(state)) {}

NoiseStream::~NoiseStream() = default;

bool NoiseStream::is_private() const { return !state_->test_key; }

void NoiseStream::words(std::span<std::uint32_t> out) {
  state_->notice_fork();
  while (!out.empty()) {
    if (state_->used == kBuffered) {
      if (out.size() >= kBuffered) {
        const std::size_t blocks = std::min<std::size_t>(out.size() / kBlockWords, 1 << 20);
        state_->write_blocks(state_->take_blocks(blocks), out.data(), blocks);
        out = out.subspan(blocks * kBlockWords);
        continue;
      }
      state_->write_blocks(state_->take_blocks(kBuffered / kBlockWords), state_->buffer.data(),
                           kBuffered / kBlockWords);
      state_->used = 0;
    }
    const std::size_t count = std::min(out.size(), kBuffered - state_->used);
    std::uint32_t* from = state_->buffer.data() + state_->used;
    std::memcpy(out.data(), from, count * sizeof *from);
    std::fill_n(from, count, 0u);  // words given out must not be found in memory later
    state_->used += count;
    out = out.subspan(count);
  }
}

NoiseSource NoiseSource::system() {
  if (sodium_init() < 0) throw SystemError({.what = "libsodium found no source of random bytes"});
  watch_forks();
  return {};
}

NoiseSource NoiseSource::not_private_for_tests(const Key& key) {
  NoiseSource source = system();
  source.test_key_ = std::make_shared<const Key>(key);
  return source;
}

std::unique_ptr<NoiseStream> NoiseSource::stream(NoisePurpose purpose, std::uint64_t id) const {
  auto state = std::make_unique<NoiseStream::State>();
  state->from.nonce[0] = static_cast<std::uint32_t>(purpose);
  state->from.nonce[1] = static_cast<std::uint32_t>(id);
  state->from.nonce[2] = static_cast<std::uint32_t>(id >> 32);
  state->test_key = test_key_ != nullptr;
  if (test_key_)
    state->set_key(*test_key_);
  else
    state->take_new_key();
  return std::unique_ptr<NoiseStream>(new NoiseStream(std::move(state)));
}

namespace {

void check_sigma(double sigma) {
  if (sigma >= 0x1p-100 && sigma <= 0x1p100) return;
  throw ConfigError({.what = "the noise has no usable standard deviation",
                     .expected = "a number between 1e-30 and 1e30",
                     .found = std::to_string(sigma)});
}

}  // namespace

void add_gaussian_noise(VectorView x, double sigma, NoiseStream& stream) {
  check_sigma(sigma);
  if (x.size == 0) return;
  constexpr std::size_t kValuesABlock = kBlockWords / 2;
  NoiseStream::State& state = *stream.state_;
  state.notice_fork();
  const std::uint32_t first = state.take_blocks((x.size + kValuesABlock - 1) / kValuesABlock);
  if (x.device.kind == Device::Kind::cuda) {
    NoiseWords words = state.from;
    words.first_block = first;
    cuda::add_grid_noise(x, sigma, words);
    sodium_memzero(&words, sizeof words);
    return;
  }
  constexpr std::size_t kBlocksAtOnce = 256;  // 16 KiB of words: stays in the first cache
  alignas(64) std::uint32_t words[kBlocksAtOnce * kBlockWords];
  for (std::size_t block = 0, at = 0; at < x.size;
       block += kBlocksAtOnce, at += kBlocksAtOnce * kValuesABlock) {
    const std::size_t size = std::min(x.size - at, kBlocksAtOnce * kValuesABlock);
    state.write_blocks(first + static_cast<std::uint32_t>(block), words,
                       (size + kValuesABlock - 1) / kValuesABlock);
    cpu::add_grid_noise(x.data + at, size, sigma, words);
  }
  sodium_memzero(words, sizeof words);
}

void add_gaussian_noise(std::span<float> x, double sigma, NoiseStream& stream) {
  add_gaussian_noise(VectorView(x), sigma, stream);
}

void add_gaussian_noise(std::span<float> x, double sigma, SecureRandom& random) {
  check_sigma(sigma);
  constexpr std::size_t kAtOnce = 2048;
  std::uint32_t words[2 * kAtOnce];
  for (std::size_t at = 0; at < x.size(); at += kAtOnce) {
    const std::size_t size = std::min(x.size() - at, kAtOnce);
    random.words({words, 2 * (size + size % 2)});
    cpu::add_grid_noise(x.data() + at, size, sigma, words);
  }
  sodium_memzero(words, sizeof words);
}

}  // namespace collegium
