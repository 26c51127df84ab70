#include "federation/coordinator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "collegium/error.h"
#include "federation/coordinator_state.h"

namespace collegium {

using Level = LogEvent::Level;

Coordinator::Coordinator(CoordinatorOptions options, CoordinatorResume resume)
    : state_(std::make_unique<State>(std::move(options), std::move(resume))) {}

Coordinator::~Coordinator() = default;

CoordinatorActions Coordinator::handle(const CoordinatorEvent& event) {
  state_->actions.clear();
  if (state_->phase != State::Phase::done)
    std::visit([this](const auto& one) { state_->on(one); }, event);
  return std::exchange(state_->actions, {});
}

double Coordinator::next_tick() const { return state_->next_tick(); }

bool Coordinator::done() const { return state_->phase == State::Phase::done; }

CoordinatorSnapshot Coordinator::snapshot() const {
  const State& state = *state_;
  CoordinatorSnapshot snapshot{.phase = state.phase,
                               .round = state.round == 0 ? state.closed_round : state.round,
                               .rounds = state.options.rounds,
                               .attempt = state.attempt,
                               .opened = state.opened,
                               .deadline = state.deadline,
                               .sites = {}};
  for (const Member& member : state.cohort.members()) snapshot.sites.push_back(member.view());
  return snapshot;
}

Coordinator::State::State(CoordinatorOptions the_options, CoordinatorResume resume)
    : options(std::move(the_options)),
      cohort(options.sites),
      resumed(resume.closed_round > 0),
      closed_round(resume.closed_round),
      model(std::move(resume.model)),
      last(std::move(resume.last)),
      recorded(resume.recorded),
      recorded_since(resume.recorded) {
  const auto refuse = [](const char* what, std::string expected, std::string found) {
    throw ConfigError({.what = what, .expected = std::move(expected), .found = std::move(found)});
  };
  if (!model)
    refuse("a coordinator needs a model to start from",
           "the initial model, or that of the last round", "");
  if (options.sites.empty()) refuse("a federation needs sites", "at least one name", "none");
  if (options.min_sites < 1 || options.min_sites > options.sites.size()) {
    refuse("min_sites cannot be met", "1 to " + std::to_string(options.sites.size()),
           std::to_string(options.min_sites));
  }
  if (options.staging < 1) refuse("staging must hold an update", "at least 1", "0");
  if (options.attempts < 1) refuse("a round needs an attempt", "at least 1", "0");
  for (Member& member : cohort.members()) {
    if (const auto known = resume.ledgers.find(member.name); known != resume.ledgers.end())
      member.ledger = known->second;
    if (const auto key = options.signers.find(member.name); key != options.signers.end())
      member.signing = key->second;
  }
}

void Coordinator::State::log(Level level, std::string_view site, std::string text) {
  act(LogEvent{level, std::string(site), std::move(text)});
}

void Coordinator::State::send(std::string_view site, Kind kind, std::uint64_t of_round,
                              std::uint64_t request, Settings body, Bytes payload) {
  act(at_coordinator::Send{std::string(site), Message{kind, options.run, of_round, request,
                                                      std::move(body), std::move(payload)}});
}

void Coordinator::State::serve(std::uint64_t of_round) {
  if (model->id.size <= options.inline_limit) return;  // it travels inside the messages
  act(at_coordinator::Serve{model, cohort.names([](const Member& member) { return member.here; }),
                            of_round});
}

void Coordinator::State::on(const Started& event) {
  if (started) return;
  started = true;
  now = started_at = reminded_at = event.now;
  if (options.network_file) act(at_coordinator::Publish{options.network_file});
  if (closed_round >= options.rounds) {
    end(Outcome::finished, "");
    return;
  }
  log(Level::info, "", "waiting for " + listed(options.sites));
}

void Coordinator::State::on(const Tick& event) {
  now = std::max(now, event.now);
  if (!started) return;
  check_liveness();
  check_pulls();
  check_sum();
  if (phase == Phase::starting) check_start();
  if (phase == Phase::working) decide();
  if (phase == Phase::ending) check_end();
}

void Coordinator::State::on(const StopRequested& event) {
  if (phase == Phase::ending) {  // asked twice: at once
    finish();
    return;
  }
  stopping = true;
  stop_reason = event.reason;
  if (phase == Phase::starting) {
    end(Outcome::stopped, stop_reason);
  } else if (open()) {
    abandon("the run was stopped: " + stop_reason);
  }  // aggregating, persisting: the round is written first
}

void Coordinator::State::on(const at_coordinator::MessageFrom& event) {
  Member* member = cohort.find(event.site);
  const Message& message = event.message;
  if (message.kind == Kind::join) {
    on_join(event.site, message);
    return;
  }
  if (!member || !member->joined || message.run != options.run) {
    if (message.kind == Kind::leave) return;
    send(event.site, Kind::refuse, closed_round, message.request,
         ReasonBody{.code = "rejoin",
                    .reason = "this coordinator does not know the site yet",
                    .fatal = false}
             .write());
    return;
  }
  if (member->left_for_good) return;
  try {
    switch (message.kind) {
      case Kind::result:
        heard(*member);
        on_result(*member, message);
        break;
      case Kind::failed:
        heard(*member);
        on_failed(*member, message);
        break;
      case Kind::secured:
        heard(*member);
        on_secured(*member, message);
        break;
      case Kind::pong:
        heard(*member);
        on_pong(*member, message);
        break;
      case Kind::leave:
        on_leave(*member, message);
        break;
      default:
        break;  // not for a coordinator
    }
  } catch (const Error& error) {
    log(Level::warning, member->name,
        "its " + std::string(name_of(message.kind)) + " message cannot be read: " + error.what());
  }
}

void Coordinator::State::on_join(std::string_view site, const Message& message) {
  const auto refuse = [&](const char* code, const std::string& reason) {
    log(Level::warning, site, "refused: " + reason);
    send(site, Kind::refuse, closed_round, message.request,
         ReasonBody{.code = code, .reason = reason}.write());
  };
  Member* member = cohort.find(site);
  if (!member)
    return refuse("unknown_site", "'" + std::string(site) + "' is not a site of this federation");
  JoinBody body;
  try {
    body = JoinBody::read(message.body);
  } catch (const Error& error) {
    return refuse("malformed", std::string("the join cannot be read: ") + error.what());
  }
  if (body.protocol != kProtocolVersion) {
    member->absence = "it speaks protocol " + std::to_string(body.protocol);
    return refuse("protocol", "the coordinator speaks protocol " +
                                  std::to_string(kProtocolVersion) + ", the site " +
                                  std::to_string(body.protocol));
  }
  if (!body.layout.empty() && body.layout != options.layout) {
    member->absence = "its network has another layout";
    return refuse("layout", "the site's network has the layout " + body.layout.substr(0, 64) +
                                ", this run's is " + options.layout);
  }
  const bool registered = options.signers.contains(member->name);
  const std::vector<VerifyKey>& keys = member->signing;
  if (registered && body.signing &&
      std::find(keys.begin(), keys.end(), *body.signing) == keys.end()) {
    member->absence = "it signs with another key than the one it is registered with";
    return refuse("wrong_key",
                  "the site signs with another key than the one in its public file here: "
                  "send that file again");
  }
  if (!registered && body.signing) member->signing = {*body.signing};
  const bool anew = !member->here;
  member->joined = true;
  member->left_for_good = false;
  if (member->unable && member->stage == Stage::failed) member->stage = Stage::away;
  member->unable.reset();
  member->software = body.software;
  heard(*member);
  if (anew) log(Level::info, site, "joined");
  if (phase == Phase::ending) return send_finished(*member, message.request);
  const WelcomeBody welcome{
      options.name,
      options.layout,
      options.rounds,
      instructions(),
      member->ledger,
      options.signing ? std::optional(options.signing->verify_key()) : std::nullopt};
  send(site, Kind::welcome, closed_round + 1, message.request, welcome.write());
  if (phase == Phase::starting) return check_start();
  if (phase == Phase::collecting && sum) {
    member->step_asked.reset();
    return advance_sum();
  }
  const bool answered_for = member->stage == Stage::announced || member->stage == Stage::pulling;
  if (phase == Phase::working || (phase == Phase::collecting && answered_for)) send_task(*member);
}

void Coordinator::State::on_pong(Member& member, const Message& message) {
  const PongBody body = PongBody::read(message.body);
  member.step = body.step;
  member.steps = body.steps;
  if (phase != Phase::working) return;
  const bool has_task = message.round == round && body.attempt == attempt && body.busy;
  const bool wants_task =
      member.stage == Stage::away || (member.stage == Stage::working && !has_task);
  const bool just_sent = member.task_sent && now - *member.task_sent < options.resend_after;
  if (wants_task && !just_sent) send_task(member);
}

void Coordinator::State::on_leave(Member& member, const Message& message) {
  const ReasonBody body = ReasonBody::read(message.body);
  if (phase == Phase::ending) {
    if (!body.metrics.empty())
      act(at_coordinator::RecordMetrics{member.name, closed_round, body.metrics});
    member.here = false;
    member.left_for_good = true;
    check_end();
    return;
  }
  if (body.code == "unable") {  // not waited for, unless it joins again
    member.unable = body.reason.empty() ? "it gave no reason" : body.reason;
    if (open() && (member.stage == Stage::away || member.stage == Stage::working))
      member.settle(Stage::failed, body.code, *member.unable);
  }
  lose(member, body.reason.empty() ? "it left" : "it left: " + body.reason, true);
}

void Coordinator::State::on(const at_coordinator::PeerLost& event) {
  Member* member = cohort.find(event.site);
  if (member && member->here)
    lose(*member, event.reason.empty() ? "the connection was lost" : event.reason, false);
}

void Coordinator::State::on(const at_coordinator::KeysChanged& event) {
  options.signers = event.signers;
  for (Member& member : cohort.members()) {
    const auto keys = options.signers.find(member.name);
    if (keys != options.signers.end()) {
      if (member.signing != keys->second) log(Level::info, member.name, "its keys have changed");
      member.signing = keys->second;
      continue;
    }
    options.signers.emplace(member.name,
                            std::vector<VerifyKey>{});  // its word is not taken for one
    if (member.signing.empty()) continue;
    member.signing.clear();
    log(Level::warning, member.name, "its key was revoked, or has expired");
    if (member.here) lose(member, "its key was revoked, or has expired", true);
  }
}

void Coordinator::State::on(const at_coordinator::Served& event) {
  if (Member* member = cohort.find(event.site)) {
    member->bytes_out += event.bytes;
    if (member->joined && member->here) member->heard = now;
    grant_time(*member);
  }
}

void Coordinator::State::heard(Member& member) {
  if (!member.here) member.pinged = now;
  member.here = true;
  member.heard = now;
}

void Coordinator::State::lose(Member& member, const std::string& reason, bool gone) {
  member.here = false;
  member.absence = reason;
  log(Level::warning, member.name, "away: " + reason);
  if (member.stage == Stage::working) member.stage = Stage::away;
  const bool at_the_site =
      member.stage == Stage::pulling || (member.stage == Stage::announced && member.update.empty());
  if (at_the_site && sum && phase == Phase::collecting) {
    cancel_pull(member);
    member.stage = Stage::announced;  // it has until the end of the step to come back
  } else if (at_the_site && gone) {
    give_up_update(member);
  } else if (at_the_site && !member.must_announce) {
    member.stage = Stage::announced;
    member.must_announce = true;
    member.lost_at = now;
  }
  if (open()) advance();
  if (phase == Phase::starting) check_start();
  if (phase == Phase::ending) check_end();
}

void Coordinator::State::check_start() {
  const std::size_t here = cohort.count([](const Member& member) { return member.here; });
  const auto unable = cohort.names([](const Member& member) { return member.unable.has_value(); });
  if (options.sites.size() - unable.size() < options.min_sites) {
    end(Outcome::failed, std::to_string(options.min_sites) +
                             " sites are needed; these cannot take part: " + listed(unable));
    return;
  }
  if (here < options.min_sites) {
    quorum_since.reset();
    if (now - started_at >= options.start_limit) {
      const auto away = cohort.names([](const Member& member) { return !member.here; });
      end(Outcome::failed, "only " + std::to_string(here) + " of the " +
                               std::to_string(options.min_sites) +
                               " sites needed joined in time; away: " + listed(away));
    } else if (now - reminded_at >= options.start_wait) {
      reminded_at = now;
      log(Level::info, "", "still waiting for " + listed(cohort.names([](const Member& member) {
                             return !member.here;
                           })));
    }
    return;
  }
  if (!quorum_since) quorum_since = now;
  const bool all = here + unable.size() == options.sites.size();
  if (all || now - *quorum_since >= options.start_wait) open_round();
}

void Coordinator::State::check_liveness() {
  for (Member& member : cohort.members()) {
    if (!member.here) continue;
    if (now - member.heard >= options.silence_limit) {
      lose(member, "silent for " + std::to_string(static_cast<long>(now - member.heard)) + " s",
           true);
      if (phase == Phase::done) return;
      continue;
    }
    if (now - member.pinged < options.ping_every) continue;
    member.pinged = now;
    if (phase == Phase::ending) {
      send_finished(member);  // until it leaves
    } else {
      Settings body;
      body.set("attempt", static_cast<std::int64_t>(attempt));
      send(member.name, Kind::ping, open() ? round : closed_round, 0, std::move(body));
    }
  }
}

double Coordinator::State::next_tick() const {
  if (phase == Phase::done) return std::numeric_limits<double>::infinity();
  double at = now + options.ping_every;
  const auto by = [&at](double when) { at = std::min(at, when); };
  for (const Member& member : cohort.members()) {
    if (member.here)
      by(std::min(member.pinged + options.ping_every, member.heard + options.silence_limit));
    if (member.stage == Stage::pulling) by(member.pull_moved + options.pull_stall);
    if (member.must_announce) by(member.lost_at + options.pull_stall);
  }
  if (phase == Phase::starting && quorum_since) by(*quorum_since + options.start_wait);
  if (phase == Phase::starting) by(started_at + options.start_limit);
  if (phase == Phase::working) by(deadline);
  if (phase == Phase::collecting && sum)  // overdue: what is being added is waited for
    by(now < step_deadline ? std::min(step_deadline, now + options.resend_after) : now + 1);
  return std::max(at, now);
}

}  // namespace collegium
