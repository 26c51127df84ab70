#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/blob.h"

namespace collegium {

// Why a result does not count. The names travel in `rejected` messages and stand in the history.
enum class RefusalCode : std::uint8_t {
  late,  // the round is over, or its results are already being collected
  not_in_cohort,
  wrong_model,  // trained on another model than this round's
  duplicate,    // the site already gave another result for this round
  malformed,    // a body that cannot be read
  bad_size,     // not layout-size floats; refused before a byte is pulled
  bad_weight,   // not finite, not positive, or above the steps asked for
  bad_steps,
  not_finite,
  norm_too_large,
  bad_signature,  // what it claims is not signed by the site's key
  corrupted,      // the bytes are not those announced
  pull_failed     // the bytes could not be had in time
};
std::string_view name_of(RefusalCode code);

struct Refusal {
  RefusalCode code = RefusalCode::late;
  std::string text;  // what was expected and what was found
};

// What an update must satisfy to count in a round.
struct RoundRules {
  std::size_t layout_size = 0;                   // floats
  std::optional<double> norm_bound;              // largest L2 norm of an update
  bool weight_is_iterations = true;              // then a weight above the steps is refused
  std::optional<std::int64_t> steps_asked = {};  // local_steps, when the task fixes them
};

// Bounds that no honest result comes near: without them one site's numbers could leave no room for
// those of all others, or vanish in float32, and end the run for everybody.
inline constexpr double kSmallestWeight = 1e-15, kLargestWeight = 1e15;
inline constexpr double kLargestNorm = 1e18;

// What a result says of itself; checked before anything is pulled.
struct ResultClaim {
  std::int64_t steps = 0;
  double weight = 0;
  std::uint64_t size = 0;  // bytes
};

std::optional<Refusal> check_claim(const RoundRules& rules, const ResultClaim& claim);
// The values themselves: raw little-endian float32. One pass, in double, any thread.
std::optional<Refusal> check_values(const RoundRules& rules, const Chunks& values);

}  // namespace collegium
