// Selective parameter sharing (Shokri and Shmatikov 2015; Li et al. 2019, section 2.2): of the mean
// step of a round, x = delta / local steps, only the largest components are shared, each cut to
// [-gamma, gamma]; the others are zero. It makes updates smaller and sparser. It adds no noise and
// selects by the data: it carries no privacy guarantee.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "collegium/error.h"
#include "collegium/plugin.h"

namespace {

using collegium::RoundContext;

class Percentile final : public collegium::PrivacyMechanism {
 public:
  explicit Percentile(const collegium::Settings& settings)
      : share_fraction_(settings.number_in("share_fraction", 0.4, 0.0, 1.0)),
        gamma_(settings.number_in("gamma", 1e-4, std::numeric_limits<double>::min(), 1e30)) {}

  collegium::PrivacyEvent event(const RoundContext&) const override {
    return {.kind = collegium::PrivacyEvent::Kind::unbounded, .reason = describe()};
  }

  std::string describe() const override {
    return "percentile carries no guarantee: it adds no noise, and which values are shared depends "
           "on the data";
  }

  void apply(std::span<float> values, const RoundContext& context,
             collegium::SecureRandom&) override {
    if (context.local_steps <= 0)
      throw collegium::ConfigError({.what = "a round without local steps has no mean step"});
    // |x| > tau and clip(x, gamma), times the steps again, on the update itself.
    const float threshold = threshold_of(values, context.layout);
    const auto bound = static_cast<float>(gamma_ * static_cast<double>(context.local_steps));
    for (float& value : values)
      value = std::abs(value) > threshold ? std::clamp(value, -bound, bound) : 0.0F;
  }

 private:
  // The least size that is not shared: among n values that can move, about share_fraction * n are
  // larger (fewer when sizes are equal). Frozen values are zero and do not count.
  float threshold_of(std::span<const float> values, const collegium::Layout* layout) const {
    std::vector<float> sizes;
    sizes.reserve(values.size());
    const auto take = [&](std::size_t offset, std::size_t size) {
      for (const float value : values.subspan(offset, size)) sizes.push_back(std::abs(value));
    };
    if (layout && layout->size() == values.size()) {
      for (const collegium::Slot& slot : layout->slots()) {
        if (slot.trainable) take(slot.offset, slot.size);
      }
    } else {
      take(0, values.size());
    }
    const auto shared =
        static_cast<std::size_t>(std::llround(share_fraction_ * static_cast<double>(sizes.size())));
    if (shared >= sizes.size()) return -1.0F;  // everything
    const auto first_kept_back = sizes.begin() + static_cast<std::ptrdiff_t>(shared);
    std::nth_element(sizes.begin(), first_kept_back, sizes.end(), std::greater<>());
    return *first_kept_back;
  }

  double share_fraction_;
  double gamma_;
};

}  // namespace

COLLEGIUM_PLUGIN(percentile, "0.1.0") { registrar.mechanism<Percentile>("percentile"); }
