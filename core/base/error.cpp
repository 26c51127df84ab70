#include "collegium/error.h"

#include <utility>

namespace collegium {
namespace {

std::string text_of(const Problem& problem) {
  std::string text = problem.where.empty() ? problem.what : problem.where + ": " + problem.what;
  if (!problem.expected.empty()) text += "\n  expected: " + problem.expected;
  if (!problem.found.empty()) text += "\n  found:    " + problem.found;
  if (!problem.remedy.empty()) text += "\n  remedy:   " + problem.remedy;
  return text;
}

}  // namespace

Error::Error(Problem problem) : problem_(std::move(problem)), text_(text_of(problem_)) {}

// Out of line: the key functions that give each error one type across shared libraries.
Error::~Error() = default;
ConfigError::~ConfigError() = default;
PluginError::~PluginError() = default;
ProtocolError::~ProtocolError() = default;
BudgetExhausted::~BudgetExhausted() = default;
DataError::~DataError() = default;
SystemError::~SystemError() = default;

}  // namespace collegium
