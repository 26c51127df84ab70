#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "config/federation_config.h"
#include "config/site_config.h"
#include "support/expect_problem.h"

namespace collegium {
namespace {

// The page as it stands: table heading -> key -> the cell with its default.
using Page = std::map<std::string, std::map<std::string, std::string>>;

std::string trimmed(const std::string& text) {
  const std::size_t start = text.find_first_not_of(' ');
  return start == std::string::npos ? ""
                                    : text.substr(start, text.find_last_not_of(' ') - start + 1);
}

Page read_page() {
  std::ifstream file(std::string(COLLEGIUM_DOCS) + "/configuration.md");
  EXPECT_TRUE(file.good());
  Page page;
  std::string heading, line;
  while (std::getline(file, line)) {
    if (line.starts_with("## ")) heading = line.substr(3);
    if (!line.starts_with("| `")) continue;
    std::istringstream cells(line);
    std::string skip, key, value;
    std::getline(cells, skip, '|');
    std::getline(cells, key, '|');
    std::getline(cells, value, '|');
    key = trimmed(key);
    page[heading][key.substr(1, key.size() - 2)] = trimmed(value);
  }
  return page;
}

std::set<std::string> keys_on(const Page& page, const std::string& heading) {
  std::set<std::string> keys;
  if (!page.contains(heading)) return keys;
  for (const auto& [key, value] : page.at(heading)) keys.insert(key);
  return keys;
}

// A key that cannot exist makes the code list those it knows.
std::set<std::string> keys_known(const std::function<void()>& read_with_unknown_key) {
  const Problem problem = problem_of(read_with_unknown_key);
  EXPECT_EQ(problem.found, "no_such_key")
      << problem.what << " at " << problem.where << " expected " << problem.expected;
  std::string list = problem.expected.substr(std::string("one of ").size());
  std::set<std::string> keys;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) keys.insert(trimmed(word));
  return keys;
}

struct Section {
  std::string heading;
  std::string toml;  // a valid file up to the place where one more key of this table can stand
};

const std::vector<Section> kFederation{
    {"`[federation]`", "[federation]\n"},
    {"`[server]`", "[server]\n"},
    {"`[run]`", "[run]\n"},
    {"`[network]`", "[network]\n"},
    {"`[network]` of a captured network", "[network]\nname = 'graph'\n"},
    {"`[training]`", "[training]\n"},
    {"`[training.loss]`", "[training.loss]\n"},
    {"`[privacy]`", "[privacy]\nepsilon = 1\ndelta = 1e-3\n"},
    {"`[secure_aggregation]`", "[secure_aggregation]\n"},
    {"`[plugins]`", "[plugins]\n"}};

const std::string kSite = "[site]\nname = 'guys'\n[data]\npath = 'x'\nn_public = 5\n";
const std::vector<Section> kSiteSections{
    {"`[site]`", "[data]\npath = 'x'\n[site]\nname = 'guys'\n"},
    {"`[data]`", kSite},
    {"`[policy]`", kSite + "[policy]\n"},
    {"`[policy.graph]`", kSite + "[policy.graph]\n"},
    {"`[policy.privacy]`", kSite + "[policy.privacy]\nepsilon = 1\ndelta = 1e-3\n"},
    {"`[plugins]` at a site", kSite + "[plugins]\n"},
    {"`[resources]`", kSite + "[resources]\n"}};

TEST(ConfigurationPage, ListsExactlyTheKeysTheCodeKnows) {
  const Page page = read_page();
  for (const Section& section : kFederation) {
    SCOPED_TRACE(section.heading);
    const std::string toml = section.toml + "no_such_key = 1\n";
    EXPECT_EQ(keys_on(page, section.heading), keys_known([&] {
                FederationConfig::read(Settings::parse(toml, "federation.toml"));
              }));
  }
  for (const Section& section : kSiteSections) {
    SCOPED_TRACE(section.heading);
    const std::string toml = section.toml + "no_such_key = 1\n";
    EXPECT_EQ(keys_on(page, section.heading),
              keys_known([&] { SiteConfig::read(Settings::parse(toml, "site.toml")); }));
  }
}

TEST(ConfigurationPage, HasASectionForEveryTable) {
  std::set<std::string> tables;
  for (const auto& [heading, rows] : read_page()) {
    if (heading.find('.') == std::string::npos && heading.ends_with("]`")) {
      tables.insert(heading.substr(2, heading.size() - 4));
    }
  }
  std::set<std::string> known = keys_known(
      [] { FederationConfig::read(Settings::parse("no_such_key = 1", "federation.toml")); });
  known.merge(keys_known(
      [] { SiteConfig::read(Settings::parse("no_such_key = 1\n" + kSite, "site.toml")); }));
  EXPECT_EQ(tables, known);
}

// Defaults that are one TOML value stand in backquotes.
TEST(ConfigurationPage, StatesTheDefaultsOfTheCode) {
  const Page page = read_page();
  const auto stated = [&](const std::string& heading) {
    std::string toml;
    for (const auto& [key, value] : page.at(heading)) {
      const bool literal =
          value.size() > 2 && value.front() == '`' && value.find('`', 1) == value.size() - 1;
      if (literal) toml += key + " = " + value.substr(1, value.size() - 2) + "\n";
    }
    EXPECT_FALSE(toml.empty()) << heading;
    return Settings::parse(toml, heading);
  };
  const Settings none;
  EXPECT_EQ(NetworkConfig::read(stated("`[network]`")), NetworkConfig::read(none));
  EXPECT_EQ(TrainingConfig::read(stated("`[training]`")), TrainingConfig::read(none));
  EXPECT_EQ(LossConfig::read(stated("`[training.loss]`")), LossConfig::read(none));
  EXPECT_EQ(ServerConfig::read(stated("`[server]`"), ""), ServerConfig::read(none, ""));
  EXPECT_EQ(RunConfig::read(stated("`[run]`"), "", "a"), RunConfig::read(none, "", "a"));
  Settings file;
  file.set("federation", stated("`[federation]`"));
  const FederationConfig from_page = FederationConfig::read(file);
  const FederationConfig from_code = FederationConfig::read(none);
  EXPECT_EQ(from_page.canonical(), from_code.canonical());
  EXPECT_EQ(from_page.round_deadline, from_code.round_deadline);
  EXPECT_EQ(from_page.start_wait, from_code.start_wait);
  EXPECT_EQ(PluginConfig::read(stated("`[aggregator]`"), "").name, from_code.aggregator.name);
  Settings privacy = stated("`[privacy]`");
  privacy.set("epsilon", 1.0);
  privacy.set("delta", 0.5);
  PrivacyConfig expected;
  expected.epsilon = 1.0;
  expected.delta = 0.5;
  EXPECT_EQ(PrivacyConfig::read(privacy), expected);
}

TEST(ConfigurationPage, StatesTheDefaultsOfASite) {
  const Page page = read_page();
  std::string toml;
  for (const std::string table : {"[site]", "[data]", "[resources]"}) {
    toml += table + "\n";
    if (table == "[site]") toml += "name = 'guys'\n";
    if (table == "[data]") toml += "path = 'x'\n";
    for (const auto& [key, value] : page.at("`" + table + "`")) {
      const bool literal =
          value.size() > 2 && value.front() == '`' && value.find('`', 1) == value.size() - 1;
      if (literal) toml += key + " = " + value.substr(1, value.size() - 2) + "\n";
    }
  }
  const SiteConfig stated = SiteConfig::read(Settings::parse(toml, "the page"));
  const SiteConfig plain =
      SiteConfig::read(Settings::parse("[site]\nname='guys'\n[data]\npath='x'", "site.toml"));
  EXPECT_EQ(stated.server, plain.server);
  EXPECT_EQ(stated.server_key, plain.server_key);
  EXPECT_EQ(stated.state, plain.state);
  EXPECT_EQ(stated.insecure, plain.insecure);
  EXPECT_EQ(stated.data.format, plain.data.format);
  EXPECT_EQ(stated.threads, plain.threads);
  EXPECT_EQ(stated.device, plain.device);
}

}  // namespace
}  // namespace collegium
