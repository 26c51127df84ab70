#pragma once
#include <map>
#include <string>

namespace collegium {

// One thing that happened, for the signed log: "round", "result", "accepted", and what is to be
// known about it. Values are text, so that everybody who hashes them hashes the same.
struct Record {
  std::string kind = {};
  std::map<std::string, std::string> fields = {};
};

}  // namespace collegium
