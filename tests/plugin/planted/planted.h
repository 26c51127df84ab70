#pragma once
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "collegium/conformance.h"

// The conformance suite is tested by plugins that are broken in one way each.
namespace collegium::planted {

template <class T>
struct Planted {
  const char* name;  // of the mistake
  const char* caught_by;
  conformance::Subject<T> subject;
};

// Whether the check fails for the subject; the failures themselves are kept from this test.
template <class T>
bool fails(const conformance::Check<T>& check, const conformance::Subject<T>& subject) {
  testing::TestPartResultArray results;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    conformance::run_check(check, subject);
  }
  for (int i = 0; i < results.size(); ++i)
    if (results.GetTestPartResult(i).failed()) return true;
  return false;
}

template <class T>
void expect_each_to_be_caught(const std::vector<conformance::Check<T>>& checks,
                              const std::vector<Planted<T>>& all) {
  for (const Planted<T>& planted : all) {
    const auto check = std::find_if(checks.begin(), checks.end(), [&](const auto& each) {
      return std::string(each.name) == planted.caught_by;
    });
    ASSERT_NE(check, checks.end()) << planted.caught_by;
    EXPECT_TRUE(fails(*check, planted.subject))
        << planted.name << " is not caught by " << planted.caught_by;
  }
}

template <class T>
void expect_every_check_to_catch_something(const std::vector<conformance::Check<T>>& checks,
                                           const std::vector<Planted<T>>& all) {
  std::set<std::string> catching;
  for (const Planted<T>& planted : all) catching.insert(planted.caught_by);
  for (const auto& check : checks)
    EXPECT_TRUE(catching.contains(check.name)) << check.name << " has nothing to catch";
}

// Throws outside the thread that came first.
inline void only_one_thread() {
  static const std::thread::id first = std::this_thread::get_id();
  if (std::this_thread::get_id() != first) throw std::logic_error("another thread");
}

}  // namespace collegium::planted
