#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "privacy/audit/audit.h"

using namespace collegium;

// With arguments: every check named must raise an alarm (others may). Without: twenty audits of
// sound code raise none, which goes wrong by chance less than twice in 10^5 times.
int main(int count, char** names) {
  const std::vector<std::string> expected(names + 1, names + count);
  int wrong = 0;
  for (int run = 0; run < (expected.empty() ? 20 : 1); ++run)
    for (const auto& finding : audit(shipped_steps, in_a_child(shipped_steps))) {
      const bool must =
          std::find(expected.begin(), expected.end(), finding.check) != expected.end();
      const bool miss = finding.alarm ? expected.empty() : must;
      std::printf("%-8s p %-10.3g lower %-8.4g upper %-8.4g%s%s\n", finding.check.c_str(),
                  finding.p_value, finding.lower, finding.upper, finding.alarm ? " ALARM" : "",
                  miss ? "  <- wrong" : "");
      wrong += miss;
    }
  return wrong == 0 ? 0 : 1;
}
