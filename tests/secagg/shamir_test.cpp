#include "secagg/shamir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "privacy/reference.h"
#include "secagg/table.h"

namespace collegium::secagg {
namespace {

using nlohmann::json;

Scalar scalar_of(const json& hex) {
  Digest digest{};
  EXPECT_TRUE(from_hex(hex.get<std::string>(), digest));
  return digest;
}

Scalar combined(const std::vector<Scalar>& shares, std::span<const std::uint32_t> sites) {
  std::vector<Scalar> chosen;
  for (const std::uint32_t site : sites) chosen.push_back(shares.at(site - 1));
  return combine(chosen, lagrange_at_zero(sites));
}

TEST(SecretSharing, GivesTheSharesOfTheReference) {
  for (const json& one : reference_cases("secure_aggregation_reference.json", "shamir")) {
    std::vector<Scalar> coefficients;
    for (const json& hex : one.at("coefficients")) coefficients.push_back(scalar_of(hex));
    const Scalar secret = scalar_of(one.at("secret"));
    std::vector<Scalar> expected;
    std::vector<std::uint32_t> sites;
    for (std::uint32_t site = 1; site <= one.at("shares").size(); ++site) {
      expected.push_back(scalar_of(one.at("shares").at(std::to_string(site))));
      sites.push_back(site);
    }
    const auto threshold = one.at("t").get<std::size_t>();
    EXPECT_EQ(combined(expected, std::span(sites).last(threshold)), secret);
    if (coefficients.size() + 1 < threshold) continue;  // not all of them are in the reference
    EXPECT_EQ(share_secret(secret, coefficients, one.at("n")), expected);
  }
}

TEST(SecretSharing, AnyThresholdOfSharesGivesTheSecretAndOneLessDoesNot) {
  std::mt19937_64 engine(5);
  ScriptedRandom random(8);
  for (const auto& [threshold, sites] :
       {std::pair{2u, 3u}, {3u, 4u}, {5u, 7u}, {9u, 13u}, {67u, 100u}}) {
    const Scalar secret = random_scalar(random);
    const auto shares = share_secret(secret, threshold, sites, random);
    std::vector<std::uint32_t> all(sites);
    std::iota(all.begin(), all.end(), 1);
    for (int draw = 0; draw < 5; ++draw) {
      std::shuffle(all.begin(), all.end(), engine);
      const std::span chosen(all);
      EXPECT_EQ(combined(shares, chosen.first(threshold)), secret);
      EXPECT_NE(combined(shares, chosen.first(threshold - 1)), secret);
    }
  }
}

TEST(SecretSharing, ScalarsAreBelowTheOrder) {
  Scalar order{};  // L, little-endian
  ASSERT_TRUE(from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order));
  EXPECT_FALSE(is_scalar(order));
  --order[0];
  EXPECT_TRUE(is_scalar(order));
  order.fill(0xff);
  EXPECT_FALSE(is_scalar(order));
}

}  // namespace
}  // namespace collegium::secagg
