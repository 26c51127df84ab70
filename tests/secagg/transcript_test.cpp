// What the coordinator sees says nothing about one site's vector beyond the sum.
//
// It sees adverts, sealed shares, signatures, shares and masked vectors, and may be in league with
// some sites, whose secrets it then knows. From a masked vector it can take every mask that it
// knows. What is left must look like uniform noise whatever the vector was; the one relation that
// may remain is the sum.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "secagg/table.h"

namespace collegium::secagg {
namespace {

using Words = std::vector<std::uint32_t>;
constexpr std::size_t kSize = 16384;

std::map<std::uint32_t, Words> constant_inputs(std::uint32_t sites, std::uint32_t value) {
  std::map<std::uint32_t, Words> inputs;
  for (std::uint32_t site = 1; site <= sites; ++site) inputs[site] = Words(kSize, value);
  return inputs;
}

// The masks that a coordinator knows of a survivor's vector: its own mask, once the sum is open;
// its masks with sites whose key was opened, and with those in league.
std::vector<Mask> known_masks(Table<std::uint32_t>& table, std::uint32_t victim,
                              const std::set<std::uint32_t>& in_league) {
  std::vector<Mask> known;
  const std::vector<Mask> all = table.client(victim).masks();
  const std::vector<Mask> opened = table.server.unmasking();
  const auto same_key = [&](const Mask& mask) {
    return std::ranges::any_of(opened, [&](const Mask& one) { return one.key == mask.key; });
  };
  std::vector<MaskKey> theirs;
  for (const std::uint32_t site : in_league)
    for (const Mask& mask : table.client(site).masks()) theirs.push_back(mask.key);
  for (const Mask& mask : all)
    if (same_key(mask) || std::ranges::count(theirs, mask.key) > 0)
      known.push_back({mask.key, !mask.negative});
  return known;
}

// Chi-square of the four bytes of every word over 256 bins each: 1020 degrees of freedom. The bound
// is exceeded by uniform words with probability 1e-7 (Wilson and Hilferty's cube, z = 5.2).
bool looks_uniform(const Words& words) {
  std::array<std::array<double, 256>, 4> counts{};
  for (const std::uint32_t word : words)
    for (std::size_t byte = 0; byte < 4; ++byte) ++counts[byte][word >> (8 * byte) & 255];
  const double expected = static_cast<double>(words.size()) / 256;
  double chi = 0;
  for (const auto& bins : counts)
    for (const double count : bins) chi += (count - expected) * (count - expected) / expected;
  constexpr double kDegrees = 4 * 255;
  const double z =
      (std::cbrt(chi / kDegrees) - (1 - 2 / (9 * kDegrees))) / std::sqrt(2 / (9 * kDegrees));
  return std::abs(z) < 5.2;
}

Words rest_of(const Session& session, std::uint64_t seed, std::uint32_t value,
              const Absences& absences, const std::set<std::uint32_t>& in_league) {
  Table<std::uint32_t> table(session, seed);
  table.run(absences, constant_inputs(session.sites(), value));
  Words rest = table.seen_masked.at(1);
  add_masks(rest, known_masks(table, 1, in_league));
  return rest;
}

TEST(Transcript, AMaskedVectorIsNoiseToACoordinatorWithAllItMayKnow) {
  const Session session = session_of(7);  // threshold 5: two may be in league
  const Absences late{{{6, Step::mask}, {7, Step::sign}}};
  for (const std::uint32_t value : {0u, 1u, 0x7fffffffu}) {
    EXPECT_TRUE(looks_uniform(rest_of(session, 1, value, {}, {}))) << value;
    EXPECT_TRUE(looks_uniform(rest_of(session, 2, value, late, {}))) << value;
    EXPECT_TRUE(looks_uniform(rest_of(session, 3, value, {}, {4, 5}))) << value;
    EXPECT_TRUE(looks_uniform(rest_of(session, 4, value, late, {4, 5}))) << value;
  }
}

// The check is worth something: without the masks that nobody else knows, the vector lies open.
TEST(Transcript, AMaskLeftOutWouldBeSeen) {
  const Session session = session_of(5);
  Table<std::uint32_t> table(session, 6);
  table.run({}, constant_inputs(5, 42));
  const std::vector<Mask> all = table.client(1).masks();
  const std::vector<Mask> known = known_masks(table, 1, {3, 4, 5});
  ASSERT_EQ(all.size(), known.size() + 1);  // the one with site 2
  Words rest = table.seen_masked.at(1);
  add_masks(rest, known);
  EXPECT_TRUE(looks_uniform(rest));
  for (const Mask& mask : all)
    if (std::ranges::none_of(known, [&](const Mask& one) { return one.key == mask.key; }))
      add_masks(rest, std::vector<Mask>{{mask.key, !mask.negative}});
  EXPECT_FALSE(looks_uniform(rest));
  EXPECT_EQ(rest, Words(kSize, 42));
}

// With the same coins and two inputs of one sum, all that is not a masked vector is equal to the
// bit, and so is what the vectors add up to.
TEST(Transcript, NothingButMaskedVectorsDependsOnTheInputs) {
  const Session session = session_of(7);
  const Absences absences{{{3, Step::mask}, {5, Step::unmask}}};
  auto one = random_inputs<std::uint32_t>(7, 64, 1);
  auto other = one;
  for (std::size_t i = 0; i < 64; ++i) {
    other[1][i] += 1000 * static_cast<std::uint32_t>(i + 1);
    other[2][i] -= 1000 * static_cast<std::uint32_t>(i + 1);
    other[3][i] = 5;  // it drops out: its input is in no sum
  }
  Table<std::uint32_t> first(session, 8), second(session, 8);
  EXPECT_EQ(first.run(absences, one), second.run(absences, other));
  EXPECT_EQ(first.seen, second.seen);
  EXPECT_NE(first.seen_masked, second.seen_masked);
}

TEST(Transcript, AnAttemptThatIsGivenUpOpensNothing) {
  const Session session = session_of(5);
  Table<std::uint32_t> table(session, 12);
  const Absences absences{{{3, Step::unmask}, {4, Step::unmask}}};
  const auto inputs = constant_inputs(5, 7);
  EXPECT_ANY_THROW(table.run(absences, inputs));
  EXPECT_NE(table.server.step(), Step::done);
  EXPECT_TRUE(looks_uniform(table.seen_masked.at(1)));
  EXPECT_TRUE(looks_uniform(table.sum));
}

// Every attempt has keys of its own: two masked vectors of one input have nothing in common.
TEST(Transcript, AnotherAttemptHidesTheSameVectorAnew) {
  Session session = session_of(4);
  Table<std::uint32_t> first(session, 20);
  session.id.fill(0x99);
  Table<std::uint32_t> second(session, 21);
  const auto inputs = constant_inputs(4, 3);
  EXPECT_EQ(first.run({}, inputs), second.run({}, inputs));
  Words difference = first.seen_masked.at(1);
  for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= second.seen_masked.at(1)[i];
  EXPECT_TRUE(looks_uniform(difference));
  for (std::uint32_t site = 1; site <= 4; ++site)
    EXPECT_NE(first.seen.at(Step::advertise).at(site), second.seen.at(Step::advertise).at(site));
}

}  // namespace
}  // namespace collegium::secagg
