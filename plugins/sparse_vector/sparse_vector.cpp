// The sparse vector technique on a whole update: of the mean step x = delta / local steps, only
// values that win a noisy comparison with a threshold are shared, at most c of them, each with
// noise; the others are zero.
//
//   variant = "sound"   Lyu, Su and Li 2017, Algorithm 7: values are cut to [-gamma, gamma] first,
//   visited once in random
//                       order, and the search ends at exactly c: (threshold + query +
//                       answer)-differentially private.
//   variant = "paper"   Li et al. 2019, Algorithm 2, which cuts after the noise: no epsilon bounds
//   it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "budget.h"
#include "collegium/error.h"
#include "collegium/plugin.h"

namespace {

using collegium::ConfigError;
using collegium::Layout;
using collegium::PrivacyEvent;
using collegium::RoundContext;
using collegium::SecureRandom;
using sparse_vector::Epsilons;
using sparse_vector::Scales;

constexpr double kLeast = std::numeric_limits<double>::min();
constexpr double kMost = 1e30;

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::vector<std::uint32_t> movable(
    std::size_t size, const Layout* layout) {  // frozen values are zero and take no part
  std::vector<std::uint32_t> result;
  const bool known = layout && layout->size() == size;
  result.reserve(size);
  const auto take = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) result.push_back(static_cast<std::uint32_t>(i));
  };
  if (!known) take(0, size);
  for (std::size_t k = 0; known && k < layout->slots().size(); ++k) {
    const collegium::Slot& slot = layout->slots()[k];
    if (slot.trainable) take(slot.offset, slot.offset + slot.size);
  }
  return result;
}

// Laplace noise on a grid far coarser than float64's own: the low bits of a sum of floats would
// betray the value (Mironov 2012). Rounding what is already noisy costs no privacy; the grid is at
// most 1/64 of the scale.
double add_noise(double value, double scale, SecureRandom& random) {
  const double grid = std::exp2(std::floor(std::log2(scale)) - 6);
  return grid * std::rint((value + random.laplace(scale)) / grid);
}

class SparseVector final : public collegium::PrivacyMechanism {
 public:
  explicit SparseVector(const collegium::Settings& settings)
      : paper_(settings.one_of("variant", "sound", {"sound", "paper"}) == "paper"),
        gamma_(settings.number_in("gamma", 1e-4, kLeast, kMost)),
        tau_(settings.number_in("tau", 1e-6, -kMost, kMost)),
        cut_answers_(paper_ || settings.boolean("cut_answers", true)) {
    if (settings.contains("fraction") == settings.contains("count")) {
      throw ConfigError({.what = "sparse_vector needs to know how many values it may share",
                         .where = settings.where("fraction"),
                         .expected = "exactly one of fraction, count"});
    }
    fraction_ = settings.number_in("fraction", 0.0, 1e-9, 1.0);
    count_ = settings.integer_in("count", 0, 1, std::int64_t{1} << 31);
    if (!paper_ && settings.contains("epsilon")) {
      total_ = settings.number_in("epsilon", 0.0, 1e-9, 1e9);
      return;
    }
    given_.query = required(settings, "epsilon_query");
    given_.answer = required(settings, "epsilon_answer");
    if (!paper_ || settings.contains("epsilon_threshold"))
      given_.threshold = required(settings, "epsilon_threshold");
  }

  PrivacyEvent event(const RoundContext& context) const override {
    if (!paper_)
      return {.kind = PrivacyEvent::Kind::pure, .epsilon = total_ > 0 ? total_ : given_.sum()};
    return {.kind = PrivacyEvent::Kind::unbounded, .reason = paper_statement(context.layout)};
  }

  std::string describe() const override {
    if (paper_) return paper_statement(nullptr);
    const double epsilon = total_ > 0 ? total_ : given_.sum();
    const double c = count_ > 0 ? static_cast<double>(count_) : fraction_ * 1e6;
    const double noise =
        sparse_vector::sound_scales(epsilons(c), c, gamma_, 2 * gamma_).query / gamma_;
    return "sparse_vector, sound: every round costs a site's whole update epsilon " +
           text_of(epsilon) + " (delta 0)" + "; to share " + text_of(c) +
           (count_ > 0 ? " values" : " of each million values") + " the noise on a comparison is " +
           text_of(noise) + " times the largest value" +
           (noise > 10 ? ": which values are shared is a random mask, not a choice of the largest"
                       : "");
  }

  void apply(std::span<float> values, const RoundContext& context, SecureRandom& random) override {
    if (context.local_steps <= 0)
      throw ConfigError({.what = "a round without local steps has no mean step"});
    const auto steps = static_cast<double>(context.local_steps);
    std::vector<std::uint32_t> left = movable(values.size(), context.layout);
    const std::size_t limit = limit_of(left.size());
    const auto c = static_cast<double>(limit);
    const Scales scales = paper_ ? sparse_vector::published_scales(epsilons(c), c, sensitivity())
                                 : sparse_vector::sound_scales(epsilons(c), c, gamma_, 2 * gamma_);
    const double threshold = tau_ + random.laplace(scales.threshold);
    std::vector<float> shared(values.size(), 0.0F);
    std::size_t found = 0;
    // Sound: one visit each. Paper: what lost is drawn again until c have won; the passes are
    // bounded, because where the threshold is out of reach the published loop never ends.
    for (int pass = 0; pass < (paper_ ? kPasses : 1) && found < limit; ++pass) {
      std::size_t lost = 0;
      for (std::size_t next = 0; next < left.size() && found < limit; ++next) {
        std::swap(left[next], left[next + random.below(left.size() - next)]);
        const std::uint32_t i = left[next];
        const double value =
            std::isfinite(values[i]) ? static_cast<double>(values[i]) / steps : 0.0;
        const double cut = std::clamp(value, -gamma_, gamma_);
        if (std::abs(cut) + random.laplace(scales.query) < threshold) {
          left[lost++] = i;
          continue;
        }
        const double noisy = add_noise(paper_ ? value : cut, scales.answer, random);
        shared[i] =
            static_cast<float>(steps * (cut_answers_ ? std::clamp(noisy, -gamma_, gamma_) : noisy));
        ++found;
      }
      left.resize(lost);
    }
    std::copy(shared.begin(), shared.end(), values.begin());
  }

 private:
  static constexpr int kPasses = 64;

  static double required(const collegium::Settings& settings, const char* key) {
    settings.number(key);  // says so when it is missing
    return settings.number_in(key, 0.0, 1e-9, 1e12);
  }

  double sensitivity() const { return 2 * gamma_; }  // of the published algorithm: s

  std::size_t limit_of(std::size_t values) const {
    if (count_ > 0) return static_cast<std::size_t>(count_);
    return std::max<std::size_t>(1,
                                 static_cast<std::size_t>(fraction_ * static_cast<double>(values)));
  }

  Epsilons epsilons(double c) const {
    if (total_ > 0) return sparse_vector::best_split(total_, c);
    Epsilons result = given_;  // the published rule for the threshold: (2 c s)^(2/3) of the query's
    if (result.threshold == 0)
      result.threshold = std::pow(2 * c * sensitivity(), 2.0 / 3.0) * result.query;
    return result;
  }

  std::string paper_statement(const Layout* layout) const {
    const std::size_t size = layout ? movable(layout->size(), layout).size() : 1000000;
    const auto c = static_cast<double>(limit_of(size));
    const Epsilons e = epsilons(c);
    const double s = sensitivity();
    const double choice = sparse_vector::published_selection_cost(e, gamma_, s);
    const double b = sparse_vector::published_scales(e, c, s).answer;
    const double ten = choice + c * sparse_vector::published_answer_cost(10 * gamma_, gamma_, b);
    const std::string per = layout || count_ > 0 ? "" : " for a million values";
    return "sparse_vector, paper: nominal epsilon " + text_of(e.sum()) + " a round" + per +
           "; true epsilon unbounded, because values of any size meet the noise before they are "
           "cut to gamma (were values "
           "at most 10 gamma, it would be " +
           text_of(ten) + "; cut to gamma first, " + text_of(choice + e.answer * 2 * gamma_ / s) +
           ")";
  }

  bool paper_;
  double gamma_;
  double tau_;
  bool cut_answers_;
  double fraction_ = 0;
  std::int64_t count_ = 0;
  double total_ = 0;  // 0: the three are given
  Epsilons given_;
};

}  // namespace

COLLEGIUM_PLUGIN(sparse_vector, "0.1.0") { registrar.mechanism<SparseVector>("sparse_vector"); }
