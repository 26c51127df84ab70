// Noise that follows from a test key is charged as the nothing it is worth, wherever it is drawn.
#include <gmock/gmock.h>

#include "privacy/foretold.h"
#include "privacy/noise.h"
#include "transport/charge_book.h"
#include "transport/toy_federation.h"

namespace collegium {
namespace {

using namespace toy;

class Halving final : public PrivacyMechanism {
 public:
  PrivacyEvent event(const RoundContext&) const override {
    return {.kind = PrivacyEvent::Kind::pure, .epsilon = 1.0};
  }
  void apply(std::span<float> values, const RoundContext&, SecureRandom&) override {
    for (float& value : values) value *= 0.5f;
  }
};

std::unique_ptr<NoiseStream> stream(bool is_private) {
  const auto source = is_private ? NoiseSource::system() : NoiseSource::not_private_for_tests({7});
  return source.stream(NoisePurpose::mechanism, 0);
}

at_site::Prepare run_of(const std::string& privacy, bool mechanism = false) {
  at_site::Prepare run{
      .run = "aa", .rounds = 3, .network = {}, .training = {}, .privacy = {}, .mechanism = {}};
  run.training =
      Settings::parse("local_steps = 1\nvalidation = 5\nweighting = \"equal\"\n", "training");
  run.privacy = Settings::parse(privacy, "privacy");
  if (mechanism) run.mechanism.set("name", "halving");
  return run;
}

// What a site charges for the whole run and then, round after round, for its parts.
struct Charges {
  std::vector<PrivacyEvent> schedule, rounds;
};

Charges charges_of(const at_site::Prepare& run, bool is_private, PrivacyEvent training = {}) {
  const auto random = stream(is_private);
  ChargeBook book;
  const auto trainer = std::make_shared<ToyTrainer>(0, 4);
  trainer->charge = std::move(training);
  TrainerWork work({.site = "guys",
                    .mechanism = [](const Settings&) { return std::make_unique<Halving>(); },
                    .random = random.get(),
                    .n_public = 100,
                    .vault = &book},
                   trainer, run);
  Charges charges{.schedule = book.scheduled, .rounds = {}};
  TrainTask task{.run = run.run,
                 .rounds = run.rounds,
                 .site = "guys",
                 .network = run.network,
                 .training = run.training,
                 .privacy = run.privacy,
                 .mechanism = run.mechanism};
  for (task.round = 1; task.round <= run.rounds; ++task.round) {
    work.reserve(task, 1);
    charges.rounds.insert(charges.rounds.end(), book.charged.begin(), book.charged.end());
  }
  return charges;
}

std::vector<PrivacyEvent> repeated(std::size_t times, const PrivacyEvent& event) {
  return std::vector<PrivacyEvent>(times, event);
}

const PrivacyEvent kNothing{.kind = PrivacyEvent::Kind::unbounded, .reason = kNotPrivate};
const char* const kSites = "unit = \"site\"\nclip = 1.0\nnoise_multiplier = 2.0\ndelta = 1e-3\n";

TEST(ForetoldNoise, OfASiteOnItsWholeUpdateIsWorthNothing) {
  const auto charges = charges_of(run_of(kSites), false);
  EXPECT_EQ(charges.schedule, repeated(3, kNothing));
  EXPECT_EQ(charges.rounds, charges.schedule);
}

TEST(ForetoldNoise, OfAMechanismIsWorthNothing) {
  const auto charges = charges_of(run_of("", true), false);
  EXPECT_EQ(charges.schedule, repeated(3, kNothing));
  EXPECT_EQ(charges.rounds, charges.schedule);
}

TEST(ForetoldNoise, OnMetricsIsWorthNothingThoughTheTrainersIsItsOwn) {
  const PrivacyEvent training{.kind = PrivacyEvent::Kind::gaussian, .noise_multiplier = 3.0};
  const auto charges = charges_of(
      run_of("noise_multiplier = 3.0\ndelta = 1e-3\nmetrics_every = 2\nmetrics_noise = 4.0\n"),
      false, training);
  EXPECT_EQ(charges.schedule, (std::vector{training, kNothing, training, training, kNothing}));
  EXPECT_EQ(charges.rounds, charges.schedule);
}

TEST(ForetoldNoise, IsNotWhatTheOperatingSystemGives) {
  for (const auto& run : {run_of(kSites), run_of("", true)}) {
    const auto charges = charges_of(run, true);
    ASSERT_EQ(charges.schedule.size(), 3u);
    EXPECT_NE(charges.schedule[0].kind, PrivacyEvent::Kind::unbounded);
    EXPECT_EQ(charges.rounds, charges.schedule);
  }
}

// The site cannot know the coordinator's source, which is charged for over there.
TEST(ForetoldNoise, AtTheSiteDoesNotSpoilTheCoordinators) {
  const auto charges = charges_of(run_of(std::string(kSites) + "where = \"coordinator\"\n"), false);
  ASSERT_EQ(charges.schedule.size(), 3u);
  EXPECT_EQ(charges.schedule[0].kind, PrivacyEvent::Kind::gaussian);
}

class LastCharge final : public RunJournal {
 public:
  void round(const RoundRecord&, std::span<const float>) override {}
  void charge(std::uint64_t, const PrivacyEvent& event, double) override { charged = event; }
  void metrics(const std::string&, std::uint64_t, const std::vector<Metric>&) override {}
  void log(const LogEvent&) override {}
  void finish(Outcome, const std::string&, std::span<const float>) override {}
  PrivacyEvent charged;
};

TEST(ForetoldNoise, OfTheCoordinatorIsWorthNothing) {
  const Layout layout = layout_of(10);
  for (const bool is_private : {true, false}) {
    const auto random = stream(is_private);
    LastCharge journal;
    RunWork::Options options = work_options({});
    options.central =
        CentralPlan{.clip = 1, .sensitivity = 0.5, .noise_multiplier = 2, .delta = 1e-3};
    options.layout = &layout;
    options.random = random.get();
    options.journal = &journal;
    RunWork(std::move(options)).charge(1);
    EXPECT_EQ(journal.charged == kNothing, !is_private);
  }
}

}  // namespace
}  // namespace collegium
