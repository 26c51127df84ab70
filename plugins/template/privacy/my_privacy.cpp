// Gaussian noise on a clipped update: it is cut to L2 norm `clip`, and every value that can move
// gets noise of standard deviation noise_multiplier * clip. With and without this site, what leaves
// differs by at most `clip` before the noise, so each round is one Gaussian release.
#include <cmath>
#include <string>

#include "collegium/plugin.h"
#include "collegium/vector_ops.h"

namespace {

using collegium::PrivacyEvent;
using collegium::RoundContext;

class MyPrivacy final : public collegium::PrivacyMechanism {
 public:
  explicit MyPrivacy(const collegium::Settings& settings)
      : clip_(settings.number_in("clip", 1.0, 1e-6, 1e6)),
        noise_multiplier_(settings.number_in("noise_multiplier", 1.0, 1e-3, 1e6)) {}

  // Charged before apply() sees the data: from settings and public numbers alone.
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = noise_multiplier_};
  }

  std::string describe() const override {
    return "my_privacy hides whether a site takes part: Gaussian noise of " +
           std::to_string(noise_multiplier_) + " times the clipped norm, in every round";
  }

  void apply(std::span<float> values, const RoundContext& context,
             collegium::SecureRandom& random) override {
    collegium::clip_to_norm(values, clip_);  // makes zeros of what is not finite
    const double sigma = noise_multiplier_ * clip_;
    // On a grid: the low bits of a sum of floats would betray the value (Mironov 2012).
    const double grid = std::exp2(std::floor(std::log2(sigma)) - 6);
    const auto add_noise = [&](std::span<float> part) {
      for (float& value : part)
        value = static_cast<float>(grid * std::rint((value + sigma * random.normal()) / grid));
    };
    if (!context.layout) return add_noise(values);
    for (const collegium::Slot& slot : context.layout->slots())
      if (slot.trainable) add_noise(values.subspan(slot.offset, slot.size));
  }

 private:
  double clip_;
  double noise_multiplier_;
};

}  // namespace

COLLEGIUM_PLUGIN(my_privacy, "0.1.0") { registrar.mechanism<MyPrivacy>("my_privacy"); }
