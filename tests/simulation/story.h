#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "simulation/world.h"

// What the tests do with histories.
namespace collegium::simulated {

std::string story(const Report& report);  // of a breach, with how to see all of it
std::uint64_t number_from(const char* variable, std::uint64_t otherwise);

// Plays all histories, or the one whose seed the variable `one` has, as a story; how many ended in
// which way.
std::map<std::string, std::uint64_t> play(Plan (*plan)(std::uint64_t), std::uint64_t histories,
                                          const char* one);

}  // namespace collegium::simulated
