#include "federation/round_rules.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace collegium {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Bytes bytes_of(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return Bytes::owning(std::move(bytes));
}

RoundRules rules_for(std::size_t floats) {
  RoundRules rules;
  rules.layout_size = floats;
  return rules;
}

RefusalCode code_of(const std::optional<Refusal>& refusal) {
  EXPECT_TRUE(refusal);
  return refusal ? refusal->code : RefusalCode::late;
}

TEST(RoundRules, TakeAWholeUpdateOfFiniteNumbers) {
  EXPECT_FALSE(check_claim(rules_for(3), {.steps = 5, .weight = 5, .size = 12}));
  EXPECT_FALSE(check_values(rules_for(3), bytes_of({1, -2, 3})));
}

TEST(RoundRules, RefuseAnotherSizeFromTheClaimAlone) {
  EXPECT_EQ(code_of(check_claim(rules_for(3), {.steps = 1, .weight = 1, .size = 16})),
            RefusalCode::bad_size);
  EXPECT_EQ(
      code_of(check_claim(rules_for(3), {.steps = 1, .weight = 1, .size = std::uint64_t{1} << 50})),
      RefusalCode::bad_size);
  EXPECT_EQ(code_of(check_values(rules_for(3), bytes_of({1, 2}))), RefusalCode::bad_size);
}

TEST(RoundRules, RefuseWeightsThatAreNotPositiveFiniteNumbers) {
  for (const double weight : {0.0, -1.0, kInfinity, -kInfinity, kNaN}) {
    EXPECT_EQ(code_of(check_claim(rules_for(1), {.steps = 1, .weight = weight, .size = 4})),
              RefusalCode::bad_weight)
        << weight;
  }
}

TEST(RoundRules, RefuseAWeightAboveTheStepsWhenStepsAreTheWeights) {
  RoundRules rules = rules_for(1);
  EXPECT_EQ(code_of(check_claim(rules, {.steps = 4, .weight = 4.5, .size = 4})),
            RefusalCode::bad_weight);
  rules.weight_is_iterations = false;
  EXPECT_FALSE(check_claim(rules, {.steps = 4, .weight = 400, .size = 4}));
}

TEST(RoundRules, RefuseMoreStepsThanTheTaskAskedFor) {
  RoundRules rules = rules_for(1);
  rules.steps_asked = 10;
  EXPECT_FALSE(check_claim(rules, {.steps = 10, .weight = 10, .size = 4}));
  EXPECT_EQ(code_of(check_claim(rules, {.steps = 11, .weight = 1, .size = 4})),
            RefusalCode::bad_steps);
  EXPECT_EQ(code_of(check_claim(rules, {.steps = 0, .weight = 1, .size = 4})),
            RefusalCode::bad_steps);
}

TEST(RoundRules, NameTheFirstElementThatIsNotFinite) {
  const auto refusal =
      check_values(rules_for(4), bytes_of({1, 2, std::numeric_limits<float>::infinity(), 4}));
  EXPECT_EQ(code_of(refusal), RefusalCode::not_finite);
  EXPECT_NE(refusal->text.find("element 2"), std::string::npos) << refusal->text;
  EXPECT_EQ(
      code_of(check_values(rules_for(1), bytes_of({std::numeric_limits<float>::quiet_NaN()}))),
      RefusalCode::not_finite);
}

TEST(RoundRules, BoundTheNormWhereABoundIsSet) {
  RoundRules rules = rules_for(2);
  rules.norm_bound = 5;
  EXPECT_FALSE(check_values(rules, bytes_of({3, 4})));  // 3-4-5
  EXPECT_EQ(code_of(check_values(rules, bytes_of({3, 4.001f}))), RefusalCode::norm_too_large);
}

TEST(RoundRules, DoNotMistakeALargeFiniteUpdateForAnInfiniteOne) {
  const float largest = std::numeric_limits<float>::max();
  EXPECT_EQ(code_of(check_values(rules_for(2), bytes_of({largest, -largest}))),
            RefusalCode::norm_too_large);
}

// What one site says may not make the sum of all others vanish or overflow.
TEST(RoundRules, LeaveRoomForTheUpdatesOfOthers) {
  EXPECT_FALSE(check_values(rules_for(2), bytes_of({9e17f, 0})));
  EXPECT_EQ(code_of(check_values(rules_for(2), bytes_of({1.1e18f, 0}))),
            RefusalCode::norm_too_large);
  RoundRules rules = rules_for(1);
  rules.weight_is_iterations = false;
  for (const double weight : {1e-15, 1.0, 1e15})
    EXPECT_FALSE(check_claim(rules, {.steps = 1, .weight = weight, .size = 4})) << weight;
  for (const double weight : {1e-16, 1e16, 1e300})
    EXPECT_EQ(code_of(check_claim(rules, {.steps = 1, .weight = weight, .size = 4})),
              RefusalCode::bad_weight)
        << weight;
}

TEST(RoundRules, ReadPayloadsThatAreNotAligned) {
  std::vector<std::uint8_t> bytes(9);
  const float values[2] = {3, 4};
  std::memcpy(bytes.data() + 1, values, sizeof(values));
  RoundRules rules = rules_for(2);
  rules.norm_bound = 5;
  EXPECT_FALSE(check_values(rules, Bytes::owning(bytes).slice(1, 8)));
}

}  // namespace
}  // namespace collegium
