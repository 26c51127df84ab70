#include "federation/site.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "collegium/error.h"
#include "federation/site_state.h"

namespace collegium {

using Level = LogEvent::Level;

Site::Site(SiteOptions options, std::optional<StoredResult> stored)
    : state_(std::make_unique<State>(std::move(options), std::move(stored))) {}

Site::~Site() = default;

SiteActions Site::handle(const SiteEvent& event) {
  state_->actions.clear();
  if (state_->phase != State::Phase::stopped)
    std::visit([this](const auto& one) { state_->on(one); }, event);
  return std::exchange(state_->actions, {});
}

double Site::next_tick() const { return state_->next_tick(); }

bool Site::done() const { return state_->phase == State::Phase::stopped; }

SiteSnapshot Site::snapshot() const {
  return {.phase = state_->phase,
          .round = state_->task ? state_->task->round : 0,
          .rounds = state_->welcome.rounds,
          .step = state_->step,
          .steps = state_->steps,
          .reason = state_->reason};
}

Site::State::State(SiteOptions the_options, std::optional<StoredResult> the_stored)
    : options(std::move(the_options)), layout(options.layout), stored(std::move(the_stored)) {
  if (stored) {
    output_round = stored->round;
    output_attempt = stored->attempt;
  }
}

void Site::State::send(Kind kind, std::uint64_t of_round, std::uint64_t request, Settings body,
                       Bytes payload) {
  act(at_site::Send{Message{kind, run, of_round, request, std::move(body), std::move(payload)}});
}

void Site::State::on(const Started& event) {
  if (started) return;
  started = true;
  now = heard = event.now;
  requests =
      static_cast<std::uint64_t>(now * 1000);  // not those of an earlier process of this site
  join_delay = options.join_after;
  join();
}

void Site::State::on(const Tick& event) {
  now = std::max(now, event.now);
  if (!started) return;
  check_connection();
  if (phase != Phase::stopped) check_work();
}

void Site::State::join() {
  join_request = ++requests;
  join_sent = now;
  send(Kind::join, 0, join_request,
       JoinBody{
           .protocol = kProtocolVersion,
           .software = options.software,
           .layout = layout,
           .signing = options.signing ? std::optional(options.signing->verify_key()) : std::nullopt}
           .write());
}

void Site::State::check_connection() {
  if (now - heard >= options.give_up) {
    return stop(Outcome::failed, "the coordinator was not heard for " +
                                     std::to_string(static_cast<long>(now - heard)) + " s");
  }
  if (joined && now - heard >= options.silence_limit) {
    log(Level::warning, "the coordinator is silent; joining again");
    joined = false;
    join_delay = options.join_after;
    return join();
  }
  if (!joined && now - join_sent >= join_delay) {
    join_delay = std::min(2 * join_delay, options.join_at_most);
    join();
  }
}

void Site::State::on(const at_site::MessageFrom& event) {
  const Message& message = event.message;
  try {
    if (message.kind == Kind::welcome) return on_welcome(message);
    if (message.kind == Kind::refuse) return on_refuse(message);
    if (message.kind == Kind::finished) return on_finished(message);
    if (message.run != run) return;  // of a run that this site has not joined
    heard = now;
    switch (message.kind) {
      case Kind::task:
        on_task(message);
        break;
      case Kind::accepted:
      case Kind::rejected:
        on_answer(message);
        break;
      case Kind::secure:
        on_secure(message);
        break;
      case Kind::ping:
        on_ping();
        break;
      default:
        break;  // not for a site
    }
  } catch (const Error& error) {
    log(Level::warning, "the coordinator's " + std::string(name_of(message.kind)) +
                            " message cannot be read: " + error.what());
  }
}

void Site::State::on(const at_site::LineRestored&) {
  if (!started) return;
  joined = false;
  join_delay = options.join_after;
  join();
}

void Site::State::on_welcome(const Message& message) {
  if (phase == Phase::finishing) return;
  if (join_request == 0 || message.request != join_request) return;  // an answer to an earlier join
  WelcomeBody body = WelcomeBody::read(message.body);
  join_request = 0;
  join_delay = options.join_after;
  heard = now;
  const bool new_run = message.run != run;
  const bool first = !joined;
  joined = true;
  welcome = std::move(body);
  welcome_raw = message.body;
  first_round = message.round;
  if (new_run) {
    supersede();
    task.reset();
    held.reset();
    run = message.run;
    unpromised = false;
    if (!stored || stored->run != run) output_round = 0;
    layout = options.layout;
    preparing = false;
    phase = Phase::idle;
  } else if (task && message.round < task->round) {
    log(Level::warning, "the coordinator has gone back to round " + std::to_string(message.round));
    supersede();
    task.reset();
    phase = Phase::idle;
  } else if (phase == Phase::joining) {
    phase = Phase::idle;
  }
  if (first) log(Level::info, "joined the run '" + welcome.name + "'");
  if (new_run) record_welcome();
  if (pulling) pull();  // the line may have been cut
  if (!layout.empty()) return require_layout();
  if (!preparing) obtain_network();
}

void Site::State::on_refuse(const Message& message) {
  const ReasonBody body = ReasonBody::read(message.body);
  if (!body.fatal) {
    heard = now;
    joined = false;
    if (now - join_sent >= options.join_after) {  // else a join is under way
      join_delay = options.join_after;
      join();
    }
    return;
  }
  if (join_request == 0 || message.request != join_request) return;
  stop(Outcome::refused, body.reason.empty() ? body.code : body.reason);
}

void Site::State::on_ping() {
  if (!joined) {  // it is back: no need to wait out the delay
    if (now - join_sent >= options.join_after) join();
    return;
  }
  const bool at_work =
      phase == Phase::reserving || phase == Phase::training || phase == Phase::storing;
  PongBody body{.attempt = task ? task->body.attempt : 0,
                .state = std::string(name_of(at_work && withholds() ? Phase::training : phase)),
                .busy = busy()};
  if (phase == Phase::training && !withholds()) {
    body.step = step;
    body.steps = steps;
  }
  send(Kind::pong, task ? task->round : 0, 0, body.write());
}

double Site::State::next_tick() const {
  if (phase == Phase::stopped) return std::numeric_limits<double>::infinity();
  double at = heard + options.give_up;
  const auto by = [&at](double when) { at = std::min(at, when); };
  by(joined ? heard + options.silence_limit : join_sent + join_delay);
  if (phase == Phase::announced && joined) by(result_sent + result_delay);
  if (pulling) by(pull_moved + options.pull_stall);
  if (pull_again) by(*pull_again);
  if (release_at) by(*release_at);
  if (phase == Phase::finishing) by(final_since + options.final_wait);
  return std::max(at, now);
}

}  // namespace collegium
