// A coordinator's rounds: tasks out, and when enough is known.
#include <algorithm>

#include "federation/coordinator_state.h"

namespace collegium {

using Level = LogEvent::Level;

void Coordinator::State::open_round() {
  round = closed_round + 1;
  attempt = 0;
  opening.clear();
  open_attempt();
}

void Coordinator::State::open_attempt() {
  ++attempt;
  phase = Phase::working;
  opened = now;
  deadline = now + options.round_deadline;
  in_before = out_before = 0;
  recorded = recorded_since;
  for (Member& member : cohort.members()) {
    member.begin_attempt();
    in_before += member.bytes_in;
    out_before += member.bytes_out;
  }
  draw_cohort();
  act(at_coordinator::OpenAggregate{round, attempt});
  open_sum();
  bind_sum();
  log(Level::info, "",
      "round " + std::to_string(round) + " of " + std::to_string(options.rounds) +
          (attempt > 1 ? ", attempt " + std::to_string(attempt) : std::string()));
  serve(round);
  for (Member& member : cohort.members()) {
    if (member.here) send_task(member);
  }
}

void Coordinator::State::draw_cohort() {
  if (!options.draw_cohort) return;
  const std::vector<bool> drawn = options.draw_cohort(round, attempt);
  for (std::size_t i = 0; i < cohort.members().size(); ++i) {
    if (!drawn.at(i))
      cohort.members()[i].settle(Stage::not_drawn, "not_drawn", "it was not drawn for this round");
  }
}

void Coordinator::State::send_task(Member& member) {
  if (member.stage == Stage::not_drawn) return;
  if (member.stage == Stage::away) {
    if (phase != Phase::working) return;
    member.stage = Stage::working;
    if (now > opened) serve(round);  // it came late: the model is for it too
  }
  if (!member.task_first) member.task_first = now;
  member.task_sent = now;
  const bool is_inline = model->id.size <= options.inline_limit;
  const TaskBody task{
      .attempt = attempt,
      .rounds = options.rounds,
      .seed = options.seed,
      .evaluate = options.evaluate_every > 0 && (round - 1) % options.evaluate_every == 0,
      .deadline = std::max(0.0, deadline - now),
      .model = {model->id, is_inline},
      .instructions = instructions()};
  send(member.name, Kind::task, round, 0, task.write(round), is_inline ? model->bytes : Bytes{});
}

// The deadline is for work. While what a site must have is on its way to it, the time of the line
// is not taken from that: the deadline moves, to twice its length at most, and for the bytes of the
// model, the network and as much again that had to be sent twice.
void Coordinator::State::grant_time(const Member& member) {
  if (phase != Phase::working || member.stage != Stage::working) return;
  const std::uint64_t needed =
      model->id.size + (options.network_file ? options.network_file->id.size : 0);
  if (member.bytes_out - member.out_before > 2 * needed) return;
  deadline =
      std::max(deadline, std::min(now, opened + options.round_deadline) + options.round_deadline);
}

void Coordinator::State::decide() {
  const std::size_t promising =
      cohort.count([](const Member& member) { return member.promising(); });
  const std::size_t working = cohort.count(Stage::working);
  const std::size_t away = cohort.count(Stage::away);
  const std::size_t quorum = bound_to.empty() ? options.min_sites : bound_to.size();
  const std::string needed = std::to_string(quorum) + " results are needed";
  if (promising + working + away < quorum) {
    return abandon(needed + ", at most " + std::to_string(promising + working + away) +
                   " can still come" + cohort.without());
  }
  const bool overdue = now >= deadline;
  if (promising >= quorum && (working == 0 || overdue)) return begin_collecting();
  if (overdue) {
    abandon(needed + " before the deadline, " + std::to_string(promising) + " came; without " +
            listed(cohort.names([](const Member& member) {
              return !member.promising() && member.stage != Stage::not_drawn;
            })));
  }
}

}  // namespace collegium
