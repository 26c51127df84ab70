// Secure aggregation at a site: the result that is stored goes out under masks, step by step. The
// keys and what they hide are the work's (at_site::SecureStep); here is who is asked what, when.
#include <algorithm>
#include <utility>

#include "federation/site_state.h"
#include "federation/statements.h"

namespace collegium {

using Level = LogEvent::Level;
using secagg::Step;

bool Site::State::is_secure() const {
  return task && !task->body.instructions.secure_aggregation.keys().empty();
}

// Another attempt, or another process of the coordinator, gets keys of its own.
std::string Site::State::attempt_at_hand() const {
  return std::to_string(task->round) + "/" + std::to_string(task->body.attempt) + "/" +
         task->body.instructions.secure_aggregation.text("life", "");
}

Digest Site::State::announced() const {
  return is_secure() && advert ? Blob::of(*advert).id.digest : stored->update->id.digest;
}

void Site::State::begin_step(Step step, const Bytes& request) {
  secure_job = ++jobs;
  secure_step = step;
  act(at_site::SecureStep{.job = secure_job,
                          .attempt = task->body.attempt,
                          .step = step,
                          .request = request,
                          .stored = *stored,
                          .task = train_task(),
                          .secure_aggregation = task->body.instructions.secure_aggregation});
}

// Announces the stored result with the keys for this attempt: with new ones where it has none yet.
void Site::State::advertise() {
  if (phase != Phase::announced) {
    phase = Phase::announced;
    result_delay = options.result_after;
  }
  result_sent = now;
  if (secure_attempt == attempt_at_hand()) {
    if (advert) announce_advert(false);
    return;
  }
  secure_attempt = attempt_at_hand();
  advert.reset();
  act(at_site::Serve{});
  begin_step(Step::advertise, {});
}

// Of the result itself nothing is said: not its hash, not its weight, not its steps, which may
// follow from the number of patients.
void Site::State::announce_advert(bool first) {
  const ResultBody own = ResultBody::read(stored->body);
  ResultBody body{.attempt = task->body.attempt,
                  .model = own.model,
                  .steps = 0,
                  .weight = 1,
                  .loss = {},
                  .metrics = releases_metrics() ? own.metrics : std::vector<Metric>{},
                  .note = {},
                  .epsilon = own.epsilon,
                  .lifetime = own.lifetime,
                  .delta = own.delta,
                  .ledger = own.ledger,
                  .recorded = own.recorded,
                  .update = {Blob::of(*advert).id, true}};
  if (stored->owes_noise) state_charge(body);
  Settings text = body.write();
  if (options.signing) {
    const std::string claim = contribution_statement(run, options.name, stored->round, body);
    text.set("signature", to_hex(sign_text(*options.signing, claim)));
  }
  if (first) record_result(text);
  result_sent = now;
  send(Kind::result, stored->round, ++requests, std::move(text), *advert);
}

void Site::State::on_secure(const Message& message) {
  const SecureBody body = SecureBody::read(message.body);
  const bool has_keys = phase == Phase::announced && is_secure() && advert &&
                        message.round == task->round && body.attempt == task->body.attempt &&
                        secure_attempt == attempt_at_hand();
  if (!has_keys) {
    send(Kind::failed, message.round, ++requests,
         ReasonBody{.code = "secure_aggregation",
                    .reason = "this process has no keys for the attempt",
                    .attempt = body.attempt}
             .write());
    return;
  }
  result_sent = now;  // it is clear that the result was heard
  if (secure_job == 0) begin_step(body.step, message.payload);
}

void Site::State::on(const at_site::SecureAnswered& event) {
  if (secure_job == 0 || event.job != secure_job) return;
  secure_job = 0;
  if (secure_step == Step::advertise) {
    advert = event.answer;
    if (event.charge) charge = event.charge;
    return announce_advert(true);
  }
  SecureBody body{.attempt = task->body.attempt, .step = secure_step};
  Bytes payload = event.answer;
  if (secure_step == Step::mask) {
    const bool is_inline = event.masked->id.size <= options.inline_limit;
    body.update = BlobNote{event.masked->id, is_inline};
    if (is_inline)
      payload = event.masked->bytes;
    else
      act(at_site::Serve{event.masked, task->round});
  }
  send(Kind::secured, task->round, ++requests, body.write(), std::move(payload));
}

// A rule was broken, here or by somebody: the round goes on without this site, or not at all.
void Site::State::on(const at_site::SecureRefused& event) {
  if (secure_job == 0 || event.job != secure_job) return;
  secure_job = 0;
  advert.reset();
  fail("secure_aggregation", event.reason);
}

}  // namespace collegium
