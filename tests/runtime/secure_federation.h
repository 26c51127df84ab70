#pragma once

// The toy federation under secure aggregation: its configuration, and the model it must end with.
#include <gtest/gtest.h>

#include "model/safetensors.h"
#include "transport/toy_federation.h"

namespace collegium::toy {

inline std::string config_text(const std::filesystem::path& folder, std::size_t sites,
                               const std::string& more, int rounds = 3) {
  std::string names;
  for (std::size_t i = 0; i < sites; ++i) names += (i ? ", '" : "'") + site_name(i) + "'";
  return "[federation]\nname = 'toy'\nrounds = " + std::to_string(rounds) + "\nsites = [" + names +
         "]\nround_deadline = 60\n" + more + "\n[run]\nfolder = '" + (folder / "run").string() +
         "'\n[training]\nlocal_steps = 2\n";
}

inline const std::string kSecure = "[secure_aggregation]\nclip = 4\n";

inline void expect_model(const std::filesystem::path& file, std::size_t sites, std::size_t size,
                         std::uint64_t rounds) {
  const std::vector<float> model = load_safetensors(file).values;
  const std::vector<double> expected = expected_model(sites, size, rounds);
  ASSERT_EQ(model.size(), size);
  for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(model[i], expected[i], 2e-6) << i;
}

}  // namespace collegium::toy
