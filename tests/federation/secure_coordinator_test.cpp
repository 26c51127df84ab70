// The coordinator's part in a sum, with the real keys and masks of its sites.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "collegium/error.h"
#include "federation/desks.h"
#include "federation/secure_terms.h"
#include "secagg/messages.h"
#include "transport/secure_site.h"

namespace collegium {
namespace {

using secagg::Step;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class SeededRandom final : public SecureRandom {
 public:
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(engine_());
  }

 private:
  std::mt19937_64 engine_{1};
};

// Sites whose results are stored; three are needed.
class SumDesk : public CoordinatorDesk {
 public:
  explicit SumDesk(std::vector<std::string> sites, std::optional<SumNoise> its_noise = {},
                   double margin = 0)
      : noise_(std::move(its_noise)) {
    options.sites = std::move(sites);
    options.min_sites = 3;
    terms_.sites = options.sites;
    terms_.threshold = terms_.minimum = 3;
    terms_.scale_bits = 8;
    terms_.margin = margin;
    terms_.life = "1";
    std::vector<SigningKey> keys;
    for (const std::string& site : options.sites) {
      keys.push_back(SigningKey::generate());
      options.secure_roster.push_back({site, keys.back().verify_key()});
    }
    options.secure_aggregation = terms_.write();
    for (std::size_t i = 0; i < keys.size(); ++i)
      sites_[options.sites[i]] = std::make_unique<SecureSite>(
          options.sites[i], SecureIdentity{keys[i], options.secure_roster}, random_, nullptr);
    join_all();
    for (std::size_t i = 0; i < 3; ++i) announce(options.sites[i]);
  }

  void announce(const std::string& site) {
    ResultBody body;
    body.model = model()->id.digest;
    body.weight = 1;
    const Bytes advert = sites_.at(site)->answer(step_of(Step::advertise, {}), noise()).bytes;
    body.update = {Blob::of(advert).id, true};
    message(site, Kind::result, 1, body.write(), advert);
  }

  // All of them, or one, answer what they were asked at last.
  void answer(const std::string& only = "") {
    std::map<std::string, Message> asked;
    for (const auto& send : ever<at_coordinator::Send>())
      if (send.message.kind == Kind::secure) asked[send.site] = send.message;
    for (const auto& [site, request] : asked) {
      if (!only.empty() && site != only) continue;
      const Step step = SecureBody::read(request.body).step;
      const auto answer = sites_.at(site)->answer(step_of(step, request.payload), noise());
      SecureBody body{.attempt = 1, .step = step};
      if (answer.masked) body.update = BlobNote{answer.masked->id, true};
      message(site, Kind::secured, 1, body.write(),
              answer.masked ? answer.masked->bytes : answer.bytes);
    }
  }

 private:
  at_site::SecureStep step_of(Step step, const Bytes& request) {
    ResultBody body;
    body.weight = 1;
    return {.job = 1,
            .attempt = 1,
            .step = step,
            .request = request,
            .stored = {options.run, 1, 1, model()->id.digest, body.write(), blob_with(4, 0.5f)},
            .task = {.network = options.network, .training = options.training},
            .secure_aggregation = options.secure_aggregation};
  }

  const SumNoise* noise() const { return noise_ ? &*noise_ : nullptr; }

  std::optional<SumNoise> noise_;
  SecureTerms terms_;
  SeededRandom random_;
  std::map<std::string, std::unique_ptr<SecureSite>> sites_;
};

// The updates are four times 0.5: their norm is 1.
SumNoise noise_with_clip(double clip, std::vector<Digest>* drawn = nullptr) {
  return {.clip = clip,
          .noise_multiplier = 1,
          .ranges = {{0, 4}},
          .drawn = [drawn](const Digest& hash) {
            if (drawn) drawn->push_back(hash);
          }};
}

TEST(SiteInANoisedSum, IsDrawnForOnceAnAttemptAndChargedByTheHashOfWhatLeaves) {
  std::vector<Digest> drawn;
  SumDesk desk({"guys", "kings", "leeds"}, noise_with_clip(2, &drawn), 1e6);
  desk.answer();  // share
  EXPECT_TRUE(drawn.empty());
  desk.answer();  // mask
  ASSERT_EQ(drawn.size(), 3u);
  desk.answer();  // the same again, where the step is still the mask
  EXPECT_EQ(drawn.size(), 3u);
}

TEST(SiteInANoisedSum, RefusesAnUpdateThatIsLongerThanItsNoiseIsMadeFor) {
  SumDesk desk({"guys", "kings", "leeds"}, noise_with_clip(0.99), 1e6);
  desk.answer();
  EXPECT_THROW(desk.answer(), DataError);
}

TEST(SiteInANoisedSum, RefusesTermsThatLeaveNoRoomForTheNoise) {
  EXPECT_THROW(SumDesk({"guys", "kings", "leeds"}, noise_with_clip(2), 100), ConfigError);
}

// A sum that holds a vector whose site is not named in it opens to noise.
TEST(CoordinatorSum, NamesAsASurvivorWhoseUpdateIsBeingAddedWhateverBecomesOfIt) {
  SumDesk desk({"guys", "kings", "leeds"});
  desk.answer();  // share
  desk.answer();  // mask
  const auto adding = desk.ever<at_coordinator::Accumulate>();
  ASSERT_EQ(adding.size(), 3u);
  const ReasonBody lost{.code = "secure_aggregation", .reason = "was started again", .attempt = 1};
  desk.message("leeds", Kind::failed, 1, lost.write());
  for (const auto& job : adding)
    desk.give(at_coordinator::Accumulated{job.round, job.attempt, job.site, {}});
  const auto request = desk.sent("guys", Kind::secure);
  ASSERT_TRUE(request);
  EXPECT_EQ(SecureBody::read(request->body).step, Step::sign);
  secagg::Session session;
  session.roster = desk.options.secure_roster;
  EXPECT_THAT(secagg::read_sites(request->payload.view, session), ElementsAre(1u, 2u, 3u));
}

// Whoever has opened the first sum would refuse another one, and the round could never be closed.
TEST(CoordinatorSum, IsOfTheSameSitesAgainWhereSomeMayHaveOpenedIt) {
  SumDesk desk({"guys", "kings", "leeds", "royal"});
  desk.failed("royal", 1, "out_of_memory");
  desk.answer();  // share
  desk.answer();  // mask
  for (const auto& job : desk.ever<at_coordinator::Accumulate>())
    desk.give(at_coordinator::Accumulated{job.round, job.attempt, job.site, {}});
  desk.answer();        // sign
  desk.answer("guys");  // unmask
  const ReasonBody lost{.code = "secure_aggregation", .reason = "killed", .attempt = 1};
  desk.message("leeds", Kind::failed, 1, lost.write());
  desk.answer("kings");
  ASSERT_EQ(desk.ever<at_coordinator::PersistRound>().size(), 1u);  // two of three shares
  desk.give(at_coordinator::RoundPersisted{1, 1});
  EXPECT_THAT(desk.told(Kind::task), ElementsAre("guys", "kings", "leeds"));
  desk.after(desk.options.round_deadline);  // leeds does not come back: the next one is free
  EXPECT_THAT(desk.contribution("royal").reason, HasSubstr("a sum without it"));
  desk.give(at_coordinator::RoundPersisted{1, 2});
  desk.join("royal");
  EXPECT_THAT(desk.told(Kind::task), Contains("royal"));
}

}  // namespace
}  // namespace collegium
