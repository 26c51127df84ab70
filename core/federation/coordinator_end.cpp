// How a coordinator's rounds and runs end, and what is written down.
#include <utility>

#include "federation/coordinator_state.h"

namespace collegium {

using Level = LogEvent::Level;

void Coordinator::State::on(const at_coordinator::RoundCharged& event) {
  if (phase != Phase::aggregating || event.round != round || event.attempt != attempt) return;
  act(at_coordinator::FinishAggregate{round, attempt});
}

void Coordinator::State::on(const at_coordinator::ChargeFailed& event) {
  if (phase != Phase::aggregating || event.round != round || event.attempt != attempt) return;
  abandon("its privacy could not be charged: " + event.reason);
}

void Coordinator::State::on(const at_coordinator::AggregationDone& event) {
  if (phase != Phase::aggregating || event.round != round || event.attempt != attempt) return;
  if (!event.model) return abandon("the aggregator gave no model");
  next_model = event.model;
  persist(true, "");
}

void Coordinator::State::on(const at_coordinator::AggregationFailed& event) {
  if (phase != Phase::aggregating || event.round != round || event.attempt != attempt) return;
  abandon("the updates could not be combined: " + event.reason);
}

void Coordinator::State::abandon(const std::string& reason) {
  for (Member& member : cohort.members()) {
    cancel_pull(member);
    if (member.promising()) {
      member.settle(Stage::rejected, "abandoned", "the attempt was abandoned: " + reason);
    } else if (member.stage == Stage::working) {
      member.settle(Stage::missing, now >= deadline ? "deadline" : "abandoned",
                    now >= deadline ? "no result before the deadline"
                                    : "the attempt was abandoned: " + reason);
    } else if (member.stage == Stage::away) {
      member.settle(Stage::missing, "away", member.absence);
    }
  }
  act(at_coordinator::DropAggregate{round, attempt});
  log(Level::warning, "",
      "round " + std::to_string(round) + ", attempt " + std::to_string(attempt) + " of " +
          std::to_string(options.attempts) + " abandoned: " + reason);
  next_model.reset();
  persist(false, reason);
}

void Coordinator::State::persist(bool closed, const std::string& reason) {
  phase = Phase::persisting;
  record = {.round = round,
            .attempt = attempt,
            .closed = closed,
            .reason = reason,
            .opened = opened,
            .ended = now,
            .bytes_in = 0,
            .bytes_out = 0,
            .before = model->id.digest,
            .after = next_model ? next_model->id.digest : Digest{},
            .contributions = {}};
  for (const Member& member : cohort.members()) {
    Contribution& contribution = record.contributions.emplace_back(member.contribution);
    if (closed && options.signing && contribution.state == Contribution::State::accepted)
      contribution.receipt = receipt_for(member.name, round, contribution.update->digest);
    record.bytes_in += member.bytes_in;
    record.bytes_out += member.bytes_out;
  }
  record.bytes_in -= in_before;
  record.bytes_out -= out_before;
  act(at_coordinator::PersistRound{record, next_model});
}

void Coordinator::State::on(const at_coordinator::RoundPersisted& event) {
  if (phase != Phase::persisting || event.round != round || event.attempt != attempt) return;
  if (event.recorded) recorded_since = event.recorded;
  if (record.closed) {
    closed_round = round;
    model = std::exchange(next_model, nullptr);
    last = record.contributions;
    for (const Member& member : cohort.members()) {
      if (member.stage == Stage::accepted) {
        counted[round][member.name] = member.contribution.update->digest;
        answer(member, round, member.request, member.contribution);
      }
    }
    const std::string without = cohort.without();
    log(without.empty() ? Level::info : Level::warning, "",
        "round " + std::to_string(round) + " closed with " +
            std::to_string(cohort.count(Stage::accepted)) + " of " +
            std::to_string(options.sites.size() - cohort.count(Stage::not_drawn)) + " sites" +
            without);
  }
  after_round();
}

void Coordinator::State::on(const at_coordinator::PersistFailed& event) {
  if (phase != Phase::persisting || event.round != round || event.attempt != attempt) return;
  next_model.reset();
  end(Outcome::failed, "round " + std::to_string(round) + " could not be written: " + event.reason);
}

void Coordinator::State::after_round() {
  if (closed_round >= options.rounds) {
    end(Outcome::finished, "");
  } else if (stopping) {
    end(Outcome::stopped, stop_reason);
  } else if (record.closed) {
    open_round();
  } else if (attempt < options.attempts) {
    open_attempt();
  } else {
    end(Outcome::failed, "round " + std::to_string(round) + " was abandoned " +
                             std::to_string(attempt) + " times; the last time: " + record.reason);
  }
}

void Coordinator::State::end(Outcome how, const std::string& reason) {
  phase = Phase::ending;
  outcome = how;
  outcome_reason = reason;
  ending_since = now;
  log(how == Outcome::failed ? Level::error : Level::info, "",
      "the run has " + std::string(name_of(how)) +
          (reason.empty() ? std::string() : ": " + reason));
  if (how == Outcome::finished) serve(closed_round);
  for (Member& member : cohort.members()) {
    if (member.here) send_finished(member);
  }
  check_end();
}

void Coordinator::State::send_finished(Member& member, std::uint64_t request) {
  FinishedBody body{.outcome = std::string(name_of(outcome)),
                    .reason = outcome_reason,
                    .evaluate = outcome == Outcome::finished && options.evaluate_every > 0,
                    .model = {}};
  Bytes payload;
  if (outcome == Outcome::finished) {
    const bool is_inline = model->id.size <= options.inline_limit;
    body.model = BlobNote{model->id, is_inline};
    if (is_inline) payload = model->bytes;
    if (now > ending_since) serve(closed_round);
  }
  member.pinged = now;
  send(member.name, Kind::finished, closed_round, request, body.write(), payload);
}

// The sites that are here are waited for until they have the final model; those that were lost get
// a while to return.
void Coordinator::State::check_end() {
  const bool finished = outcome == Outcome::finished;
  const double waited = now - ending_since;
  const auto awaited = cohort.names([&](const Member& member) {
    if (member.left_for_good) return false;
    if (member.here) return waited < (finished ? options.final_wait : options.silence_limit);
    if (member.unable) return false;
    return finished && (member.joined || resumed) && waited < options.silence_limit;
  });
  if (!awaited.empty()) return;
  const auto without =
      cohort.names([](const Member& member) { return member.joined && !member.left_for_good; });
  if (finished && !without.empty())
    log(Level::warning, "", "these sites did not fetch the final model: " + listed(without));
  finish();
}

void Coordinator::State::finish() {
  phase = Phase::done;
  act(at_coordinator::Finish{outcome, outcome_reason});
}

}  // namespace collegium
