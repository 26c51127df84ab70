// Privacy mechanisms that are broken in one way each, and the checks that are there to notice.
#include <random>
#include <stdexcept>
#include <vector>

#include "plugin/planted/gaussian.h"
#include "plugin/planted/planted.h"

namespace collegium::planted {
namespace {

using Span = std::span<float>;
using Kind = PrivacyEvent::Kind;

struct AcceptsEverything : Gaussian {
  explicit AcceptsEverything(const Settings& settings) : Gaussian(settings) {
    settings.accept_all();
  }
};
struct AsksWithoutReading : Gaussian {
  explicit AsksWithoutReading(const Settings& settings) : Gaussian(Unread{}) {
    settings.contains("noise");
  }
};
struct RefusesWithoutWords : Gaussian {
  explicit RefusesWithoutWords(const Settings& settings) : Gaussian(Unread{}) {
    if (settings.number("noise", 1.0) <= 0) throw ConfigError({.what = "bad settings"});
  }
};
struct ThrowsForeignErrors : Gaussian {
  explicit ThrowsForeignErrors(const Settings& settings) : Gaussian(Unread{}) {
    if (settings.number("noise", 1.0) < 0) throw std::invalid_argument("negative");
  }
};

struct PromisesNoiseOfNoSize : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override { return {.kind = Kind::gaussian}; }
};
struct GivesNoReason : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override { return {.kind = Kind::unbounded}; }
};
struct ChargesMoreEachTime : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = Kind::gaussian, .noise_multiplier = noise_, .count = ++asked_};
  }
  mutable std::int64_t asked_ = 0;
};
struct ChargesByTheData : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = Kind::gaussian, .noise_multiplier = noise_ / (1 + last_norm_)};
  }
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    last_norm_ = l2_norm(values);
    Gaussian::apply(values, context, random);
  }
  std::string describe() const override {
    return "the last update had norm " + std::to_string(last_norm_);
  }
  double last_norm_ = 0;
};
struct DescribesNothing : Gaussian {
  using Gaussian::Gaussian;
  std::string describe() const override { return PrivacyMechanism::describe(); }
};

struct WritesBeyond : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    Gaussian::apply(values, context, random);
    *(values.data() + values.size()) = 0;
  }
};
struct MovesFrozenValues : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    RoundContext blind = context;
    blind.layout = nullptr;
    Gaussian::apply(values, blind, random);
  }
};
struct NeedsALayout : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    if (!context.layout) throw ConfigError({.what = "no layout"});
    Gaussian::apply(values, context, random);
  }
};
struct NeedsAValue : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    if (values.empty()) throw std::out_of_range("no first value");
    Gaussian::apply(values, context, random);
  }
};
struct DividesByTheNorm : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    const auto length = static_cast<float>(l2_norm(values));
    for (float& value : values) value /= length;
    for_each_trainable(values, context, [&](float& value) {
      value += static_cast<float>(noise_ * random.normal());
    });
  }
};
struct ClipsEachValue : Gaussian {  // std::clamp lets NaN through
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    for_each_trainable(values, context, [&](float& value) {
      value = std::clamp(value, -0.1F, 0.1F) + static_cast<float>(noise_ * random.normal());
    });
  }
};
struct SquaresInFloat : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    float squares = 0;
    for (const float value : values) squares += value * value;
    for (float& value : values) value = value / std::sqrt(squares);
    for (float& value : values) value = squares > 1e30F ? squares : value;
    for_each_trainable(values, context, [&](float& value) {
      value += static_cast<float>(noise_ * random.normal());
    });
  }
};
struct ThrowsWithoutSteps : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    if (context.local_steps <= 0) throw std::domain_error("no steps");
    Gaussian::apply(values, context, random);
  }
};
struct HasMomentum : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    last_.resize(values.size());
    const std::vector<float> now(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += 0.9F * last_[i];
    last_ = now;
    Gaussian::apply(values, context, random);
  }
  std::vector<float> last_;
};
struct SharesMomentum : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    static float last = 0;
    const float now = values.empty() ? 0 : values.back();
    if (!values.empty()) values.back() += 0.9F * last;
    last = now;
    Gaussian::apply(values, context, random);
  }
};
struct WorksInOneThread : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    only_one_thread();
    Gaussian::apply(values, context, random);
  }
};

struct HasItsOwnGenerator : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    static std::mt19937 own(1);
    std::normal_distribution<float> normal;
    Gaussian::apply(values, context, random);
    values.back() += normal(own);
  }
};
struct HasFixedNoise : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom&) override {
    conformance::SeededWords fixed(1);
    Gaussian::apply(values, context, fixed);
  }
};
struct DrawsNoiseOnce : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext&, SecureRandom& random) override {
    if (noise_once_.empty())
      for (std::size_t i = 0; i < values.size(); ++i)
        noise_once_.push_back(static_cast<float>(noise_ * random.normal()));
    clip_to_norm(values, 1.0);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += noise_once_[i];
  }
  std::vector<float> noise_once_;
};
struct DeniesTheRelease : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override { return {.kind = Kind::none}; }
  void apply(Span values, const RoundContext&, SecureRandom&) override {
    clip_to_norm(values, 1.0);
  }
};
struct AddsATenthOfTheNoise : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    clip_to_norm(values, 1.0);
    for_each_trainable(values, context, [&](float& value) {
      value += static_cast<float>(0.1 * noise_ * random.normal());
    });
  }
};
struct DoesNotClip : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    for_each_trainable(values, context, [&](float& value) {
      value += static_cast<float>(noise_ * random.normal());
    });
  }
};
struct ClipsAfterTheNoise : Gaussian {
  using Gaussian::Gaussian;
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    for_each_trainable(values, context, [&](float& value) {
      value += static_cast<float>(noise_ * random.normal());
    });
    clip_to_norm(values, 1.0);
  }
};
struct ClaimsTooSmallAnEpsilon : Gaussian {  // Laplace noise for one value, on a whole update
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = Kind::pure, .epsilon = 0.5};
  }
  void apply(Span values, const RoundContext& context, SecureRandom& random) override {
    for_each_trainable(values, context, [&](float& value) {
      value = std::isfinite(value) ? std::clamp(value, -1.0F, 1.0F) : 0;
      value += static_cast<float>(random.laplace(2.0));
    });
  }
};

template <class T>
Planted<PrivacyMechanism> plant(const char* name, const char* caught_by) {
  return {name,
          caught_by,
          {[](const Settings& settings) { return std::make_unique<T>(settings); },
           {.settings = "noise = 1.0", .refused = {"noise = 0.0"}}}};
}
#define PLANT(mistake, check) plant<mistake>(#mistake, #check)

const std::vector<Planted<PrivacyMechanism>>& planted_mechanisms() {
  static const std::vector<Planted<PrivacyMechanism>> all{
      {"MakesNothing", "IsMadeFromItsSettings", {[](const Settings&) { return nullptr; }, {}}},
      PLANT(AcceptsEverything, RefusesUnknownSettings),
      PLANT(AsksWithoutReading, RefusesSettingsOfAnotherType),
      PLANT(RefusesWithoutWords, RefusesBadSettingsInWords),
      PLANT(ThrowsForeignErrors, SurvivesExtremeSettings),
      PLANT(PromisesNoiseOfNoSize, EventIsWellFormed),
      PLANT(GivesNoReason, UnboundedEventsSayWhy),
      PLANT(ChargesMoreEachTime, EventIsTheSameHoweverOftenItIsAsked),
      PLANT(ChargesByTheData, EventLooksAtNoData),
      PLANT(DescribesNothing, DescribesItselfInOneLine),
      PLANT(ChargesByTheData, DescriptionLooksAtNoData),
      PLANT(WritesBeyond, WritesOnlyIntoTheUpdate),
      PLANT(MovesFrozenValues, LeavesFrozenValuesAlone),
      PLANT(NeedsALayout, WorksWithoutALayout),
      PLANT(NeedsAValue, TakesAnUpdateWithoutValues),
      PLANT(DividesByTheNorm, TakesAnUpdateOfZeros),
      PLANT(ClipsEachValue, LetsNothingThroughThatIsNotFinite),
      PLANT(SquaresInFloat, RefusesOrKeepsFiniteWhatIsLarge),
      PLANT(ThrowsWithoutSteps, SurvivesImpossibleRounds),
      PLANT(HasMomentum, RemembersNoUpdate),
      PLANT(SharesMomentum, InstancesShareNothing),
      PLANT(WorksInOneThread, WorksInSeveralThreads),
      PLANT(HasItsOwnGenerator, DrawsItsNoiseFromTheHostsWords),
      PLANT(HasFixedNoise, OtherWordsGiveOtherNoise),
      PLANT(DrawsNoiseOnce, NoiseIsFreshInEveryRound),
      PLANT(DeniesTheRelease, ReleasesNothingIfItSaysSo),
      PLANT(AddsATenthOfTheNoise, HidesAnUpdateAsWellAsItSays),
      PLANT(DoesNotClip, HidesAnUpdateAsWellAsItSays),
      PLANT(ClaimsTooSmallAnEpsilon, HidesAnUpdateAsWellAsItSays),
      PLANT(ClipsAfterTheNoise, HidesAnUpdateAsWellAsItSays),
  };
  return all;
}

TEST(PlantedMechanisms, AreEachCaughtByTheCheckThatIsThereForIt) {
  expect_each_to_be_caught(conformance::mechanism_checks(), planted_mechanisms());
}

TEST(PlantedMechanisms, GiveEveryCheckSomethingToCatch) {
  expect_every_check_to_catch_something(conformance::mechanism_checks(), planted_mechanisms());
}

TEST(PlantedMechanisms, HaveACorrectBase) {
  const auto correct = plant<Gaussian>("", "").subject;
  for (const auto& check : conformance::mechanism_checks()) conformance::run_check(check, correct);
}

// At the edge of the promise: Laplace noise that is just as large as its epsilon asks for.
struct Laplace : Gaussian {
  using Gaussian::Gaussian;
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = Kind::laplace, .noise_multiplier = 1.0};
  }
  void apply(Span values, const RoundContext&, SecureRandom& random) override {
    double size = 0;
    for (const float value : values) size += std::abs(static_cast<double>(value));
    for (float& value : values)
      value = static_cast<float>(value / std::max(size, 1.0) + random.laplace(1.0));
  }
};

TEST(PlantedMechanisms, AreNotCaughtWhereTheNoiseIsAsLargeAsPromised) {
  conformance::hides_an_update_as_well_as_it_says(plant<Laplace>("", "").subject);
}

}  // namespace
}  // namespace collegium::planted
