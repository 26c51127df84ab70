// A site's work: from a task to the answer to its result.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "federation/site_state.h"
#include "federation/statements.h"

namespace collegium {

using Level = LogEvent::Level;

void Site::State::on_task(const Message& message) {
  if (!joined || phase == Phase::finishing) return;
  Task next{message.round, TaskBody::read(message.body), message.body, message.payload};
  // Old ones, late: done with, or never to be asked for again.
  if (next.round < first_round || (task && next.round < task->round)) return;
  if (layout.empty()) {
    if (!held || next.round >= held->round) held = std::move(next);
    return;
  }
  if (task && next.round == task->round && next.body.model.id == task->body.model.id &&
      next.body.asks_the_same(task->body))
    return repeat(std::move(next));
  start(std::move(next));
}

void Site::State::repeat(Task again) {
  const bool new_attempt = again.body.attempt != task->body.attempt;
  if (phase == Phase::failed && new_attempt) return start(std::move(again));
  *task = std::move(again);
  if (phase == Phase::failed) {
    send_failure();
  } else if (phase == Phase::announced || phase == Phase::accepted || phase == Phase::refused) {
    announce();
  } else if (phase == Phase::idle) {
    start(*std::exchange(task, std::nullopt));
  }
}

void Site::State::start(Task next) {
  supersede();
  task = std::move(next);
  task_came = now;
  failure.clear();
  reason.clear();
  step = steps = 0;
  const auto refusal = options.policy ? options.policy(task->raw) : std::nullopt;
  record_task(refusal);
  if (refusal) {
    return fail("policy", "the site's policy refuses it (" + refusal->rule + "): " + refusal->text);
  }
  if (noises_sums() && !is_secure())
    return fail("privacy", "noise of a sum is asked for, and no secure aggregation to sum under");
  // An update that owes its noise must not leave for a task that does not ask for any.
  if (stored && stored->run == run && stored->round == task->round &&
      stored->model == task->body.model.id.digest && stored->owes_noise == noises_sums()) {
    return announce();
  }
  log(Level::info,
      "round " + std::to_string(task->round) + " of " + std::to_string(task->body.rounds));
  phase = Phase::pulling;
  want_model(task->body.model.id, task->inline_model);
}

void Site::State::supersede() {
  if (pulling) act(at_site::CancelPull{});
  pulling = false;
  pull_again.reset();
  if (training != 0 && training == job) act(at_site::AbortTraining{training});
  job = 0;
  charge.reset();
  storing.reset();
  release_at.reset();
  secure_job = 0;
}

void Site::State::want_model(const BlobId& id, const Bytes& inline_bytes) {
  if (!model || model_id != id) {
    model.reset();
    model_id = id;
    pulls = 0;
    if (inline_bytes.empty()) return pull();
    if (!matches(id, inline_bytes)) return give_up_model("its bytes are not those it announces");
    model = inline_bytes;
  }
  model_is_here();
}

void Site::State::pull() {
  pulling = true;
  pull_again.reset();
  pull_moved = now;
  std::uint64_t of_round = kNetworkRound;
  if (phase == Phase::finishing)
    of_round = final_round;
  else if (phase != Phase::fetching)
    of_round = task->round;
  act(at_site::Pull{of_round, model_id});
}

void Site::State::model_is_here() {
  if (phase == Phase::fetching) return prepare(*std::exchange(model, std::nullopt));
  if (phase == Phase::finishing) return continue_final();
  reserve();
}

void Site::State::give_up_model(const std::string& why) {
  if (phase == Phase::fetching)
    return cannot_take_part("the run's network could not be had: " + why);
  if (phase == Phase::finishing) return end_final("the final model could not be had: " + why);
  fail("model", "the model could not be had: " + why);
}

void Site::State::on(const at_site::ModelReady& event) {
  if (!pulling || event.blob != model_id) return;
  pulling = false;
  heard = now;
  model = event.bytes;
  model_is_here();
}

void Site::State::on(const at_site::ModelFailed& event) {
  if (!pulling || event.blob != model_id) return;
  pulling = false;
  if (++pulls >= options.model_attempts) return give_up_model(event.reason);
  log(Level::warning, "fetching it again: " + event.reason);
  pull_again =
      now + std::min(options.result_after * std::pow(2.0, pulls - 1), options.result_at_most);
}

void Site::State::on(const at_site::ModelProgress& event) {
  if (!pulling || event.blob != model_id) return;
  pull_moved = heard = now;
}

std::uint64_t Site::State::charge_attempt() const {
  return output_round == task->round ? output_attempt + 1 : 1;
}

void Site::State::reserve() {
  if (training != 0) {
    log(Level::info, "waiting for the training that was given up to end");
    return;
  }
  if (!asks_privacy() || noises_sums()) return train();
  phase = Phase::reserving;
  job = ++jobs;
  act(at_site::Reserve{job, train_task(), charge_attempt()});
}

void Site::State::on(const at_site::Reserved& event) {
  if (job == 0 || event.job != job || phase != Phase::reserving) return;
  charge = event;
  if (!std::isfinite(event.epsilon)) unpromised = true;
  train();
}

void Site::State::on(const at_site::ReservationRefused& event) {
  if (job == 0 || event.job != job || phase != Phase::reserving) return;
  job = 0;
  fail("budget", event.reason);
}

void Site::State::train() {
  phase = Phase::training;
  job = training = ++jobs;
  act(at_site::Train{job, train_task(), *model,
                     task->body.evaluate && (!withholds() || releases_metrics())});
}

void Site::State::on(const at_site::TrainProgress& event) {
  if (job == 0 || event.job != job) return;
  step = event.step;
  steps = event.steps;
}

void Site::State::trainer_free(std::uint64_t reported) {
  if (training == 0 || reported != training) return;
  training = 0;
  if (reported == job) return;  // its own report goes on with it
  if (phase == Phase::finishing) return continue_final();
  if (phase == Phase::pulling && model && !pulling && !pull_again) reserve();
}

void Site::State::on(const at_site::Trained& event) {
  trainer_free(event.job);
  if (event.job != job || phase != Phase::training) return;
  job = 0;
  if (!event.update) return fail("training", "the trainer gave no update");
  const TrainResult& result = event.result;
  ResultBody body{.attempt = task->body.attempt,
                  .model = task->body.model.id.digest,
                  .steps = result.steps,
                  .weight = result.weight,
                  .loss = {},
                  .metrics = {},
                  .note = {},
                  .epsilon = {},
                  .lifetime = {},
                  .delta = {},
                  .ledger = {},
                  .recorded = event.recorded,
                  .update = {event.update->id, false}};
  if (!withholds() || releases_metrics()) {
    std::copy_if(result.metrics.begin(), result.metrics.end(), std::back_inserter(body.metrics),
                 [](const Metric& metric) { return std::isfinite(metric.value); });
  }
  if (!withholds()) {
    if (std::isfinite(result.loss)) body.loss = result.loss;
    body.note = result.note;
  }
  if (!result.note.empty()) log(Level::info, result.note);
  state_charge(body);
  const std::uint64_t attempt = charge_attempt();
  storing = StoredResult{run,          task->round,  attempt,      task->body.model.id.digest,
                         body.write(), event.update, noises_sums()};
  output_round = task->round;
  output_attempt = attempt;
  if (storing->owes_noise) {  // kept in memory alone, and trained again after a restart
    stored = std::exchange(storing, std::nullopt);
    return release();
  }
  phase = Phase::storing;
  job = ++jobs;
  act(at_site::Persist{job, *storing, charge.has_value()});
}

void Site::State::state_charge(ResultBody& body) const {
  if (!charge) return;
  body.epsilon = charge->epsilon;
  body.delta = charge->delta;
  body.lifetime = charge->lifetime;
  body.ledger = charge->ledger;
}

void Site::State::on(const at_site::TrainFailed& event) {
  const bool ours = event.job == job;
  trainer_free(event.job);
  if (!ours) return;
  job = 0;
  if (phase == Phase::finishing)
    return end_final("the final model could not be evaluated: " + event.reason);
  if (phase != Phase::training) return;
  fail("training", withholds() ? "training failed; the site's own log says why" : event.reason,
       event.reason);
}

void Site::State::on(const at_site::Persisted& event) {
  if (job == 0 || event.job != job || phase != Phase::storing) return;
  job = 0;
  stored = std::exchange(storing, std::nullopt);
  release();
}

void Site::State::release() {
  if (!withholds() || !(options.release_every > 0)) return announce();
  const double waited = std::ceil((now - task_came) / options.release_every);
  release_at = task_came + std::max(waited, 1.0) * options.release_every;
}

void Site::State::on(const at_site::PersistFailed& event) {
  if (job == 0 || event.job != job || phase != Phase::storing) return;
  job = 0;
  storing.reset();
  fail("storage", "the result could not be stored: " + event.reason);
}

void Site::State::fail(const std::string& code, const std::string& text,
                       const std::string& own_text) {
  phase = Phase::failed;
  failure = code;
  reason = text;
  if (code != "policy")  // that stands there, with its rule
    record("failed", {{"round", std::to_string(task->round)},
                      {"attempt", std::to_string(task->body.attempt)},
                      {"code", code},
                      {"reason", text}});
  log(Level::error,
      "round " + std::to_string(task->round) + " failed: " + (own_text.empty() ? text : own_text));
  send_failure();
}

void Site::State::send_failure() {
  send(Kind::failed, task->round, ++requests,
       ReasonBody{.code = failure, .reason = reason, .attempt = task->body.attempt}.write());
}

void Site::State::announce() {
  release_at.reset();
  if (is_secure()) return advertise();
  const bool is_inline = stored->update->id.size <= options.inline_limit;
  Settings body = stored->body;
  body.set("attempt", static_cast<std::int64_t>(task->body.attempt));
  body.set("update", BlobNote{stored->update->id, is_inline}.write());
  if (options.signing) {
    const std::string claim =
        contribution_statement(run, options.name, stored->round, ResultBody::read(body));
    body.set("signature", to_hex(sign_text(*options.signing, claim)));
  }
  if (phase != Phase::announced) {
    record_result(body);
    if (!is_inline) act(at_site::Serve{stored->update, stored->round});
    phase = Phase::announced;
    result_delay = options.result_after;
  }
  result_sent = now;
  send(Kind::result, stored->round, ++requests, std::move(body),
       is_inline ? stored->update->bytes : Bytes{});
}

void Site::State::on_answer(const Message& message) {
  if (phase != Phase::announced || message.round != stored->round) return;
  const ReasonBody body = ReasonBody::read(message.body);
  if (body.update && *body.update != announced()) return;
  if (!record_answer(message, body)) return;
  const std::string name = "the result of round " + std::to_string(message.round);
  if (message.kind == Kind::accepted) {
    phase = Phase::accepted;
    log(Level::info, name + " counts");
  } else {
    phase = Phase::refused;
    reason = body.reason;
    log(Level::warning, name + " does not count (" + body.code + "): " + body.reason);
  }
}

void Site::State::check_work() {
  if (pulling && now - pull_moved >= options.pull_stall) {
    on(at_site::ModelFailed{
        model_id,
        "nothing came for " + std::to_string(static_cast<long>(options.pull_stall)) + " s"});
  }
  if (pull_again && now >= *pull_again) pull();
  if (release_at && now >= *release_at) announce();
  if (phase == Phase::announced && joined && now - result_sent >= result_delay) {
    result_delay = std::min(2 * result_delay, options.result_at_most);
    announce();
  }
  if (phase == Phase::finishing && now - final_since >= options.final_wait) {
    end_final("the final model could not be had in time");
  }
}

bool Site::State::busy() const {
  return phase == Phase::pulling || phase == Phase::reserving || phase == Phase::training ||
         phase == Phase::storing || phase == Phase::announced;
}

bool Site::State::asks_privacy() const {
  return !task->body.instructions.privacy.keys().empty() ||
         !task->body.instructions.mechanism.keys().empty();
}

bool Site::State::noises_sums() const {
  return task->body.instructions.privacy.text("where", "site") == "sum";
}

bool Site::State::withholds() const {
  const Instructions& asked = task ? task->body.instructions : welcome.instructions;
  return !asked.privacy.keys().empty() || !asked.secure_aggregation.keys().empty() ||
         (!asked.mechanism.keys().empty() && !unpromised);
}

bool Site::State::releases_metrics() const {
  const std::int64_t every = task->body.instructions.privacy.integer("metrics_every", 0);
  return every > 0 && (task->round - 1) % static_cast<std::uint64_t>(every) == 0;
}

TrainTask Site::State::train_task() const {
  const Instructions& asked = task ? task->body.instructions : welcome.instructions;
  return {.run = to_hex(run),
          .round = phase == Phase::finishing ? final_round : task->round,
          .rounds = task ? task->body.rounds : welcome.rounds,
          .site = options.name,
          .seed = task ? task->body.seed : 0,
          .network = asked.network,
          .training = asked.training,
          .privacy = asked.privacy,
          .mechanism = asked.mechanism};
}

}  // namespace collegium
