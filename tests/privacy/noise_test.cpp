#include "privacy/noise.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/keystream.h"
#include "collegium/error.h"
#include "privacy/reference.h"
#include "vector/box_muller.h"
#include "vector/chacha20.h"
#include "vector/on_every_device.h"

namespace collegium {
namespace {

using Words = std::vector<std::uint32_t>;

std::vector<std::uint8_t> from_hex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::uint32_t word_at(const std::vector<std::uint8_t>& bytes, std::size_t i) {
  return bytes[4 * i] | bytes[4 * i + 1] << 8 | bytes[4 * i + 2] << 16 |
         std::uint32_t{bytes[4 * i + 3]} << 24;
}

NoiseSource counting_key() {  // 00 01 02 ... 1f, the key of RFC 8439's examples
  NoiseSource::Key key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  return NoiseSource::not_private_for_tests(key);
}

Words draw(SecureRandom& random, std::size_t size) {
  Words words(size);
  random.words(words);
  return words;
}

NoiseWords state_of(NoisePurpose purpose, std::uint64_t id) {
  NoiseWords state = {};
  std::vector<std::uint8_t> key(32);
  for (std::size_t i = 0; i < 32; ++i) key[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 8; ++i) state.key[i] = word_at(key, i);
  state.nonce[0] = static_cast<std::uint32_t>(purpose);
  state.nonce[1] = static_cast<std::uint32_t>(id);
  state.nonce[2] = static_cast<std::uint32_t>(id >> 32);
  return state;
}

TEST(Cipher, GivesTheKeystreamOfTheStandard) {
  for (const auto& c : reference_cases("noise_reference.json", "chacha20")) {
    const auto key = from_hex(c["key"]), nonce = from_hex(c["nonce"]),
               stream = from_hex(c["keystream"]);
    NoiseWords from = {};
    for (std::size_t i = 0; i < 8; ++i) from.key[i] = word_at(key, i);
    for (std::size_t i = 0; i < 3; ++i) from.nonce[i] = word_at(nonce, i);
    const auto first = c["counter"].get<std::uint32_t>();
    for (std::size_t block = 0; block < stream.size() / 64; ++block) {
      std::uint32_t words[16];
      chacha20_block(from, first + static_cast<std::uint32_t>(block), words);
      for (std::size_t i = 0; i < 16; ++i)
        EXPECT_EQ(words[i], word_at(stream, 16 * block + i)) << c["id"];
    }
  }
}

// The blocks a GPU computes and those OpenSSL does, wherever a piece begins and ends.
TEST(Cipher, IsOneCipherForEveryPiece) {
  Keystream::Key key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  NoiseWords from = state_of(NoisePurpose::mechanism, 0x1234'5678'9abc'def0);
  Keystream::Nonce nonce;
  std::memcpy(nonce.data(), from.nonce, nonce.size());
  Keystream stream(key, nonce);
  for (const std::uint32_t first : {0u, 7u, 0x7fff'fff0u, 0xffff'fc00u})
    for (const std::size_t size : {1u, 64u, 100u, 16 * 1024u, 16 * 1024u + 64u, 40'001u}) {
      std::vector<std::uint8_t> bytes(size);
      stream.write(first, bytes);
      for (std::size_t at = 0; at < size; at += Keystream::kBlockBytes) {
        std::uint32_t words[16];
        chacha20_block(from, first + static_cast<std::uint32_t>(at / 64), words);
        ASSERT_EQ(std::memcmp(&bytes[at], words, std::min<std::size_t>(64, size - at)), 0)
            << first << " " << size << " " << at;
      }
    }
}

TEST(NoiseStream, GivesTheWordsOfItsPurposeAndNumber) {
  for (const auto& c : reference_cases("noise_reference.json", "noise_stream")) {
    const auto stream =
        counting_key().stream(static_cast<NoisePurpose>(c["purpose"].get<std::uint32_t>()),
                              c["stream_id"].get<std::uint64_t>());
    draw(*stream, c["first_word"].get<std::size_t>());
    const Words expected = c["words"].get<Words>();
    EXPECT_EQ(draw(*stream, expected.size()), expected) << c;
  }
}

TEST(NoiseStream, GivesTheSameWordsInPiecesOfAnySize) {
  const auto whole = counting_key().stream(NoisePurpose::mechanism, 5);
  const auto pieces = counting_key().stream(NoisePurpose::mechanism, 5);
  Words collected;
  for (std::size_t size : {1u, 0u, 3u, 255u, 256u, 257u, 16u, 1000u, 2u, 5000u, 7u}) {
    const Words piece = draw(*pieces, size);
    collected.insert(collected.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(draw(*whole, collected.size()), collected);
}

TEST(NoiseStream, IsReadAtAnyBlockWithoutReadingTheBlocksBefore) {
  const Words sequence = draw(*counting_key().stream(NoisePurpose::gradient_noise, 9), 16 * 500);
  for (const std::uint32_t block : {499u, 0u, 17u}) {
    std::uint32_t words[16];
    chacha20_block(state_of(NoisePurpose::gradient_noise, 9), block, words);
    EXPECT_TRUE(std::equal(words, words + 16, sequence.begin() + 16 * block)) << block;
  }
}

TEST(NoiseStream, DiffersByPurposeAndNumber) {
  const auto source = counting_key();
  const Words base = draw(*source.stream(NoisePurpose::mechanism, 1), 4);
  EXPECT_NE(draw(*source.stream(NoisePurpose::mechanism, 2), 4), base);
  EXPECT_NE(draw(*source.stream(NoisePurpose::mechanism, 1 + (std::uint64_t{1} << 32)), 4), base);
  EXPECT_NE(draw(*source.stream(NoisePurpose::central_noise, 1), 4), base);
}

TEST(NoiseStream, SaysWhetherItsWordsCanBeForetold) {
  EXPECT_TRUE(NoiseSource::system().is_private());
  EXPECT_TRUE(NoiseSource::system().stream(NoisePurpose::mechanism, 0)->is_private());
  EXPECT_FALSE(counting_key().is_private());
  EXPECT_FALSE(counting_key().stream(NoisePurpose::mechanism, 0)->is_private());
}

TEST(SystemNoise, NeverRepeatsAStreamEvenUnderOneNumber) {
  const auto source = NoiseSource::system();
  EXPECT_NE(draw(*source.stream(NoisePurpose::mechanism, 1), 8),
            draw(*source.stream(NoisePurpose::mechanism, 1), 8));
}

// A child process that inherits a stream, buffered words and all, must not draw what its parent
// draws.
TEST(SystemNoise, DiffersInAForkedProcess) {
  const auto stream = NoiseSource::system().stream(NoisePurpose::gradient_noise, 1);
  draw(*stream, 3);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Words words = draw(*stream, 8);
    std::vector<float> noised(4, 0.0f);
    add_gaussian_noise(std::span<float>(noised), 1.0, *stream);
    const bool sent =
        write(ends[1], words.data(), 32) == 32 && write(ends[1], noised.data(), 16) == 16;
    _exit(sent ? 0 : 1);
  }
  const Words ours = draw(*stream, 8);
  std::vector<float> our_noise(4, 0.0f), their_noise(4);
  add_gaussian_noise(std::span<float>(our_noise), 1.0, *stream);
  Words theirs(8);
  ASSERT_EQ(read(ends[0], theirs.data(), 32), 32);
  ASSERT_EQ(read(ends[0], their_noise.data(), 16), 16);
  int status = 0;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(status, 0);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_EQ(std::count(theirs.begin(), theirs.end(), ours[i]), 0);
  EXPECT_NE(our_noise, their_noise);
}

// Streams made and read at the same time in many threads, all under one number: no run of four
// words of any is found in another. By chance that would happen once in 10^27 times.
TEST(SystemNoise, DiffersBetweenThreads) {
  constexpr std::size_t kThreads = 8, kWords = 10000;
  const auto source = NoiseSource::system();
  std::vector<Words> drawn(kThreads);
  std::vector<std::thread> threads;
  for (Words& words : drawn)
    threads.emplace_back(
        [&] { words = draw(*source.stream(NoisePurpose::gradient_noise, 1), kWords); });
  for (std::thread& thread : threads) thread.join();
  std::set<Words> seen;
  for (const Words& words : drawn)
    for (std::size_t i = 0; i + 4 <= kWords; ++i)
      EXPECT_TRUE(seen.insert({words.begin() + static_cast<std::ptrdiff_t>(i),
                               words.begin() + static_cast<std::ptrdiff_t>(i + 4)})
                      .second);
}

// What a child thread forks has its own noise too, and so has the child of a child.
TEST(SystemNoise, DiffersInEachGenerationForkedFromAThread) {
  const auto stream = NoiseSource::system().stream(NoisePurpose::gradient_noise, 1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread([&] {
    const pid_t child = fork();
    if (child != 0) {
      waitpid(child, nullptr, 0);
      return;
    }
    const pid_t grandchild = fork();
    const Words words = draw(*stream, 8);
    const bool sent = write(ends[1], words.data(), 32) == 32;
    if (grandchild != 0) waitpid(grandchild, nullptr, 0);
    _exit(sent ? 0 : 1);
  }).join();
  std::set<std::uint32_t> seen;
  for (const std::uint32_t word : draw(*stream, 8)) seen.insert(word);
  for (int process = 0; process < 2; ++process) {
    Words theirs(8);
    ASSERT_EQ(read(ends[0], theirs.data(), 32), 32);
    for (const std::uint32_t word : theirs) EXPECT_TRUE(seen.insert(word).second);
  }
  close(ends[0]);
  close(ends[1]);
}

// The test starts itself twice in processes of their own, which print and leave.
TEST(SystemNoise, DiffersAfterARestart) {
  if (std::getenv("COLLEGIUM_TEST_PRINT_NOISE") != nullptr) {
    const auto stream = NoiseSource::system().stream(NoisePurpose::gradient_noise, 1);
    for (const std::uint32_t word : draw(*stream, 8)) std::printf("word %u\n", word);
    return;
  }
  char self[4096] = {};
  ASSERT_GT(readlink("/proc/self/exe", self, sizeof self - 1), 0);
  const std::string command = "COLLEGIUM_TEST_PRINT_NOISE=1 '" + std::string(self) +
                              "' --gtest_filter=SystemNoise.DiffersAfterARestart";
  std::size_t count = 0;
  std::set<std::string> seen;
  for (int run = 0; run < 2; ++run) {
    FILE* output = popen(command.c_str(), "r");
    ASSERT_NE(output, nullptr);
    char line[256];
    while (std::fgets(line, sizeof line, output))
      if (std::string(line).rfind("word ", 0) == 0) {
        seen.insert(line);
        ++count;
      }
    pclose(output);
  }
  EXPECT_EQ(count, 16u);
  EXPECT_EQ(seen.size(), 16u);  // two of 16 words agree by chance in 3e-8 of all runs
}

TEST(BoxMuller, AgreesWithFortyDigits) {
  const auto reference = read_reference("noise_reference.json").at("box_muller");
  const auto stream =
      counting_key().stream(static_cast<NoisePurpose>(reference["purpose"].get<std::uint32_t>()),
                            reference["stream_id"].get<std::uint64_t>());
  const auto expected = reference["normals"];
  ASSERT_EQ(expected.size(), 16u);
  for (std::size_t i = 0; i < expected.size(); i += 2) {
    const std::uint64_t radius = stream->bits64();
    const NormalPair ours = box_muller(radius, stream->bits64());
    EXPECT_NEAR(ours.first, number(expected[i]), 4e-15 * std::max(1.0, std::abs(ours.first)));
    EXPECT_NEAR(ours.second, number(expected[i + 1]), 4e-15 * std::max(1.0, std::abs(ours.second)));
  }
  for (const auto& edge : reference["edge"]) {
    const auto w = edge["words"].get<std::vector<std::uint64_t>>();
    const NormalPair ours = box_muller(w[0] | w[1] << 32, w[2] | w[3] << 32);
    EXPECT_NEAR(ours.first, number(edge["z"][0]), 4e-14);
    EXPECT_NEAR(ours.second, number(edge["z"][1]), 4e-14);
  }
}

TEST(BoxMuller, AgreesWithTheMathematicsLibrary) {
  const auto stream = counting_key().stream(NoisePurpose::mechanism, 77);
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t a = stream->bits64(), b = stream->bits64();
    const long double radius =
        std::sqrt(-2 * std::log((static_cast<long double>(a) + 1) * 0x1p-64L));
    const long double angle =
        2 * 3.14159265358979323846264338327950288L * (static_cast<long double>(b) * 0x1p-64L);
    const NormalPair ours = box_muller(a, b);
    ASSERT_NEAR(ours.first, static_cast<double>(radius * std::cos(angle)),
                4e-15 * std::max(1.0, std::abs(ours.first)));
    ASSERT_NEAR(ours.second, static_cast<double>(radius * std::sin(angle)),
                4e-15 * std::max(1.0, std::abs(ours.second)));
  }
}

double grid_of(double sigma) { return std::exp2(std::floor(std::log2(sigma)) - 6); }

TEST(GaussianNoise, LandsOnOneGridWhateverTheInput) {
  const auto stream = counting_key().stream(NoisePurpose::gradient_noise, 3);
  for (const double sigma : {1.0, 0.7, 3e-5, 1234.5}) {
    auto x = uneven_values(4001, 11);
    for (float& value : x) value = static_cast<float>(std::fmod(value, 200.0 * sigma));
    add_gaussian_noise(std::span<float>(x), sigma, *stream);
    for (const float value : x) {
      ASSERT_EQ(std::fmod(value, grid_of(sigma)), 0.0) << value;
      ASSERT_FALSE(value == 0.0f && std::signbit(value))
          << "the sign of zero tells which side it came from";
    }
  }
}

TEST(GaussianNoise, IsWithinHalfAGridCellOfTheSum) {
  constexpr double sigma = 0.37;
  const auto x = uneven_values(1001, 12);
  auto noised = x;
  const auto bulk = counting_key().stream(NoisePurpose::gradient_noise, 4),
             single = counting_key().stream(NoisePurpose::gradient_noise, 4);
  add_gaussian_noise(std::span<float>(noised), sigma, *bulk);
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const std::uint64_t radius = single->bits64();
    const NormalPair normals = box_muller(radius, single->bits64());
    ASSERT_NEAR(noised[i], x[i] + sigma * normals.first,
                grid_of(sigma) * 0.5 + std::abs(x[i]) * 0x1p-24);
    if (i + 1 < x.size()) {
      ASSERT_NEAR(noised[i + 1], x[i + 1] + sigma * normals.second,
                  grid_of(sigma) * 0.5 + std::abs(x[i + 1]) * 0x1p-24);
    }
  }
}

TEST(GaussianNoise, OfALongVectorBeginsWithThatOfAShortOne) {
  const auto long_stream = counting_key().stream(NoisePurpose::gradient_noise, 6),
             short_stream = counting_key().stream(NoisePurpose::gradient_noise, 6);
  std::vector<float> longer(9001, 0.5f), shorter(5003, 0.5f);
  add_gaussian_noise(std::span<float>(longer), 1.0, *long_stream);
  add_gaussian_noise(std::span<float>(shorter), 1.0, *short_stream);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST(GaussianNoise, NeverUsesAWordTwice) {
  const auto stream = counting_key().stream(NoisePurpose::gradient_noise, 8);
  std::vector<float> first(1000, 0.0f), second(1000, 0.0f);
  add_gaussian_noise(std::span<float>(first), 1.0, *stream);
  add_gaussian_noise(std::span<float>(second), 1.0, *stream);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < 1000; ++i) equal += first[i] == second[i];
  EXPECT_LT(equal, 60u);  // by chance about 5: 1000 times the collision rate of the grid
}

TEST(GaussianNoise, CountsNonFiniteValuesAsZero) {
  const auto stream = counting_key().stream(NoisePurpose::gradient_noise, 10);
  std::vector<float> x{std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(), 1e38f};
  add_gaussian_noise(std::span<float>(x), 1.0, *stream);
  EXPECT_LT(std::abs(x[0]), 10.0f);
  EXPECT_LT(std::abs(x[1]), 10.0f);
  EXPECT_EQ(x[2], 1e38f);
}

TEST(GaussianNoise, RefusesAVectorLongerThanAStreamBeforeTouchingIt) {
  const VectorView endless(nullptr, (std::size_t{1} << 35) + 1, {});
  for (const NoiseSource& source : {counting_key(), NoiseSource::system()})
    EXPECT_THROW(add_gaussian_noise(endless, 1.0, *source.stream(NoisePurpose::gradient_noise, 0)),
                 SystemError);
}

TEST(GaussianNoise, RefusesAStandardDeviationThatIsNone) {
  const auto stream = counting_key().stream(NoisePurpose::gradient_noise, 0);
  std::vector<float> x{1.0f};
  for (const double sigma :
       {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e-300})
    EXPECT_THROW(add_gaussian_noise(std::span<float>(x), sigma, *stream), ConfigError) << sigma;
  EXPECT_EQ(x[0], 1.0f);
}

using GaussianNoiseOnADevice = OnEveryDevice;

TEST_P(GaussianNoiseOnADevice, HasTheBitsItHasOnTheCpu) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{9}, std::size_t{100003}}) {
    auto host = uneven_values(size, 13);
    const auto device = put(host);
    add_gaussian_noise(std::span<float>(host), 0.9,
                       *counting_key().stream(NoisePurpose::gradient_noise, 12));
    add_gaussian_noise(device.view(), 0.9,
                       *counting_key().stream(NoisePurpose::gradient_noise, 12));
    EXPECT_EQ(device.to_host(), host) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Device, GaussianNoiseOnADevice, ::testing::ValuesIn(devices()),
                         device_name);

}  // namespace
}  // namespace collegium
