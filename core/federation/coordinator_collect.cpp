// How a coordinator takes the updates in: `staging` at a time, in cohort order when the run is
// deterministic.
#include <utility>

#include "federation/coordinator_state.h"

namespace collegium {

namespace {
constexpr int kPulls = 3;  // of one update, when the line and not the bytes are at fault
}  // namespace

using Level = LogEvent::Level;

// What is to be pulled from a site.
const BlobId& Coordinator::State::blob_of(const Member& member) const {
  return member.masked ? *member.masked : *member.contribution.update;
}

void Coordinator::State::begin_collecting() {
  phase = Phase::collecting;
  for (Member& member : cohort.members()) {
    if (member.stage == Stage::working) {
      member.settle(Stage::missing, "deadline", "no result before the deadline");
    } else if (member.stage == Stage::away) {
      member.settle(Stage::missing, "away", member.absence);
    }
  }
  if (sum) return begin_sum();
  advance();
}

void Coordinator::State::pump() {
  if (options.deterministic && phase != Phase::collecting) return;
  // What came inside its message waits in its stage `announced`: it takes no staging place until it
  // is its turn.
  bool earlier_waits = false;
  for (Member& member : cohort.members()) {
    const bool came_inline = member.stage == Stage::announced && !member.update.empty();
    if ((member.stage == Stage::staged || came_inline) &&
        !(options.deterministic && earlier_waits)) {
      member.stage = Stage::accumulating;
      act(at_coordinator::Accumulate{round, attempt, member.name, std::exchange(member.update, {}),
                                     member.contribution.weight});
    }
    earlier_waits = earlier_waits || (member.in_transit() && member.stage != Stage::accumulating);
  }
  std::size_t places = cohort.count([](const Member& member) { return member.in_memory(); });
  for (Member& member : cohort.members()) {
    if (member.stage != Stage::announced || !member.update.empty()) continue;
    if (member.must_announce) {  // away: where order matters a place is kept for it
      if (options.deterministic && !member.parked()) ++places;
      continue;
    }
    if (places >= options.staging) {  // elsewhere half an update makes room for a whole one
      Member* parked = cohort.find_if([](const Member& one) { return one.parked(); });
      if (!parked || options.deterministic) break;
      cancel_pull(*parked);
      --places;
    }
    ++places;
    start_pull(member);
  }
}

void Coordinator::State::advance() {
  if (sum && phase == Phase::collecting) return advance_sum();
  if (open() && !sum) pump();
  if (phase == Phase::working) return decide();
  if (phase != Phase::collecting ||
      cohort.count([](const Member& member) { return member.in_transit(); }) > 0)
    return;
  const std::size_t accepted = cohort.count(Stage::accepted);
  if (accepted >= options.min_sites) {
    phase = Phase::aggregating;
    if (options.charges_rounds)
      act(at_coordinator::ChargeRound{round, attempt});
    else
      act(at_coordinator::FinishAggregate{round, attempt});
  } else {
    abandon(std::to_string(options.min_sites) + " accepted results are needed, there are " +
            std::to_string(accepted));
  }
}

// A pull that was under way when the line was lost goes on where it was.
void Coordinator::State::start_pull(Member& member) {
  member.stage = Stage::pulling;
  member.received = 0;
  member.pull_began = member.pull_moved = now;
  member.pull_open = true;
  ++member.pulls;
  act(at_coordinator::Pull{member.name, round, blob_of(member)});
}

void Coordinator::State::cancel_pull(Member& member) {
  if (std::exchange(member.pull_open, false))
    act(at_coordinator::CancelPull{member.name, blob_of(member)});
  member.received = 0;
}

void Coordinator::State::give_up_update(Member& member) {
  cancel_pull(member);
  if (phase == Phase::working) {
    member.must_announce = false;
    member.stage = Stage::away;  // it may come back and announce again
  } else {
    member.settle(Stage::missing, "lost", "lost before its update was here: " + member.absence);
  }
}

bool Coordinator::State::awaits(const Member& member, const BlobId& blob) const {
  const bool at_the_site =
      member.stage == Stage::pulling || (member.stage == Stage::announced && member.must_announce);
  return open() && at_the_site && blob_of(member) == blob;
}

void Coordinator::State::on(const at_coordinator::PullProgress& event) {
  Member* member = cohort.find(event.site);
  if (!member || event.received <= member->received) return;
  if (member->parked()) {
    member->stage = Stage::pulling;
    member->must_announce = false;
  }
  if (member->stage != Stage::pulling) return;
  member->received = event.received;
  member->pull_moved = now;
  member->heard = now;
}

void Coordinator::State::on(const at_coordinator::PullDone& event) {
  Member* member = cohort.find(event.site);
  if (!member || !awaits(*member, event.blob)) return;
  member->heard = now;
  member->bytes_in += event.chunks.size();
  member->update = event.chunks;
  member->must_announce = member->pull_open = false;
  member->stage = Stage::staged;
  advance();
}

void Coordinator::State::on(const at_coordinator::PullFailed& event) {
  Member* member = cohort.find(event.site);
  if (!member || !awaits(*member, event.blob)) return;
  member->pull_open = false;
  if (event.corrupted) return reject(*member, RefusalCode::corrupted, event.reason);
  if (member->must_announce) {  // another process of the site, that has not announced it yet
    member->received = 0;
    return;
  }
  if (member->pulls >= kPulls) {
    return reject(
        *member, RefusalCode::pull_failed,
        "its update could not be fetched in " + std::to_string(kPulls) + " tries: " + event.reason);
  }
  log(Level::warning, member->name, "fetching its update again: " + event.reason);
  member->stage = Stage::announced;
  advance();
}

void Coordinator::State::on(const at_coordinator::Accumulated& event) {
  Member* member = cohort.find(event.site);
  if (!open() || event.round != round || event.attempt != attempt || !member ||
      member->stage != Stage::accumulating) {
    return;
  }
  if (event.refusal) return reject(*member, event.refusal->code, event.refusal->text);
  if (sum) sum->take(number_of(*member), {});
  member->settle(Stage::accepted, "", "");
  advance();
}

void Coordinator::State::reject(Member& member, RefusalCode code, const std::string& text) {
  member.settle(Stage::rejected, std::string(name_of(code)), text);
  log(Level::warning, member.name,
      "its result for round " + std::to_string(round) + " does not count (" +
          std::string(name_of(code)) + "): " + text);
  answer(member, round, member.request, member.contribution);
  advance();
}

// A pull may be slow, but it must move, and it may not take longer than a whole round.
void Coordinator::State::check_pulls() {
  for (Member& member : cohort.members()) {
    if (open() && member.must_announce && now - member.lost_at >= options.pull_stall) {
      give_up_update(member);
      advance();
    }
    if (!open() || member.stage != Stage::pulling) continue;
    const bool stalled = now - member.pull_moved >= options.pull_stall;
    if (!stalled && now - member.pull_began < options.round_deadline) continue;
    cancel_pull(member);
    reject(member, RefusalCode::pull_failed,
           stalled ? "nothing of its update came for " +
                         std::to_string(static_cast<long>(options.pull_stall)) + " s"
                   : "its update did not come within the time of a round");
  }
}

}  // namespace collegium
