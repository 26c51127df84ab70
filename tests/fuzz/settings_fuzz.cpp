#include <string>

#include "collegium/error.h"
#include "config/federation_config.h"
#include "config/site_config.h"
#include "fuzz/target.h"

namespace collegium::testing {

std::vector<FuzzInput> corpus() {
  return {
      input_of(
          "[federation]\nname = \"brain\"\nrounds = 3\nsites = [\"guys\", 'ucl']\nmin_sites = 1\n"
          "round_deadline = 1.5e2\nseed = 0x7f\n[server]\naddress = 'tcp://*:7700'\nnorm_bound = "
          "2\n"),
      input_of("[network]\ninit_filters = 8\ntrainable = ['norm']\n[training]\nlr = "
               "1e-3\nlocal_steps = 4\n"
               "crop = [8, 8, 8]\nloss = { name = 'dice', batch = true }\n"),
      input_of("[privacy]\nepsilon = 8\ndelta = 1e-3\n[aggregator]\nname = 'median'\ntrim = +inf\n"
               "[plugins]\npaths = []\n[plugins.pins]\n\"a.so\" = 'zz'\n"),
      input_of(
          "[site]\nname = 'guys'\nserver = \"tcp://h:1\"\n[data]\npath = 'x'\nn_public = 1_000\n"
          "[policy.privacy]\nepsilon = 1.0\ndelta = 1e-5\n[resources]\nthreads = 2\n"),
      input_of("a = 1979-05-27T07:32:00Z\nb = '''\nx'''\n[[c]]\nd = [[1], [2.0, "
               "nan]]\n[[c]]\n\"\\u00e9\" = \"\\\"\"\n"),
      input_of("a.b.c = { d = [ { e = [[[[[[[[[[[[1]]]]]]]]]]]] } ] }\n"),
  };
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

namespace {

using collegium::Settings;

// What is refused must be refused with our own error; anything else ends the process.
template <class Read>
void survives(Read&& read) {
  try {
    read();
  } catch (const collegium::Error&) {
  }
}

}  // namespace

// Any text is either a table that survives being written and read again, or a ConfigError; as a
// configuration it is either complete or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string written = Settings::parse(text, "fuzz").to_toml();
    if (Settings::parse(written, "again").to_toml() != written) __builtin_trap();
  } catch (const collegium::ConfigError&) {
    return 0;
  }
  survives([&] { collegium::FederationConfig::read(Settings::parse(text, "fuzz")).canonical(); });
  survives([&] { collegium::SiteConfig::read(Settings::parse(text, "fuzz")); });
  return 0;
}
