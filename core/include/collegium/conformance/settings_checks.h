#pragma once
#include <cstdint>
#include <limits>
#include <string>

#include "collegium/conformance/subject.h"

// Checks of how an aggregator or mechanism reads its settings.
namespace collegium::conformance {

template <class T>
void is_made_from_its_settings(const Subject<T>& subject) {
  EXPECT_NE(subject.make(), nullptr);
}

template <class T>
void refuses_unknown_settings(const Subject<T>& subject) {
  Settings settings = subject.given();
  settings.set("conformance_no_such_key", true);
  EXPECT_TRUE(refuses([&] { subject.make(settings); }, "a key that nobody reads"))
      << "a misspelt setting would have no effect and nobody would know: read every setting by "
         "name in the constructor, and never accept_all()";
}

template <class T>
void refuses_settings_of_another_type(const Subject<T>& subject) {
  for (const std::string& key : subject.given().keys()) {
    Settings settings = subject.given();
    settings.set(key, Settings{});
    EXPECT_TRUE(refuses([&] { subject.make(settings); }, key + " = {}"))
        << key << ": a table was taken for its value";
  }
}

template <class T>
void refuses_bad_settings_in_words(const Subject<T>& subject) {
  for (const std::string& toml : subject.options.refused) {
    const Settings settings = Settings::parse(toml, "settings");
    try {
      subject.make(settings);
      ADD_FAILURE() << toml << ": expected a refusal";
    } catch (const ConfigError& error) {
      const std::string text = error.what();
      const std::string key = toml.substr(0, toml.find_first_of(" =\n"));
      EXPECT_NE(text.find(key), text.npos) << "the refusal does not name '" << key << "': " << text;
      EXPECT_FALSE(error.problem().expected.empty() && error.problem().remedy.empty())
          << "the refusal says neither what is expected nor what to do: " << text;
    } catch (const std::exception& error) {
      ADD_FAILURE() << toml << ": expected collegium::ConfigError, found " << error.what();
    }
  }
}

template <class T>
void survives_extreme_settings(const Subject<T>& subject) {
  for (const std::string& key : subject.given().keys()) {
    const auto survives = [&](auto value) {
      Settings settings = subject.given();
      settings.set(key, value);
      refuses([&] { subject.make(settings); }, key + " = " + std::to_string(value));
    };
    for (const double value : {0.0, -1.0, 1e308, -1e308, 5e-324}) survives(value);
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
          std::numeric_limits<std::int64_t>::min()})
      survives(value);
  }
}

}  // namespace collegium::conformance
