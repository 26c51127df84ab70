#include "plugin/descriptor.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kLongest = 64;

bool is_printable(char letter) { return letter >= ' ' && letter <= '~'; }

// As much of a text as may be shown.
std::string shown(const char* text) {
  if (!text) return "a null pointer";
  std::string part(text, ::strnlen(text, kLongest));
  std::ranges::replace_if(
      part, [](char letter) { return !is_printable(letter); }, '?');
  return "'" + part + "'";
}

bool is_word(const char* text) {
  if (!text) return false;
  const std::string_view word(text, ::strnlen(text, kLongest + 1));
  return !word.empty() && word.size() <= kLongest && std::ranges::all_of(word, is_printable);
}

}  // namespace

void check_descriptor(const PluginInfo* info, const std::string& path) {
  const auto refuse = [&](std::string what, std::string expected, std::string found,
                          std::string remedy = kRebuild) {
    throw PluginError({.what = std::move(what),
                       .where = path,
                       .expected = std::move(expected),
                       .found = std::move(found),
                       .remedy = std::move(remedy)});
  };
  if (!info) refuse("collegium_plugin_info failed", "plain data", "a null pointer");
  if (info->magic != kPluginMagic)
    refuse("not a Collegium plugin", "magic " + std::to_string(kPluginMagic),
           std::to_string(info->magic));
  if (info->size != sizeof(PluginInfo))
    refuse("built against other headers",
           "a PluginInfo of " + std::to_string(sizeof(PluginInfo)) + " bytes",
           std::to_string(info->size) + " bytes");
  if (info->interface != kPluginInterface)
    refuse("built against other headers", "plugin interface " + std::to_string(kPluginInterface),
           "interface " + std::to_string(info->interface));
  constexpr std::string_view kOurs = COLLEGIUM_TOOLCHAIN;
  if (!info->toolchain ||
      std::string_view(info->toolchain, ::strnlen(info->toolchain, kLongest)) != kOurs)
    refuse("built with another standard library", std::string(kOurs), shown(info->toolchain),
           "rebuild the plugin with the compiler settings of this Collegium");
  if (!is_word(info->name))
    refuse("the plugin has no name that could be shown", "at most 64 printable characters",
           shown(info->name));
  if (!is_word(info->version))
    refuse("the plugin has no version that could be shown", "at most 64 printable characters",
           shown(info->version));
  if (!info->register_plugin)
    refuse("the plugin cannot register anything", "a function", "a null pointer");
}

}  // namespace collegium
