// A coordinator that adds noise itself is killed anywhere: what it showed is paid for, once.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "store/disk.h"
#include "store/in_a_process.h"
#include "store/run_store.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

const PrivacyEvent kEvent{.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = 4};

const Layout& layout() {
  static const Layout made = [] {
    Layout one;
    one.add("w", {64});
    return one;
  }();
  return made;
}

RunStore open(const std::filesystem::path& folder) {
  return RunStore::create(folder / "run", {"ab12", "demo", "", layout().hash(), false});
}

// One round as a coordinator takes it: charge, draw, write down, show. A draw is another number
// every time, as real noise is; an entry in folder/network stands for a model that somebody has.
void one_round(const std::filesystem::path& folder, float noise) {
  RunStore store = open(folder);
  auto closed = store.last_closed();
  if (!closed) {
    store.charge(1, kEvent, 1e-3);
    const Checkpoint model = store.write_checkpoint(1, layout(), std::vector<float>(64, noise));
    store.close_round({.number = 1, .model = model}, {}, {});
    closed = store.last_closed();
  }
  const float shown = store.load_checkpoint(closed->model, layout())[0];
  std::filesystem::create_directories(folder / "network" / std::to_string(shown));
}

std::set<std::string> shown(const std::filesystem::path& folder) {
  std::set<std::string> models;
  if (std::filesystem::exists(folder / "network"))
    for (const auto& entry : std::filesystem::directory_iterator(folder / "network"))
      models.insert(entry.path().filename().string());
  return models;
}

void expect_paid(const std::filesystem::path& folder) {
  EXPECT_LE(shown(folder).size(), 1u) << "two models under one charge";
  RunStore store = open(folder);
  const std::vector<ReleaseRow> releases = store.releases();
  EXPECT_LE(releases.size(), 1u) << "charged twice";
  const auto closed = store.last_closed();
  if (closed) {
    ASSERT_EQ(releases.size(), 1u) << "a round is closed that nobody paid for";
    EXPECT_TRUE(releases[0].released);
    EXPECT_EQ(releases[0].model_hash, closed->model.hash);
  }
  if (shown(folder).empty()) return;
  ASSERT_TRUE(closed.has_value()) << "shown before it was written down";
  EXPECT_EQ(*shown(folder).begin(),
            std::to_string(store.load_checkpoint(closed->model, layout())[0]));
}

TEST(ADyingCoordinator, PaysOnceForTheModelItShows) {
  int points = 0;
  for (End end = End::died; end == End::died;) {
    ++points;
    const TemporaryFolder folder;
    end = in_a_process([&] {
      disk::arm(disk::Trouble::torn_death, points);
      one_round(folder.path(), 1);
    });
    expect_paid(folder.path());
    in_a_process([&] {
      disk::arm(disk::Trouble::torn_death, 1 + points % 23);
      one_round(folder.path(), 2);
    });
    expect_paid(folder.path());
    EXPECT_EQ(in_a_process([&] { one_round(folder.path(), 3); }), End::finished);
    expect_paid(folder.path());
    EXPECT_EQ(shown(folder.path()).size(), 1u);
    if (HasFailure()) FAIL() << "killed at call " << points;
  }
  EXPECT_GT(points, 20) << "so few calls cannot have been durable";
}

}  // namespace
}  // namespace collegium
