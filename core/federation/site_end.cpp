// How a site ends: with the final model, by its own wish, or refused.
#include <utility>

#include "federation/site_state.h"

namespace collegium {

using Level = LogEvent::Level;

void Site::State::on(const StopRequested& event) {
  leave("stopped", event.reason);
  stop(Outcome::stopped, event.reason);
}

void Site::State::on_finished(const Message& message) {
  const bool answers_join = join_request != 0 && message.request == join_request;
  if (phase == Phase::finishing || (message.run != run && !answers_join)) return;
  FinishedBody body = FinishedBody::read(message.body);
  heard = now;
  run = message.run;
  joined = true;
  join_request = 0;
  supersede();
  phase = Phase::finishing;
  final_round = message.round;
  final_since = now;
  final_body = std::move(body);
  if (final_body->outcome != name_of(Outcome::finished)) {
    leave("done", "");
    const bool stopped = final_body->outcome == name_of(Outcome::stopped);
    return stop(stopped ? Outcome::stopped : Outcome::failed,
                "the run has ended: " + final_body->reason);
  }
  if (!final_body->model) return end_final("");
  log(Level::info, "the run has finished");
  want_model(final_body->model->id, message.payload);
}

void Site::State::continue_final() {
  if (!model) return;
  if (!final_kept) {
    final_kept = true;
    act(at_site::KeepFinalModel{*model});
    record("final", {{"round", std::to_string(final_round)}, {"model", to_hex(model_id.digest)}});
  }
  if (!final_body->evaluate || layout.empty() || withholds()) return end_final("");
  if (training != 0) return;  // the one that was given up ends first
  job = training = ++jobs;
  act(at_site::Evaluate{job, train_task(), *model});
}

void Site::State::on(const at_site::Evaluated& event) {
  const bool ours = event.job == job;
  trainer_free(event.job);
  if (ours && phase == Phase::finishing) end_final("", event.metrics);
}

void Site::State::end_final(const std::string& why, const std::vector<Metric>& metrics) {
  if (!why.empty()) log(Level::warning, why);
  leave("done", why, metrics);
  stop(Outcome::finished, why);
}

void Site::State::leave(const std::string& code, const std::string& why,
                        const std::vector<Metric>& metrics) {
  if (!joined) return;
  send(Kind::leave, task ? task->round : 0, ++requests,
       ReasonBody{.code = code, .reason = why, .metrics = metrics}.write());
}

void Site::State::stop(Outcome outcome, const std::string& why) {
  supersede();
  phase = Phase::stopped;
  reason = why;
  record("ended", {{"outcome", std::string(name_of(outcome))}, {"reason", why}});
  act(at_site::Stop{outcome, why});
}

}  // namespace collegium
