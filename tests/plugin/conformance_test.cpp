// What the core and the plugins of this repository offer keeps what is asked of everybody.
#include "collegium/conformance.h"

#include "plugin/fixture.h"
#include "plugin/registry.h"

namespace collegium {
namespace {

bool built_in(const std::string& name, const conformance::Options& options) {
  static const Registry core;
  conformance::add_tests(
      name, conformance::aggregator_checks(),
      {[name](const Settings& settings) { return core.make_aggregator(name, settings); }, options},
      __FILE__, __LINE__);
  return true;
}

[[maybe_unused]] const bool weighted_mean =
    built_in("weighted_mean", {.refused = {"denominator = 0", "denominator = -1.0"}});
[[maybe_unused]] const bool divided_by_a_constant =
    built_in("weighted_mean", {.settings = "denominator = 20.0"});

COLLEGIUM_CONFORMANCE_OF(plugin("coordinate_median"), coordinate_median);
COLLEGIUM_CONFORMANCE_OF(plugin("percentile"), percentile,
                         .settings = "share_fraction = 0.3\ngamma = 0.1",
                         .refused = {"share_fraction = 1.5", "gamma = 0"});
COLLEGIUM_CONFORMANCE_OF(plugin("sparse_vector"), sparse_vector,
                         .settings = "epsilon = 2.0\nfraction = 0.3\ngamma = 0.5",
                         .refused = {"epsilon = -1.0\ncount = 5", "fraction = 0\nepsilon = 1.0"});
COLLEGIUM_CONFORMANCE_OF(plugin("sparse_vector"), sparse_vector,
                         .settings =
                             "variant = \"paper\"\ncount = 5\nepsilon_query = "
                             "4.0\nepsilon_answer = 8.0\ngamma = 0.5");

}  // namespace
}  // namespace collegium
