#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "collegium/error.h"
#include "collegium/settings.h"

namespace collegium::conformance {

// What an author says about a plugin beside its name.
struct Options {
  std::string settings = {};              // TOML that the object is made with, "trim = 0.2"
  std::vector<std::string> refused = {};  // TOML that has to be refused, each for its first key
  bool order_matters = false;  // an aggregator's result depends on who comes first, and its
                               // documentation says so
  double tolerance = 1e-5;     // of results that may differ by rounding, relative to the updates
  std::size_t sites = 7;       // updates in a round, at least 3: some aggregators need more
};

// One aggregator or mechanism by name: T is Aggregator or PrivacyMechanism.
template <class T>
struct Subject {
  std::function<std::unique_ptr<T>(const Settings&)> factory;
  Options options;

  // As a run makes it: a key that was not read is refused. Never null.
  std::unique_ptr<T> make(const Settings& settings) const {
    settings.contains("name");
    auto made = factory(settings);
    if (!made) throw PluginError({.what = "the factory made nothing"});
    settings.refuse_unknown();
    return made;
  }
  std::unique_ptr<T> make() const { return make(given()); }
  Settings given() const { return Settings::parse(options.settings, "settings"); }
};

template <class T>
struct Check {
  const char* name;
  void (*run)(const Subject<T>&);
};

// Runs `call`, which may refuse: whether it threw collegium::Error with words. Anything else it
// throws fails the test, because a run could not tell its reader what to mend.
template <class Call>
bool refuses(Call&& call, const std::string& doing) {
  try {
    call();
    return false;
  } catch (const Error& error) {
    EXPECT_FALSE(error.problem().what.empty()) << doing << ": the error says nothing";
  } catch (const std::exception& error) {
    ADD_FAILURE() << doing << ": expected collegium::Error, if anything; found " << error.what();
  } catch (...) {
    ADD_FAILURE() << doing << ": expected collegium::Error, if anything; found something else";
  }
  return true;
}

// A check that is left by an exception has failed.
template <class T>
void run_check(const Check<T>& check, const Subject<T>& subject) {
  try {
    check.run(subject);
  } catch (const std::exception& error) {
    ADD_FAILURE() << "it refused what it has to take: " << error.what();
  } catch (...) {
    ADD_FAILURE() << "it threw something that is not a std::exception";
  }
}

}  // namespace collegium::conformance
