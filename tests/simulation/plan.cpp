#include <random>

#include "secagg/session.h"
#include "simulation/faults.h"

namespace collegium::simulated {

Plan kind_plan(std::uint64_t seed) {
  std::mt19937_64 random(seed * 2 + 1);
  const auto below = [&random](std::uint64_t bound) { return random() % bound; };
  Plan plan;
  plan.seed = seed;
  plan.sites = 1 + below(5);
  plan.min_sites = 1 + below(plan.sites);
  plan.rounds = 1 + below(4);
  plan.staging = 1 + below(3);
  plan.deterministic = below(3) != 0;
  plan.is_private = below(2) == 0;
  plan.is_inline = below(2) == 0;
  plan.over_the_wire = below(8) == 0;
  plan.is_central = below(2) == 0;
  plan.is_captured = below(2) == 0;
  plan.faults_until = 0;
  return plan;
}

Plan plan_of(std::uint64_t seed) {
  Plan plan = kind_plan(seed);
  std::mt19937_64 random(seed * 2);
  const auto share = [&random](double most) {  // half of the histories are without this fault
    const double drawn = static_cast<double>(random() % 2001) / 1000 - 1;
    return drawn < 0 ? 0.0 : drawn * most;
  };
  plan.drop = share(0.3);
  plan.repeat = share(0.3);
  plan.slow = share(0.3);
  plan.crash_every = random() % 2 == 0 ? 0 : 30 + static_cast<double>(random() % 200);
  plan.train_fails = share(0.3);
  plan.pull_fails = share(0.3);
  plan.corrupts = share(0.2);
  plan.not_finite = share(0.2);
  plan.disk_full = share(0.05);
  if (random() % 8 == 0) plan.stop_at = 1 + static_cast<double>(random() % 150);
  if (random() % 4 == 0) plan.site_stops_every = 60 + static_cast<double>(random() % 300);
  plan.is_refused = plan.is_captured && plan.sites > plan.min_sites && random() % 4 == 0;
  plan.faults_until = 400;
  const auto now_and_then = [&random](std::uint64_t one_in, double least, std::uint64_t more) {
    return random() % one_in == 0 ? least + static_cast<double>(random() % more) : 0.0;
  };
  plan.mangle = random() % 4 == 0 ? share(0.05) : 0;
  plan.cut_every = now_and_then(4, 20, 200);
  plan.partition_every = now_and_then(6, 60, 300);
  plan.freeze_every = now_and_then(6, 60, 300);
  plan.clock_jumps = now_and_then(4, 1, 100'000'000);
  plan.is_hostile = plan.sites > 1 && !plan.is_refused && random() % 4 == 0;
  plan.has_stranger = random() % 8 == 0;
  plan.is_lied_to = random() % 8 == 0;
  return plan;
}

Plan disk_plan(std::uint64_t seed) {
  Plan plan = plan_of(seed);
  plan.on_disk = true;
  plan.dies_writing = seed % 2 == 0 ? 0.02 : 0.0;
  return plan;
}

// Sites that are lost in the midst of a sum do not count against it as long as enough are left.
Plan secure_plan(std::uint64_t seed) {
  Plan plan = plan_of(seed);
  std::mt19937_64 random(seed * 3);
  plan.is_secure = true;
  plan.is_central = false;
  plan.sites = 3 + random() % 4;
  const auto least = secagg::smallest_minimum(static_cast<std::uint32_t>(plan.sites));
  plan.min_sites = least + random() % (plan.sites - least + 1);
  plan.rounds = 1 + random() % 3;
  plan.is_refused = plan.is_captured && plan.sites > plan.min_sites && random() % 8 == 0;
  const auto share = [&random](double most) {
    return random() % 2 == 0 ? 0.0 : most * static_cast<double>(random() % 1001) / 1000;
  };
  plan.dies_in_sum = share(0.08);
  plan.silent_in_sum = share(0.05);
  plan.not_finite /= 4;  // what is not finite stays out of every further attempt
  plan.disk_full /= 2;
  plan.is_hostile = !plan.is_refused && plan.sites > plan.min_sites && random() % 8 == 0;
  plan.is_repeater = !plan.is_hostile && !plan.is_refused && random() % 4 == 0;
  plan.is_lied_to = random() % 8 == 0;
  plan.on_disk = random() % 8 == 0;
  plan.dies_writing = plan.on_disk && random() % 2 == 0 ? 0.02 : 0.0;
  return plan;
}

}  // namespace collegium::simulated
