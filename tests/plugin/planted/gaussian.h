#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "collegium/error.h"
#include "collegium/privacy.h"
#include "collegium/settings.h"
#include "collegium/vector_ops.h"

namespace collegium::planted {

// Clips an update to norm 1 and adds Gaussian noise: correct, and the base of those that are
// broken.
class Gaussian : public PrivacyMechanism {
 public:
  explicit Gaussian(const Settings& settings)
      : noise_(settings.number_in("noise", 1.0, 1e-3, 1e6)) {}
  struct Unread {};
  explicit Gaussian(Unread) {}

  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = noise_};
  }
  std::string describe() const override { return "clipped to norm 1, with Gaussian noise"; }

  void apply(std::span<float> values, const RoundContext& context, SecureRandom& random) override {
    clip_to_norm(values, 1.0);
    for_each_trainable(values, context, [&](float& value) {
      value = static_cast<float>(value + noise_ * random.normal());
    });
  }

 protected:
  template <class F>
  static void for_each_trainable(std::span<float> values, const RoundContext& context, F&& change) {
    if (!context.layout) {
      std::for_each(values.begin(), values.end(), change);
      return;
    }
    for (const Slot& slot : context.layout->slots()) {
      const auto part = values.subspan(slot.offset, slot.size);
      if (slot.trainable) std::for_each(part.begin(), part.end(), change);
    }
  }
  double noise_ = 1.0;
};

}  // namespace collegium::planted
