// Aggregators that are broken in one way each, and the checks that are there to notice.
#include <array>
#include <stdexcept>
#include <vector>

#include "plugin/planted/mean.h"
#include "plugin/planted/planted.h"

namespace collegium::planted {
namespace {

using Span = std::span<float>;

struct AcceptsEverything : Mean {
  explicit AcceptsEverything(const Settings& settings) : Mean(settings) { settings.accept_all(); }
};
struct AsksWithoutReading : Mean {
  explicit AsksWithoutReading(const Settings& settings) : Mean(Unread{}) {
    settings.contains("shrink");
  }
};
struct RefusesWithoutWords : Mean {
  explicit RefusesWithoutWords(const Settings& settings) : Mean(Unread{}) {
    if (settings.number("shrink", 1.0) > 1) throw ConfigError({.what = "bad settings"});
  }
};
struct RefusesNothing : Mean {
  explicit RefusesNothing(const Settings& settings) : Mean(Unread{}) {
    settings.number("shrink", 1.0);
  }
};
struct ThrowsForeignErrors : Mean {
  explicit ThrowsForeignErrors(const Settings& settings) : Mean(Unread{}) {
    if (settings.number("shrink", 1.0) < 0) throw std::invalid_argument("negative");
  }
};

struct Drifts : Mean {  // from one instance to the next
  using Mean::Mean;
  void finish(Span delta) override {
    static int calls = 0;
    Mean::finish(delta);
    delta[0] += 1e-3F * static_cast<float>(++calls);
  }
};
struct TrustsTheFirst : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    Mean::accumulate({update.values, update.weight * (count_ == 0 ? 10 : 1), update.site});
  }
};
struct AddsToTheDelta : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    const std::vector<float> before(delta.begin(), delta.end());
    Mean::finish(delta);
    for (std::size_t i = 0; i < delta.size(); ++i) delta[i] += before[i];
  }
};
struct LeavesAGap : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    const float last = delta.back();
    Mean::finish(delta);
    delta.back() = last;
  }
};
struct WritesBeyond : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    *(delta.data() + delta.size()) = 0;
  }
};
struct ScalesTheUpdate : Mean {  // in place
  using Mean::Mean;
  void accumulate(const Update& update) override {
    const Span values(const_cast<float*>(update.values.data()), update.values.size());
    scale(values, 0.5);
    Mean::accumulate(update);
  }
};
struct RetainsInSecret : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override { updates_.push_back(update); }
  void finish(Span delta) override {
    for (const Update& update : updates_) Mean::accumulate(update);
    Mean::finish(delta);
  }
  std::vector<Update> updates_;
};
struct DividesByOneLess : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    for (float& value : delta) value /= static_cast<float>(count_ - 1);
  }
};
struct Standardises : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    for (float& value : delta) value /= static_cast<float>(delta.size() - 1);
  }
};
struct HasRoomForTwenty : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    weights_.at(static_cast<std::size_t>(count_)) = update.weight;
    Mean::accumulate(update);
  }
  std::array<double, 20> weights_{};
};
struct MovesByItself : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    for (float& value : delta) value += 1e-3F;
  }
};
struct Subtracts : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    scale(delta, -1);
  }
};
struct SumsInFloat : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    Mean::accumulate(update);
    sum_.resize(update.values.size());
    for (std::size_t i = 0; i < sum_.size(); ++i) sum_[i] += update.values[i];
  }
  void finish(Span delta) override {
    for (std::size_t i = 0; i < delta.size(); ++i) delta[i] = sum_[i] / static_cast<float>(count_);
  }
  std::vector<float> sum_;
};
struct ThrowsAtNaN : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    if (!all_finite(update.values)) throw std::domain_error("NaN");
    Mean::accumulate(update);
  }
};
struct WeighsInFloat : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    for (std::size_t i = 0; i < delta.size(); ++i)
      delta[i] = static_cast<float>(state_->sum[i]) / static_cast<float>(weight_);
  }
};
struct SumsInAStatic : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    total() += static_cast<double>(update.values[0]);
    Mean::accumulate(update);
  }
  void finish(Span delta) override {
    Mean::finish(delta);
    delta[0] = static_cast<float>(total() / count_);
    total() = 0;
  }
  static double& total() {
    static double sum = 0;
    return sum;
  }
};
struct WorksInOneThread : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    only_one_thread();
    Mean::finish(delta);
  }
};
struct ReturnsZerosForNothing : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    if (count_ == 0)
      std::fill(delta.begin(), delta.end(), 0.0F);
    else
      Mean::finish(delta);
  }
};
struct TakesEverySize : Mean {
  using Mean::Mean;
  void accumulate(const Update& update) override {
    std::vector<float> values(update.values.begin(), update.values.end());
    values.resize(std::max(values.size(), state_->sum.size()));
    state_->sum.resize(values.size());
    Mean::accumulate({values, update.weight, update.site});
  }
};
struct FillsWhatItHas : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    std::vector<float> all(state_->sum.size());
    if (count_ > 0) Mean::finish(all);
    std::copy_n(all.begin(), std::min(all.size(), delta.size()), delta.begin());
  }
};
struct ForgetsWeightsInMerging : Mean {
  using Mean::Mean;
  void merge(Aggregator& other) override {
    const double before = weight_;
    Mean::merge(other);
    weight_ = before > 0 ? before : weight_;
  }
};
struct RefusesEmptyParts : Mean {
  using Mean::Mean;
  void merge(Aggregator& other) override {
    if (count_ == 0) throw ConfigError({.what = "nothing to merge into"});
    Mean::merge(other);
  }
};
struct BorrowsWhatItMerges : Mean {
  using Mean::Mean;
  void merge(Aggregator& other) override {
    auto* part = dynamic_cast<BorrowsWhatItMerges*>(&other);
    if (!part || part == this) throw ConfigError({.what = "not another"});
    borrowed_ = part->state_;
    weight_ += part->weight_;
  }
  void finish(Span delta) override {
    for (std::size_t i = 0; borrowed_ && i < delta.size(); ++i) state_->sum[i] += borrowed_->sum[i];
    Mean::finish(delta);
  }
  std::shared_ptr<State> borrowed_;
};
struct IgnoresStrangers : Mean {
  using Mean::Mean;
  void merge(Aggregator& other) override {
    if (dynamic_cast<Mean*>(&other)) Mean::merge(other);
  }
};
struct MergesWithItself : Mean {
  using Mean::Mean;
  void merge(Aggregator& other) override {
    if (&other != this) Mean::merge(other);
  }
};
struct ChangesItsTraits : Mean {
  using Mean::Mean;
  Traits traits() const override { return {.linear = count_ < 3, .retains_updates = false}; }
};
struct CutsValues : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    for (float& value : delta) value = std::clamp(value, -0.5F, 0.5F);
  }
};
struct WeighsValuesByTheirPlace : Mean {
  using Mean::Mean;
  void finish(Span delta) override {
    Mean::finish(delta);
    for (std::size_t i = 0; i < delta.size(); ++i) delta[i] *= static_cast<float>(i + 1);
  }
};
struct UnderstatesItsSensitivity : Mean {  // right for a constant denominator, and this has none
  using Mean::Mean;
  std::optional<double> sensitivity(double clip, std::span<const double> weights) const override {
    return *Mean::sensitivity(clip, weights) / 2;
  }
};
struct DividesByTheClip : Mean {
  using Mean::Mean;
  std::optional<double> sensitivity(double clip, std::span<const double>) const override {
    return 1 / clip;
  }
};
struct MeasuresItsSensitivity : Mean {
  using Mean::Mean;
  std::optional<double> sensitivity(double clip, std::span<const double>) const override {
    return clip * (1 + (count_ > 0 ? std::abs(state_->sum[0]) : 0));
  }
};

template <class T>
Planted<Aggregator> plant(const char* name, const char* caught_by) {
  return {name,
          caught_by,
          {[](const Settings& settings) { return std::make_unique<T>(settings); },
           {.settings = "shrink = 1.0", .refused = {"shrink = 1.5"}}}};
}
#define PLANT(mistake, check) plant<mistake>(#mistake, #check)

const std::vector<Planted<Aggregator>>& planted_aggregators() {
  static const std::vector<Planted<Aggregator>> all{
      {"MakesNothing", "IsMadeFromItsSettings", {[](const Settings&) { return nullptr; }, {}}},
      PLANT(AcceptsEverything, RefusesUnknownSettings),
      PLANT(AsksWithoutReading, RefusesSettingsOfAnotherType),
      PLANT(RefusesWithoutWords, RefusesBadSettingsInWords),
      PLANT(RefusesNothing, RefusesBadSettingsInWords),
      PLANT(ThrowsForeignErrors, SurvivesExtremeSettings),
      PLANT(Drifts, GivesTheSameBitsAgain),
      PLANT(TrustsTheFirst, IgnoresTheOrderOfSites),
      PLANT(AddsToTheDelta, OverwritesTheWholeDelta),
      PLANT(LeavesAGap, OverwritesTheWholeDelta),
      PLANT(WritesBeyond, WritesOnlyIntoTheDelta),
      PLANT(ScalesTheUpdate, LeavesUpdatesAlone),
      PLANT(RetainsInSecret, KeepsNoUpdateThatItDoesNotRetain),
      PLANT(DividesByOneLess, TakesOneSite),
      PLANT(Standardises, TakesAModelOfOneValue),
      PLANT(HasRoomForTwenty, TakesManySites),
      PLANT(MovesByItself, MakesNothingOfZeros),
      PLANT(Subtracts, MovesWhereAllSitesMove),
      PLANT(SumsInFloat, RefusesOrKeepsFiniteWhatIsLarge),
      PLANT(ThrowsAtNaN, SurvivesValuesThatAreNotFinite),
      PLANT(WeighsInFloat, SurvivesWeightsFarApart),
      PLANT(SumsInAStatic, InstancesShareNothing),
      PLANT(WorksInOneThread, WorksInSeveralThreads),
      PLANT(ReturnsZerosForNothing, RefusesAnEmptyRound),
      PLANT(TakesEverySize, RefusesUpdatesOfDifferentSizes),
      PLANT(FillsWhatItHas, RefusesADeltaOfAnotherSize),
      PLANT(ForgetsWeightsInMerging, MergesIntoWhatOneWouldHaveMade),
      PLANT(RefusesEmptyParts, MergesWithAnEmptyPart),
      PLANT(BorrowsWhatItMerges, TakesOverWhatItMerges),
      PLANT(IgnoresStrangers, RefusesToMergeWithAStranger),
      PLANT(MergesWithItself, RefusesToMergeWithItself),
      PLANT(ChangesItsTraits, TraitsNeverChange),
      PLANT(CutsValues, IsLinearIfItSaysSo),
      PLANT(WeighsValuesByTheirPlace, TreatsEachValueAlikeIfLinear),
      PLANT(UnderstatesItsSensitivity, SensitivityBoundsWhatOneSiteChanges),
      PLANT(DividesByTheClip, SensitivityIsANumberThatGrowsWithTheClip),
      PLANT(MeasuresItsSensitivity, SensitivityLooksAtNoData),
  };
  return all;
}

TEST(PlantedAggregators, AreEachCaughtByTheCheckThatIsThereForIt) {
  expect_each_to_be_caught(conformance::aggregator_checks(), planted_aggregators());
}

TEST(PlantedAggregators, GiveEveryCheckSomethingToCatch) {
  expect_every_check_to_catch_something(conformance::aggregator_checks(), planted_aggregators());
}

TEST(PlantedAggregators, HaveACorrectBase) {
  const auto correct = plant<Mean>("", "").subject;
  for (const auto& check : conformance::aggregator_checks()) conformance::run_check(check, correct);
}

}  // namespace
}  // namespace collegium::planted
