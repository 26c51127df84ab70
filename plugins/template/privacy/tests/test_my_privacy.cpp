#include "collegium/conformance.h"

// What every mechanism has to keep: about thirty checks, listed in collegium/conformance.h.
COLLEGIUM_CONFORMANCE(my_privacy, .settings = "clip = 0.5\nnoise_multiplier = 1.5",
                      .refused = {"clip = 0.0", "noise_multiplier = -1.0"});

// What this one is for.
TEST(MyPrivacy, IsChargedAsOneGaussianRelease) {
  const collegium::conformance::Offers offers(COLLEGIUM_PLUGIN_FILE);
  collegium::Settings settings;
  settings.set("noise_multiplier", 2.0);
  const auto event = offers.mechanisms.front().second(settings)->event({});
  EXPECT_EQ(event.kind, collegium::PrivacyEvent::Kind::gaussian);
  EXPECT_EQ(event.noise_multiplier, 2.0);
}
