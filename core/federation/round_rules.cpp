#include "federation/round_rules.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

namespace collegium {

static_assert(std::endian::native == std::endian::little, "updates are raw little-endian float32");

std::string_view name_of(RefusalCode code) {
  switch (code) {
    case RefusalCode::late:
      return "late";
    case RefusalCode::not_in_cohort:
      return "not_in_cohort";
    case RefusalCode::wrong_model:
      return "wrong_model";
    case RefusalCode::duplicate:
      return "duplicate";
    case RefusalCode::malformed:
      return "malformed";
    case RefusalCode::bad_size:
      return "bad_size";
    case RefusalCode::bad_weight:
      return "bad_weight";
    case RefusalCode::bad_steps:
      return "bad_steps";
    case RefusalCode::not_finite:
      return "not_finite";
    case RefusalCode::norm_too_large:
      return "norm_too_large";
    case RefusalCode::bad_signature:
      return "bad_signature";
    case RefusalCode::corrupted:
      return "corrupted";
    case RefusalCode::pull_failed:
      return "pull_failed";
  }
  return "";
}

namespace {

Refusal wrong_size(const RoundRules& rules, std::uint64_t found) {
  return {RefusalCode::bad_size,
          "the update must have " + std::to_string(rules.layout_size * sizeof(float)) + " bytes (" +
              std::to_string(rules.layout_size) + " floats), it has " + std::to_string(found)};
}

float value_at(const Bytes& bytes, std::size_t index) {
  float value;  // a payload need not be aligned
  std::memcpy(&value, bytes.view.data() + index * sizeof(float), sizeof(float));
  return value;
}

// Eight sums, so that one addition need not wait for the one before.
double squares_of(const Bytes& bytes) {
  constexpr std::size_t kSums = 8;
  const std::size_t size = bytes.size() / sizeof(float);
  std::array<double, kSums> sums{};
  std::size_t i = 0;
  for (; i + kSums <= size; i += kSums)
    for (std::size_t lane = 0; lane < kSums; ++lane) {
      const double value = value_at(bytes, i + lane);
      sums[lane] += value * value;
    }
  for (; i < size; ++i) sums[0] += static_cast<double>(value_at(bytes, i)) * value_at(bytes, i);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

Refusal not_finite(const Bytes& bytes, std::size_t first) {
  std::size_t i = 0;
  while (std::isfinite(value_at(bytes, i))) ++i;
  return {RefusalCode::not_finite,
          "element " + std::to_string(first + i) + " of the update is not a finite number"};
}

}  // namespace

std::optional<Refusal> check_claim(const RoundRules& rules, const ResultClaim& claim) {
  if (claim.size != rules.layout_size * sizeof(float)) return wrong_size(rules, claim.size);
  if (claim.steps < 1) {
    return Refusal{RefusalCode::bad_steps,
                   "at least one step is needed, it reports " + std::to_string(claim.steps)};
  }
  if (rules.steps_asked && claim.steps > *rules.steps_asked) {
    return Refusal{RefusalCode::bad_steps, "the task asks for " +
                                               std::to_string(*rules.steps_asked) +
                                               " steps, it reports " + std::to_string(claim.steps)};
  }
  if (!std::isfinite(claim.weight) || !(claim.weight > 0)) {
    return Refusal{RefusalCode::bad_weight,
                   "the weight must be a positive number, it is " + std::to_string(claim.weight)};
  }
  if (claim.weight < kSmallestWeight || claim.weight > kLargestWeight) {
    return Refusal{RefusalCode::bad_weight, "the weight must be between 1e-15 and 1e15"};
  }
  const auto most = static_cast<double>(rules.steps_asked.value_or(claim.steps));
  if (rules.weight_is_iterations && claim.weight > most) {
    return Refusal{RefusalCode::bad_weight, "the weight is the number of steps, at most " +
                                                std::to_string(most) + ", it is " +
                                                std::to_string(claim.weight)};
  }
  return {};
}

std::optional<Refusal> check_values(const RoundRules& rules, const Chunks& values) {
  if (values.size() != rules.layout_size * sizeof(float)) return wrong_size(rules, values.size());
  double squares = 0;  // a float's square and the sum of 2^31 of them stay finite in double
  std::size_t first = 0;
  for (const Bytes& part : values.parts) {
    const double of_part = squares_of(part);
    if (!std::isfinite(of_part)) return not_finite(part, first);
    squares += of_part;
    first += part.size() / sizeof(float);
  }
  const double norm = std::sqrt(squares);
  if (norm > kLargestNorm) {
    return Refusal{
        RefusalCode::norm_too_large,
        "no update of use has a norm above 1e18: added up it would take the model out of "
        "what float32 can hold"};
  }
  if (rules.norm_bound && norm > *rules.norm_bound) {
    return Refusal{RefusalCode::norm_too_large, "the update's norm must be at most " +
                                                    std::to_string(*rules.norm_bound) + ", it is " +
                                                    std::to_string(norm)};
  }
  return {};
}

}  // namespace collegium
