#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "collegium/settings.h"

namespace collegium {

// A value that cannot be used, with its position: the checks that a type and an interval cannot
// say.
[[noreturn]] void refuse_value(const Settings& table, std::string_view key, std::string what,
                               std::string expected, std::string found, std::string remedy = {});

// Exclusive bounds: refused at the bound itself.
double number_above(const Settings& table, std::string_view key, double fallback, double low);
double number_between(const Settings& table, std::string_view key, double fallback, double low,
                      double high);

// Names of federations, sites and data sets: 1 to 64 of a-z 0-9 _ -, so that they can be file names
// everywhere.
void check_name(const Settings& table, std::string_view key, const std::string& name);
// Names of networks and plugins: lower-case words joined by underscores.
void check_word(const Settings& table, std::string_view key, const std::string& word);
// "tcp://host:port"; a coordinator may say * for the host.
void check_address(const Settings& table, std::string_view key, const std::string& address);

// Three edge lengths of at least 1 each, or nothing.
std::vector<std::int64_t> read_volume(const Settings& table, std::string_view key);
// Relative to `folder`, unless it is absolute or `folder` is empty.
std::filesystem::path resolve(const std::filesystem::path& folder, const std::string& path);
std::string text_of(const std::vector<std::int64_t>& values);  // "[96, 96, 64]"
std::string text_of(double value);  // shortest text that reads back the same

}  // namespace collegium
