// Secure aggregation under a virtual clock, on a network that drops, repeats and delays, with
// processes that are killed and come back with what was durable. Everything follows from a seed.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>

#include "collegium/error.h"
#include "federation/coordinator.h"
#include "federation/secure_terms.h"
#include "federation/site.h"
#include "secagg/messages.h"
#include "transport/float_bytes.h"
#include "transport/secure_site.h"
#include "transport/secure_sum.h"

namespace collegium {
namespace {

constexpr std::size_t kFloats = 5;
constexpr std::uint64_t kRounds = 2;

class SeededRandom final : public SecureRandom {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void words(std::span<std::uint32_t> out) override {
    for (std::uint32_t& word : out) word = static_cast<std::uint32_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

SharedBlob blob_of(std::vector<float> values) {
  return std::make_shared<const Blob>(Blob::of(bytes_of(std::move(values))));
}

std::vector<float> floats_of(const Bytes& bytes) {
  const Floats floats(bytes);
  return {floats.values().begin(), floats.values().end()};
}

struct Faults {
  double drop = 0, repeat = 0, slow = 0, crash_every = 0, train_fails = 0;
};

class SecureWorld {
 public:
  SecureWorld(std::uint64_t seed, std::uint32_t sites, std::size_t minimum, Faults faults)
      : random_(seed), faults_(faults) {
    for (std::uint32_t i = 0; i < sites; ++i) {
      std::array<std::uint8_t, 32> key{};
      key[0] = static_cast<std::uint8_t>(i + 1);
      sites_.push_back({.name = "s" + std::string(1, static_cast<char>('1' + i)),
                        .identity = SigningKey::from_seed(key)});
      roster_.push_back({sites_.back().name, sites_.back().identity.verify_key()});
    }
    terms_ = {.threshold = secagg::smallest_threshold(sites),
              .minimum = static_cast<std::uint32_t>(minimum),
              .clip = 2,
              .max_weight = 10};
    for (const auto& peer : roster_) terms_.sites.push_back(peer.name);
    terms_.scale_bits = secagg::IntegerCode::of(sites, 2, 10).scale_bits;
    model_ = resume_.model = blob_of(std::vector<float>(kFloats, 0.0f));
  }

  void run() {
    start_coordinator();
    for (std::size_t i = 0; i < sites_.size(); ++i) start_site(i);
    if (faults_.crash_every > 0) later(seconds(faults_.crash_every), [this] { crash(); });
    while (!queue_.empty() && !end_ && now_ < 40000) {
      const Item item = queue_.top();
      queue_.pop();
      now_ = item.at;
      item.what();
    }
  }

  std::optional<at_coordinator::Finish> end_;
  std::vector<std::string> breaches_;
  std::uint64_t closed_ = 0;
  int sums_ = 0, given_up_ = 0, restarts_ = 0, second_sums_ = 0;

 private:
  struct SiteProcess {
    std::string name;
    SigningKey identity;
    std::unique_ptr<Site> machine = {};
    std::unique_ptr<SeededRandom> coins = {};
    std::unique_ptr<SecureSite> secure = {};
    SharedBlob serving = {};
    std::uint64_t life = 0, alarm = 0;
    // Durable.
    std::optional<StoredResult> outbox = {};
    std::map<std::uint64_t, Digest> opened = {};
  };
  struct Item {
    double at;
    std::uint64_t order;
    std::function<void()> what;
    bool operator>(const Item& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };

  bool faulty() const { return now_ < 600; }
  bool chance(double share) {
    return faulty() && static_cast<double>(random_() % 100000) < share * 100000;
  }
  double seconds(double mean) { return mean * (0.2 + static_cast<double>(random_() % 1000) / 500); }
  void later(double wait, std::function<void()> what) {
    queue_.push({now_ + wait, ++order_, std::move(what)});
  }
  void deliver(std::function<void()> arrive) {
    if (chance(faults_.drop)) return;
    const auto wait = [this] { return chance(faults_.slow) ? seconds(20) : seconds(0.02); };
    if (chance(faults_.repeat)) later(wait(), arrive);
    later(wait(), arrive);
  }
  std::size_t index_of(const std::string& name) const {
    return static_cast<std::size_t>(name[1] - '1');
  }

  void crash() {
    if (faulty()) {
      ++restarts_;
      const std::size_t who = random_() % (sites_.size() + 1);
      if (who == sites_.size()) {
        coordinator_.reset();
        ++coordinator_life_;
        later(seconds(5), [this] { start_coordinator(); });
      } else if (sites_[who].machine) {
        sites_[who].machine.reset();
        sites_[who].secure.reset();  // with all its keys
        ++sites_[who].life;
        if (random_() % 4 == 0) sites_[who].outbox.reset();  // what is not charged is not kept
        later(seconds(5), [this, who] { start_site(who); });
      }
      later(seconds(faults_.crash_every), [this] { crash(); });
    }
  }

  // ---- the coordinator
  void start_coordinator() {
    if (end_) return;
    CoordinatorOptions options;
    options.run = RunId{7};
    options.name = "secure";
    options.sites = terms_.sites;
    options.min_sites = terms_.minimum;
    options.rounds = kRounds;
    options.round_deadline = 120;
    options.secure_step = 60;
    options.attempts = 40;
    options.silence_limit = 30;
    options.start_wait = 5;
    options.evaluate_every = 1;
    options.inline_limit = random_() % 2 ? kInlineLimit : 0;
    options.layout = "layout";
    options.rules.layout_size = kFloats;
    terms_.life = std::to_string(++lives_);
    options.secure_roster = roster_;
    options.secure_aggregation = terms_.write();
    coordinator_ = std::make_unique<Coordinator>(options, resume_);
    tell(Started{now_});
  }

  void tell(CoordinatorEvent event) {
    if (!coordinator_) return;
    for (const auto& action : coordinator_->handle(Tick{now_})) carry_out(action);
    if (coordinator_)
      for (const auto& action : coordinator_->handle(event)) carry_out(action);
    if (!coordinator_) return;
    const std::uint64_t alarm = ++coordinator_alarm_;
    if (coordinator_->next_tick() < 1e12)
      later(std::max(0.001, coordinator_->next_tick() - now_), [this, alarm] {
        if (alarm == coordinator_alarm_) tell(Tick{now_});
      });
  }

  void carry_out(const CoordinatorAction& action) {
    const auto report = [this](double wait, CoordinatorEvent event) {
      later(wait, [this, event, life = coordinator_life_] {
        if (life == coordinator_life_) tell(event);
      });
    };
    if (const auto* send = std::get_if<at_coordinator::Send>(&action)) {
      deliver([this, s = *send] { tell(index_of(s.site), at_site::MessageFrom{s.message}); });
    } else if (const auto* pull = std::get_if<at_coordinator::Pull>(&action)) {
      const SharedBlob blob = sites_[index_of(pull->site)].serving;
      if (blob && blob->id == pull->blob && !chance(faults_.drop))
        report(seconds(0.5), at_coordinator::PullDone{pull->site, pull->blob, blob->bytes});
      else
        report(seconds(0.5), at_coordinator::PullFailed{pull->site, pull->blob, false, "cut"});
    } else if (std::holds_alternative<at_coordinator::OpenAggregate>(action)) {
      sum_.emplace(terms_.code(), kFloats);
      added_.clear();
    } else if (const auto* add = std::get_if<at_coordinator::Accumulate>(&action)) {
      Chunks values = add->values;
      Chunks whole = values;
      whole.join();
      added_[add->site] = masked_.at(Blob::of(whole.parts.at(0)).id.digest);
      const auto refusal = sum_->add(values);
      report(seconds(0.05),
             at_coordinator::Accumulated{add->round, add->attempt, add->site, refusal});
    } else if (const auto* finish = std::get_if<at_coordinator::FinishAggregate>(&action)) {
      report(seconds(0.05), finished(*finish));
    } else if (const auto* persist = std::get_if<at_coordinator::PersistRound>(&action)) {
      check(persist->record);
      if (persist->record.closed) {
        resume_ = {persist->record.round, persist->model, persist->record.contributions};
        model_ = persist->model;
        closed_ = persist->record.round;
      } else {
        ++given_up_;
      }
      report(seconds(0.1),
             at_coordinator::RoundPersisted{persist->record.round, persist->record.attempt});
    } else if (const auto* end = std::get_if<at_coordinator::Finish>(&action)) {
      end_ = *end;
    }
  }

  // The model of the opened sum must be, to the bit, that of the plain integers.
  at_coordinator::AggregationDone finished(const at_coordinator::FinishAggregate& action) {
    std::vector<float> mean(kFloats), expected(kFloats);
    sum_->open(*action.opening, mean);
    ++sums_;
    std::vector<std::uint32_t> plain(kFloats + 1, 0), words(kFloats + 1);
    for (const auto& [site, result] : added_) {
      secagg::encode(terms_.code(), floats_of(result.update->bytes),
                     ResultBody::read(result.body).weight, words);
      for (std::size_t i = 0; i < words.size(); ++i) plain[i] += words[i];
    }
    secagg::decode(terms_.code(), std::span<const std::uint32_t>(plain), expected);
    if (mean != expected) breaches_.push_back("an opened sum is not the plain sum");
    std::vector<float> after = floats_of(model_->bytes);
    for (std::size_t i = 0; i < kFloats; ++i) after[i] += mean[i];
    return {action.round, action.attempt, blob_of(after)};
  }

  void check(const RoundRecord& record) {
    std::set<std::string> accepted, added;
    for (const Contribution& one : record.contributions) {
      if (one.state == Contribution::State::accepted)
        accepted.insert(one.site);
      else if (one.reason.empty())
        breaches_.push_back("left out in silence: " + one.site);
      if (one.state == Contribution::State::accepted && (one.weight != 1 || one.loss))
        breaches_.push_back("a weight or a loss left " + one.site);
    }
    if (!record.closed && record.reason.empty()) breaches_.push_back("abandoned in silence");
    if (!record.closed) return;
    for (const auto& [site, result] : added_) added.insert(site);
    if (accepted != added) breaches_.push_back("those accepted are not those in the sum");
    if (accepted.size() < terms_.minimum) breaches_.push_back("a sum of too few");
  }

  // ---- the sites
  void start_site(std::size_t index) {
    SiteProcess& site = sites_[index];
    SiteOptions options;
    options.name = site.name;
    options.layout = "layout";
    options.give_up = 5000;
    options.inline_limit = random_() % 2 ? kInlineLimit : 0;
    site.machine = std::make_unique<Site>(options, site.outbox);
    site.coins = std::make_unique<SeededRandom>(random_());
    site.secure = std::make_unique<SecureSite>(
        site.name, SecureIdentity{site.identity, roster_}, *site.coins,
        [this, index](const StoredResult& result, const Digest& sum) {
          const auto [known, fresh] = sites_[index].opened.try_emplace(result.round, sum);
          if (known->second == sum) return;
          ++second_sums_;
          throw ProtocolError({.what = "another sum of this round was opened"});
        });
    site.serving.reset();
    tell(index, Started{now_});
  }

  void tell(std::size_t index, SiteEvent event) {
    SiteProcess& site = sites_[index];
    if (!site.machine) return;
    for (const auto& action : site.machine->handle(Tick{now_})) carry_out(index, action);
    if (site.machine)
      for (const auto& action : site.machine->handle(event)) carry_out(index, action);
    if (!site.machine) return;
    const std::uint64_t alarm = ++site.alarm;
    if (site.machine->next_tick() < 1e12)
      later(std::max(0.001, site.machine->next_tick() - now_), [this, index, alarm] {
        if (alarm == sites_[index].alarm) tell(index, Tick{now_});
      });
  }

  void carry_out(std::size_t index, const SiteAction& action) {
    SiteProcess& site = sites_[index];
    const auto report = [this, index](double wait, SiteEvent event) {
      later(wait, [this, index, event, life = sites_[index].life] {
        if (life == sites_[index].life) tell(index, event);
      });
    };
    if (const auto* send = std::get_if<at_site::Send>(&action)) {
      check(index, send->message);
      deliver([this, name = site.name, m = send->message] {
        tell(at_coordinator::MessageFrom{name, m});
      });
    } else if (const auto* pull = std::get_if<at_site::Pull>(&action)) {
      if (model_->id == pull->blob)
        report(seconds(0.3), at_site::ModelReady{pull->blob, model_->bytes});
      else
        report(seconds(0.3), at_site::ModelFailed{pull->blob, "not served"});
    } else if (const auto* order = std::get_if<at_site::Train>(&action)) {
      train(index, *order);
    } else if (const auto* abort = std::get_if<at_site::AbortTraining>(&action)) {
      report(0.1, at_site::TrainFailed{abort->job, "given up"});
    } else if (const auto* evaluate = std::get_if<at_site::Evaluate>(&action)) {
      report(0.1, at_site::Evaluated{evaluate->job, {}});
    } else if (const auto* keep = std::get_if<at_site::Persist>(&action)) {
      site.outbox = keep->result;
      report(0.1, at_site::Persisted{keep->job});
    } else if (const auto* step = std::get_if<at_site::SecureStep>(&action)) {
      report(seconds(0.1), answered(index, *step));
    } else if (const auto* serve = std::get_if<at_site::Serve>(&action)) {
      site.serving = serve->blob;
      if (serve->blob && updates_.contains(serve->blob->id.digest))
        breaches_.push_back("an update is served as it is");
    } else if (std::holds_alternative<at_site::Stop>(action)) {
      site.machine.reset();
    }
  }

  SiteEvent answered(std::size_t index, const at_site::SecureStep& step) {
    try {
      SecureSite::Answer answer = sites_[index].secure->answer(step);
      if (answer.masked) masked_[answer.masked->id.digest] = step.stored;
      return at_site::SecureAnswered{step.job, answer.bytes, answer.masked};
    } catch (const Error& error) {
      return at_site::SecureRefused{step.job, error.what()};
    }
  }

  void train(std::size_t index, const at_site::Train& order) {
    TrainResult result;
    std::vector<float> values = floats_of(order.model);
    for (std::size_t i = 0; i < kFloats; ++i)
      values[i] = 0.1f * static_cast<float>(index + 1) - 0.3f * values[i] +
                  static_cast<float>(random_() % 100) / 1000;  // no two trainings are alike
    result.weight = 1.0 + static_cast<double>(index);
    result.steps = static_cast<std::int64_t>(index + 1);
    result.loss = 1.5;
    const SharedBlob update = blob_of(values);
    updates_.insert(update->id.digest);
    SiteEvent event = at_site::Trained{order.job, result, update};
    if (chance(faults_.train_fails)) event = at_site::TrainFailed{order.job, "out of memory"};
    later(seconds(4), [this, index, event, life = sites_[index].life] {
      if (life == sites_[index].life) tell(index, event);
    });
  }

  // What leaves a site: no update, and of each site in each attempt one share, never two.
  void check(std::size_t index, const Message& message) {
    if (!message.payload.empty() && updates_.contains(Blob::of(message.payload).id.digest))
      breaches_.push_back("an update leaves as it is");
    if (message.kind == Kind::result) {
      const ResultBody body = ResultBody::read(message.body);
      if (updates_.contains(body.update.id.digest) || body.weight != 1 || body.steps != 0)
        breaches_.push_back("a result tells about its update");
    }
    if (message.kind != Kind::secured) return;
    const SecureBody body = SecureBody::read(message.body);
    if (body.step != secagg::Step::unmask) return;
    secagg::Session session;
    session.roster = roster_;
    for (const secagg::Share& share : secagg::read_shares(message.payload.view, session)) {
      auto& given = shares_[{sites_[index].life, index, message.round, body.attempt, terms_.life,
                             share.site}];
      given.insert(share.value);
      if (given.size() > 1) breaches_.push_back("both shares of one site are given away");
    }
  }

  std::mt19937_64 random_;
  Faults faults_;
  SecureTerms terms_;
  std::vector<secagg::Peer> roster_;
  std::vector<SiteProcess> sites_;
  std::unique_ptr<Coordinator> coordinator_;
  CoordinatorResume resume_;
  std::uint64_t coordinator_life_ = 0, coordinator_alarm_ = 0, lives_ = 0;
  SharedBlob model_;
  std::optional<SecureSum> sum_;
  std::map<std::string, StoredResult> added_;
  std::map<Digest, StoredResult> masked_;
  std::set<Digest> updates_;
  std::map<std::tuple<std::uint64_t, std::size_t, std::uint64_t, std::uint64_t, std::string,
                      std::uint32_t>,
           std::set<secagg::Scalar>>
      shares_;
  double now_ = 0;
  std::uint64_t order_ = 0;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue_;
};

void expect_kept(const SecureWorld& world, std::uint64_t seed) {
  for (const std::string& breach : world.breaches_)
    ADD_FAILURE() << "seed " << seed << ": " << breach;
  ASSERT_TRUE(world.end_) << "seed " << seed << ": the run never ended";
  EXPECT_TRUE(world.end_->outcome == Outcome::finished || !world.end_->reason.empty());
  if (world.end_->outcome == Outcome::finished) EXPECT_EQ(world.closed_, kRounds);
}

TEST(SecureSimulation, WithoutFaultsEveryRoundIsOneSumOfAll) {
  for (std::uint32_t sites = 3; sites <= 6; ++sites) {
    SecureWorld world(sites, sites, sites, {});
    world.run();
    expect_kept(world, sites);
    EXPECT_EQ(world.end_->outcome, Outcome::finished) << world.end_->reason;
    EXPECT_EQ(world.sums_, 2);
    EXPECT_EQ(world.given_up_, 0);
  }
}

TEST(SecureSimulation, RandomHistoriesKeepEveryPromise) {
  int finished = 0, restarts = 0, given_up = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 80; ++seed) {
    std::mt19937_64 random(seed);
    const auto share = [&](double most) {
      return random() % 2 ? 0.0 : most * static_cast<double>(random() % 1000) / 1000;
    };
    const auto sites = static_cast<std::uint32_t>(3 + random() % 4);
    const std::size_t least = secagg::smallest_minimum(sites);
    SecureWorld world(seed, sites, least + random() % (sites - least + 1),
                      {.drop = share(0.2),
                       .repeat = share(0.3),
                       .slow = share(0.2),
                       .crash_every = random() % 2 ? 10 + static_cast<double>(random() % 60) : 0,
                       .train_fails = share(0.3)});
    world.run();
    expect_kept(world, seed);
    finished += world.end_ && world.end_->outcome == Outcome::finished;
    restarts += world.restarts_;
    given_up += world.given_up_;
    refused += world.second_sums_;
  }
  EXPECT_GT(finished, 40);
  EXPECT_GT(restarts, 60);
  EXPECT_GT(given_up, 30);
  EXPECT_GT(refused, 0);  // second sums of one round
}

// A coordinator that hands one site another model, table or list of keys would tell its update from
// the sum: it has another session then, and its keys fit nobody's.
TEST(SecureSession, ChangesWithEverythingThatSitesMustSeeAlike) {
  const SecureTerms terms{.sites = {"s1", "s2", "s3"}, .threshold = 3, .minimum = 3, .life = "1"};
  std::vector<secagg::Peer> roster{{"s1", {1}}, {"s2", {2}}, {"s3", {3}}};
  Instructions asked;
  asked.training.set("lr", 0.1);
  asked.secure_aggregation = terms.write();
  const SecureAttempt attempt{.run = RunId{7}, .round = 1, .attempt = 1, .model = {9}};
  std::set<Digest> ids{secure_session(attempt, asked, roster).id};
  const auto another = [&](SecureAttempt changed, Instructions tables, const auto& peers) {
    ids.insert(secure_session(changed, tables, peers).id);
  };
  SecureAttempt changed = attempt;
  changed.model[5] = 1;
  another(changed, asked, roster);
  changed = attempt;
  changed.attempt = 2;
  another(changed, asked, roster);
  changed = attempt;
  changed.round = 2;
  another(changed, asked, roster);
  changed = attempt;
  changed.run[0] = 8;
  another(changed, asked, roster);
  Instructions tables = asked;
  tables.training.set("lr", 0.2);
  another(attempt, tables, roster);
  tables = asked;
  SecureTerms later = terms;
  later.life = "2";
  tables.secure_aggregation = later.write();
  another(attempt, tables, roster);
  roster[2].key[0] = 4;
  another(attempt, asked, roster);
  EXPECT_EQ(ids.size(), 8u);
}

// A coordinator that asks for a sum first, and for the update itself once it is trained.
TEST(SecureSite, AnUpdateTrainedForASumDoesNotLeaveAsItIsWhereThePolicyRequiresSums) {
  SiteOptions options;
  options.name = "s1";
  options.layout = "layout";
  options.policy = [](const Settings& task) -> std::optional<PolicyRefusal> {
    if (!task.table("secure_aggregation").keys().empty()) return std::nullopt;
    return PolicyRefusal{"secure_aggregation", "only in sums"};
  };
  Site site(options);
  const auto joined = site.handle(Started{1});
  const auto request = std::get<at_site::Send>(joined.at(0)).message.request;
  SecureTerms terms{.sites = {"s1", "s2", "s3"}, .threshold = 3, .minimum = 3, .life = "1"};
  Instructions sums;
  sums.secure_aggregation = terms.write();
  const RunId run{7};
  site.handle(at_site::MessageFrom{
      {Kind::welcome, run, 1, request, WelcomeBody{"run", "layout", 1, sums, {}}.write(), {}}});
  const SharedBlob model = blob_of({1, 2, 3, 4, 5});
  const auto task = [&](const Instructions& asked) {
    const TaskBody body{.deadline = 60, .model = {model->id, true}, .instructions = asked};
    return site.handle(at_site::MessageFrom{{Kind::task, run, 1, 0, body.write(1), model->bytes}});
  };
  const auto find = [](const SiteActions& actions, auto kind) {
    using Wanted = decltype(kind);
    for (const SiteAction& action : actions)
      if (const auto* found = std::get_if<Wanted>(&action)) return std::optional(*found);
    return std::optional<Wanted>();
  };
  const auto order = find(task(sums), at_site::Train{});
  ASSERT_TRUE(order);
  TrainResult result;
  result.steps = 1;
  const auto keep =
      find(site.handle(at_site::Trained{order->job, result, blob_of({5, 4, 3, 2, 1})}),
           at_site::Persist{});
  ASSERT_TRUE(keep);
  EXPECT_TRUE(find(site.handle(at_site::Persisted{keep->job}), at_site::SecureStep{}));

  const SiteActions answered = task(Instructions{});
  const auto serve = find(answered, at_site::Serve{});
  EXPECT_TRUE(!serve || !serve->blob);
  const auto sent = find(answered, at_site::Send{});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->message.kind, Kind::failed);
  EXPECT_EQ(ReasonBody::read(sent->message.body).code, "policy");
}

}  // namespace
}  // namespace collegium
