// Secure aggregation at the coordinator: once the adverts are in, every further step is asked of
// whoever is still part of the sum, until all have answered or its time is up.
#include <algorithm>
#include <utility>

#include "collegium/error.h"
#include "federation/coordinator_state.h"
#include "federation/secure_terms.h"

namespace collegium {

using Level = LogEvent::Level;
using secagg::Step;

void Coordinator::State::open_sum() {
  sum.reset();
  if (options.secure_roster.empty()) return;
  sum.emplace(secure_session({options.run, round, attempt, model->id.digest}, instructions(),
                             options.secure_roster));
}

// A site opens one sum in a round, for the difference of two is somebody's update. Some may have
// opened that of the last attempt: the next one is of the same sites, or those would refuse it. The
// one after that is free again, should one of them be gone.
void Coordinator::State::bind_sum() {
  bound_to = std::exchange(opening, {});
  if (bound_to.empty()) return;
  for (Member& member : cohort.members()) {
    if (std::ranges::find(bound_to, member.name) != bound_to.end()) continue;
    member.settle(Stage::not_drawn, "secure_aggregation",
                  "a sum without it may have been opened, and no other sum of the round is");
  }
}

std::uint32_t Coordinator::State::number_of(const Member& member) const {
  return static_cast<std::uint32_t>(&member - cohort.members().data()) + 1;
}

// Of those who announced a result the keys are here: the first step is over.
void Coordinator::State::begin_sum() {
  for (Member& member : cohort.members()) member.must_announce = false;
  close_sum_step(true);
}

// Whether the step waits for this site. Once a site's masked update is in, it counts whatever
// becomes of the site; up to then it must answer.
bool Coordinator::State::awaited_in_sum(const Member& member) const {
  const std::uint32_t number = number_of(member);
  if (!sum->asks(number) || sum->answered(number) || member.keyless) return false;
  return !member.settled() || member.stage == Stage::accepted;
}

void Coordinator::State::ask_in_sum(Member& member) {
  member.step_asked = now;
  const secagg::Octets request = sum->request(number_of(member));
  send(member.name, Kind::secure, round, 0,
       SecureBody{.attempt = attempt, .step = sum->step()}.write(), Bytes::copy_of(request));
}

void Coordinator::State::advance_sum() {
  if (sum->step() == Step::mask) pump_sum();
  bool waiting = false;
  for (Member& member : cohort.members()) {
    if (!awaited_in_sum(member)) continue;
    if (member.here && !member.step_asked) ask_in_sum(member);
    // Who is away is waited for where the quorum needs it.
    waiting = waiting || member.here || member.stage == Stage::accumulating || !sum->enough() ||
              sum->answers() < bound_to.size();
  }
  const bool opens = sum->step() == Step::sign || sum->step() == Step::unmask;
  if (!waiting || (opens && sum->enough())) close_sum_step(false);
}

// Masked updates are added up as they come: the sum is of integers, whose order does not matter.
void Coordinator::State::pump_sum() {
  for (Member& member : cohort.members()) {
    const bool came_inline = member.stage == Stage::announced && !member.update.empty();
    if (member.stage != Stage::staged && !came_inline) continue;
    if (now >= step_deadline) continue;  // too late to be in the sum
    member.stage = Stage::accumulating;
    act(at_coordinator::Accumulate{round, attempt, member.name, std::exchange(member.update, {}),
                                   1.0});
  }
  std::size_t places = cohort.count([](const Member& member) { return member.in_memory(); });
  for (Member& member : cohort.members()) {
    if (member.stage != Stage::announced || !member.masked || !member.here) continue;
    if (places++ >= options.staging) break;
    start_pull(member);
  }
}

void Coordinator::State::on_secured(Member& member, const Message& message) {
  if (!sum || phase != Phase::collecting || message.round != round) return;
  const SecureBody body = SecureBody::read(message.body);
  if (body.attempt != attempt || body.step != sum->step() || !awaited_in_sum(member)) return;
  if (body.step == Step::mask) return announce_masked(member, body, message.payload);
  try {
    sum->take(number_of(member), message.payload.view);
  } catch (const ProtocolError& error) {
    log(Level::warning, member.name, error.what());
    if (member.stage == Stage::accepted)
      member.keyless = true;
    else
      return reject(member, RefusalCode::malformed, error.what());
  }
  advance_sum();
}

void Coordinator::State::announce_masked(Member& member, const SecureBody& body,
                                         const Bytes& payload) {
  if (!body.update || member.stage != Stage::announced || member.masked) return;  // or a repeat
  const std::uint64_t size = (options.rules.layout_size + 1) *
                             SecureTerms::read(options.secure_aggregation).code().word_size();
  if (body.update->id.size != size)
    return reject(member, RefusalCode::bad_size,
                  "a masked update has " + std::to_string(size) + " bytes, this one " +
                      std::to_string(body.update->id.size));
  if (body.update->is_inline && !matches(body.update->id, payload))
    return reject(member, RefusalCode::corrupted,
                  "the bytes of the update are not those it announces");
  member.masked = body.update->id;
  member.contribution.bytes = size;
  if (body.update->is_inline) {
    member.update = payload;
    member.bytes_in += payload.size();
  }
  advance_sum();
}

// Its keys for this attempt went with its process, or it will not go on. What it masked still
// counts, the others' shares open it.
void Coordinator::State::lost_its_keys(Member& member, const std::string& why) {
  if (member.keyless) return;
  log(Level::warning, member.name, "takes no further part in this sum: " + why);
  member.keyless = true;
  // What is being added is in the sum, and must be named in it.
  if (!member.settled() && member.stage != Stage::accumulating) {
    cancel_pull(member);
    member.settle(Stage::failed, "secure_aggregation", why);
  }
  advance_sum();
}

void Coordinator::State::close_sum_step(bool overdue) {
  if (cohort.count(Stage::accumulating) > 0) return;  // what is being added is in the sum
  const std::string step(name_of(sum->step()));
  std::string without;
  for (Member& member : cohort.members()) {
    if (sum->step() == Step::advertise || !awaited_in_sum(member)) continue;
    const std::string why = std::string("no answer in the step '") + step + "' of the sum" +
                            (member.here ? "" : ": " + member.absence);
    without += (without.empty() ? "" : ", ") + member.name;
    if (member.stage == Stage::accepted) continue;  // its update is in
    cancel_pull(member);
    member.settle(Stage::missing, overdue ? "deadline" : "lost", why);
  }
  const bool incomplete = sum->step() <= Step::mask && sum->answers() < bound_to.size();
  if (!sum->enough() || incomplete)
    return abandon("too few sites answered the step '" + step + "' of the sum" +
                   (without.empty() ? cohort.without() : "; without " + without));
  try {
    sum->close();
    if (sum->step() == Step::unmask)
      for (const std::uint32_t site : sum->survivors()) opening.push_back(options.sites[site - 1]);
    if (sum->step() == Step::done) {
      auto masks = std::make_shared<const std::vector<secagg::Mask>>(sum->unmasking());
      phase = Phase::aggregating;
      return act(at_coordinator::FinishAggregate{round, attempt, std::move(masks)});
    }
  } catch (const ProtocolError& error) {
    return abandon(error.what());
  }
  step_deadline = now + options.secure_step;
  for (Member& member : cohort.members()) member.step_asked.reset();
  advance_sum();
}

// Requests and answers may be lost: what is not answered is asked again.
void Coordinator::State::check_sum() {
  if (!sum || phase != Phase::collecting) return;
  if (now >= step_deadline) return close_sum_step(true);
  for (Member& member : cohort.members()) {
    const bool silent = member.step_asked && now - *member.step_asked >= options.resend_after;
    if (member.here && silent && awaited_in_sum(member) && !member.masked) ask_in_sum(member);
  }
  advance_sum();
}

}  // namespace collegium
