#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collegium/conformance/aggregator_results.h"
#include "collegium/conformance/aggregator_rules.h"
#include "collegium/conformance/library.h"
#include "collegium/conformance/mechanism_apply.h"
#include "collegium/conformance/mechanism_event.h"
#include "collegium/conformance/mechanism_noise.h"
#include "collegium/conformance/settings_checks.h"

// The conformance suite: what every aggregator and every mechanism has to keep. Two lines in a test
// of GoogleTest, built with collegium_add_plugin_test(), run it on a plugin's library:
//
//   #include "collegium/conformance.h"
//   COLLEGIUM_CONFORMANCE(my_median, .settings = "trim = 0.2", .refused = {"trim = 0.7"});
//
// What stands after the name are members of conformance::Options, in their order, and may be left
// out. Every check below becomes a test of its own. They use no clock and no randomness but seeded.
namespace collegium::conformance {

inline const std::vector<Check<Aggregator>>& aggregator_checks() {
  static const std::vector<Check<Aggregator>> checks{
      {"IsMadeFromItsSettings", is_made_from_its_settings},
      {"RefusesUnknownSettings", refuses_unknown_settings},
      {"RefusesSettingsOfAnotherType", refuses_settings_of_another_type},
      {"RefusesBadSettingsInWords", refuses_bad_settings_in_words},  // .refused, and says the key
      {"SurvivesExtremeSettings", survives_extreme_settings},        // made, or collegium::Error
      // accumulate() and finish()
      {"GivesTheSameBitsAgain", gives_the_same_bits_again},
      {"IgnoresTheOrderOfSites", ignores_the_order_of_sites},  // unless .order_matters
      {"OverwritesTheWholeDelta", overwrites_the_whole_delta},
      {"WritesOnlyIntoTheDelta", writes_only_into_the_delta},
      {"LeavesUpdatesAlone", leaves_updates_alone},
      {"KeepsNoUpdateThatItDoesNotRetain", keeps_no_update_that_it_does_not_retain},
      {"TakesOneSite", takes_one_site},  // or refuses
      {"TakesAModelOfOneValue", takes_a_model_of_one_value},
      {"TakesManySites", takes_many_sites},
      {"MakesNothingOfZeros", makes_nothing_of_zeros},
      {"MovesWhereAllSitesMove", moves_where_all_sites_move},
      {"RefusesOrKeepsFiniteWhatIsLarge", refuses_or_keeps_finite_what_is_large},
      {"SurvivesValuesThatAreNotFinite", survives_values_that_are_not_finite},
      {"SurvivesWeightsFarApart", survives_weights_far_apart},
      {"InstancesShareNothing", instances_share_nothing},
      {"WorksInSeveralThreads", works_in_several_threads},  // an instance each
      {"RefusesAnEmptyRound", refuses_an_empty_round},
      {"RefusesUpdatesOfDifferentSizes", refuses_updates_of_different_sizes},
      {"RefusesADeltaOfAnotherSize", refuses_a_delta_of_another_size},
      // merge()
      {"MergesIntoWhatOneWouldHaveMade", merges_into_what_one_would_have_made},
      {"MergesWithAnEmptyPart", merges_with_an_empty_part},
      {"TakesOverWhatItMerges", takes_over_what_it_merges},
      {"RefusesToMergeWithAStranger", refuses_to_merge_with_a_stranger},
      {"RefusesToMergeWithItself", refuses_to_merge_with_itself},
      // traits() and sensitivity()
      {"TraitsNeverChange", traits_never_change},
      {"IsLinearIfItSaysSo", is_linear_if_it_says_so},
      {"TreatsEachValueAlikeIfLinear", treats_each_value_alike_if_linear},
      {"SensitivityBoundsWhatOneSiteChanges", sensitivity_bounds_what_one_site_changes},
      {"SensitivityIsANumberThatGrowsWithTheClip",
       sensitivity_is_a_number_that_grows_with_the_clip},
      {"SensitivityLooksAtNoData", sensitivity_looks_at_no_data},
  };
  return checks;
}

inline const std::vector<Check<PrivacyMechanism>>& mechanism_checks() {
  static const std::vector<Check<PrivacyMechanism>> checks{
      {"IsMadeFromItsSettings", is_made_from_its_settings},
      {"RefusesUnknownSettings", refuses_unknown_settings},
      {"RefusesSettingsOfAnotherType", refuses_settings_of_another_type},
      {"RefusesBadSettingsInWords", refuses_bad_settings_in_words},
      {"SurvivesExtremeSettings", survives_extreme_settings},
      // event() and describe()
      {"EventIsWellFormed", event_is_well_formed},
      {"UnboundedEventsSayWhy", unbounded_events_say_why},
      {"EventIsTheSameHoweverOftenItIsAsked", event_is_the_same_however_often_it_is_asked},
      {"EventLooksAtNoData", event_looks_at_no_data},
      {"DescribesItselfInOneLine", describes_itself_in_one_line},
      {"DescriptionLooksAtNoData", description_looks_at_no_data},
      // apply()
      {"WritesOnlyIntoTheUpdate", writes_only_into_the_update},
      {"LeavesFrozenValuesAlone", leaves_frozen_values_alone},
      {"WorksWithoutALayout", works_without_a_layout},
      {"TakesAnUpdateWithoutValues", takes_an_update_without_values},  // or refuses
      {"TakesAnUpdateOfZeros", takes_an_update_of_zeros},
      {"LetsNothingThroughThatIsNotFinite", lets_nothing_through_that_is_not_finite},
      {"RefusesOrKeepsFiniteWhatIsLarge", refuses_or_keeps_finite_what_is_large},
      {"SurvivesImpossibleRounds", survives_impossible_rounds},  // local_steps of 0 and -1
      {"RemembersNoUpdate", remembers_no_update},
      {"InstancesShareNothing", mechanisms_share_nothing},
      {"WorksInSeveralThreads", mechanisms_work_in_several_threads},  // an instance each
      // Noise
      {"DrawsItsNoiseFromTheHostsWords", draws_its_noise_from_the_hosts_words},
      {"OtherWordsGiveOtherNoise", other_words_give_other_noise},  // if event() promises noise
      {"NoiseIsFreshInEveryRound", noise_is_fresh_in_every_round},
      {"ReleasesNothingIfItSaysSo", releases_nothing_if_it_says_so},  // event() is `none`
      // The attack of a site's two neighbouring updates; event() has noise on everybody.
      {"HidesAnUpdateAsWellAsItSays", hides_an_update_as_well_as_it_says},
  };
  return checks;
}

// One check as a test of GoogleTest.
class ConformanceTest : public testing::Test {
 public:
  explicit ConformanceTest(std::function<void()> body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  std::function<void()> body_;
};

template <class T>
void add_tests(const std::string& name, const std::vector<Check<T>>& checks,
               const Subject<T>& subject, const char* file, int line) {
  static std::map<std::string, int> seen;  // one name with several settings: NAME, NAME_2, ...
  const int time = ++seen[name];
  const std::string suite = "Conformance_" + name + (time > 1 ? "_" + std::to_string(time) : "");
  for (const Check<T>& check : checks)
    testing::RegisterTest(suite.c_str(), check.name, nullptr, nullptr, file, line,
                          [=]() -> ConformanceTest* {
                            return new ConformanceTest([=] { run_check(check, subject); });
                          });
}

// Adds the checks of what `library` offers under `name`; what cannot be loaded is a failing test.
inline bool add_plugin_tests(const std::string& library, const std::string& name,
                             const Options& options, const char* file, int line) {
  std::string problem = "the library does not offer '" + name + "'";
  try {
    const Offers offers(library);
    for (const auto& [offered, make] : offers.aggregators)
      if (offered == name)
        return add_tests(name, aggregator_checks(), {make, options}, file, line), true;
    for (const auto& [offered, make] : offers.mechanisms)
      if (offered == name)
        return add_tests(name, mechanism_checks(), {make, options}, file, line), true;
  } catch (const std::exception& error) {
    problem = error.what();
  }
  testing::RegisterTest(
      ("Conformance_" + name).c_str(), "IsOffered", nullptr, nullptr, file, line,
      [=]() -> ConformanceTest* {
        return new ConformanceTest([=] { ADD_FAILURE() << library << ": " << problem; });
      });
  return false;
}

}  // namespace collegium::conformance

// COLLEGIUM_PLUGIN_FILE comes from collegium_add_plugin_test(). One name may stand in several
// lines, with other settings.
#define COLLEGIUM_CONFORMANCE(offered_name, ...) \
  COLLEGIUM_CONFORMANCE_OF(COLLEGIUM_PLUGIN_FILE, offered_name, __VA_ARGS__)
#define COLLEGIUM_CONFORMANCE_OF(library, offered_name, ...) \
  COLLEGIUM_CONFORMANCE_AT(__LINE__, library, offered_name, __VA_ARGS__)
#define COLLEGIUM_CONFORMANCE_AT(line, ...) COLLEGIUM_CONFORMANCE_VARIABLE(line, __VA_ARGS__)
#define COLLEGIUM_CONFORMANCE_VARIABLE(line, library, offered_name, ...) \
  [[maybe_unused]] static const bool collegium_conformance_##line =      \
      ::collegium::conformance::add_plugin_tests(                        \
          library, #offered_name, ::collegium::conformance::Options{__VA_ARGS__}, __FILE__, line)
