#include "collegium/error.h"
#include "fuzz/target.h"
#include "store/event_json.h"

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  PrivacyEvent gaussian{.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = 1.5};
  PrivacyEvent sampled{.kind = PrivacyEvent::Kind::sampled_gaussian,
                       .noise_multiplier = 1.1,
                       .sampling_rate = 0.01,
                       .count = 100};
  PrivacyEvent pure{.kind = PrivacyEvent::Kind::pure, .epsilon = 0.5};
  return {input_of(event_to_json(gaussian)), input_of(event_to_json(sampled)),
          input_of(event_to_json(pure)),
          input_of(events_to_json(std::vector<PrivacyEvent>{gaussian, pure}))};
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Any text is either no event, or one that is written and read again as the same and that can be
// charged.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace collegium;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto check = [](const PrivacyEvent& event) {
    try {
      const std::string written = event_to_json(event);
      const auto again = event_from_json(written);
      if (!again || event_to_json(*again) != written) __builtin_trap();
    } catch (const ConfigError&) {  // reads as an event, and nobody could charge it
    }
  };
  if (const auto event = event_from_json(text)) check(*event);
  if (const auto events = events_from_json(text))
    for (const PrivacyEvent& event : *events) check(event);
  return 0;
}
