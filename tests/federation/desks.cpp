#include "federation/desks.h"

#include <gtest/gtest.h>

#include <cstring>

namespace collegium {

SharedBlob blob_with(std::size_t floats, float value) {
  std::vector<std::uint8_t> bytes(floats * sizeof(float));
  for (std::size_t i = 0; i < floats; ++i)
    std::memcpy(&bytes[i * sizeof(float)], &value, sizeof(float));
  return std::make_shared<const Blob>(Blob::of(Bytes::owning(std::move(bytes))));
}

namespace {

Bytes payload_of(const SharedBlob& blob) {
  return blob->id.size <= kInlineLimit ? blob->bytes : Bytes{};
}

BlobNote note_of(const SharedBlob& blob) { return {blob->id, blob->id.size <= kInlineLimit}; }

}  // namespace

CoordinatorDesk::CoordinatorDesk(std::size_t floats) {
  options.run.fill(3);
  options.name = "desk";
  options.sites = {"guys", "kings", "leeds"};
  options.min_sites = 2;
  options.rounds = 3;
  options.round_deadline = 600;
  options.layout = "layout";
  options.rules.layout_size = floats;
  options.network.set("name", "tiny");
  options.training.set("lr", 0.1);
  model_ = resume.model = blob_with(floats, 0.0f);
}

void CoordinatorDesk::start() {
  if (machine_) return;
  machine_ = std::make_unique<Coordinator>(options, resume);
  give(Started{now});
}

void CoordinatorDesk::give(CoordinatorEvent event) {
  start();
  last = machine_->handle(event);
  history.insert(history.end(), last.begin(), last.end());
}

void CoordinatorDesk::message(const std::string& site, Kind kind, std::uint64_t round,
                              Settings body, Bytes payload) {
  static std::uint64_t requests = 0;
  give(at_coordinator::MessageFrom{
      site, {kind, options.run, round, ++requests, std::move(body), std::move(payload)}});
}

void CoordinatorDesk::join(const std::string& site) {
  message(site, Kind::join, 0, JoinBody{kProtocolVersion, "test", "layout"}.write());
}

void CoordinatorDesk::join_all() {
  for (const std::string& site : options.sites) join(site);
}

void CoordinatorDesk::result(const std::string& site, std::uint64_t round, SharedBlob update,
                             double weight, std::int64_t steps) {
  ResultBody body;
  body.model = model_->id.digest;
  body.steps = steps;
  body.weight = weight;
  body.loss = 0.5;
  body.update = note_of(update);
  message(site, Kind::result, round, body.write(), payload_of(update));
}

void CoordinatorDesk::failed(const std::string& site, std::uint64_t round,
                             const std::string& code) {
  const ReasonBody body{.code = code, .reason = "because", .attempt = machine_->snapshot().attempt};
  message(site, Kind::failed, round, body.write());
}

void CoordinatorDesk::accumulate() {
  const auto jobs = now_of<at_coordinator::Accumulate>();
  for (const auto& job : jobs) {
    give(at_coordinator::Accumulated{job.round, job.attempt, job.site,
                                     check_values(options.rules, job.values)});
  }
}

void CoordinatorDesk::close(std::uint64_t round, float value) {
  const auto attempt = machine_->snapshot().attempt;
  const SharedBlob next = blob_with(options.rules.layout_size, value);
  give(at_coordinator::AggregationDone{round, attempt, next});
  give(at_coordinator::RoundPersisted{round, attempt});
  model_ = next;
}

std::vector<std::string> CoordinatorDesk::told(Kind kind) const {
  std::vector<std::string> names;
  for (const auto& send : now_of<at_coordinator::Send>()) {
    if (send.message.kind == kind) names.push_back(send.site);
  }
  return names;
}

std::optional<Message> CoordinatorDesk::sent(const std::string& site, Kind kind) const {
  for (const auto& send : now_of<at_coordinator::Send>()) {
    if (send.site == site && send.message.kind == kind) return send.message;
  }
  return {};
}

ReasonBody CoordinatorDesk::reason(const std::string& site, Kind kind) const {
  const auto message = sent(site, kind);
  if (!message) {
    ADD_FAILURE() << site << " was not sent " << name_of(kind);
    return {};
  }
  return ReasonBody::read(message->body);
}

Contribution CoordinatorDesk::contribution(const std::string& site) const {
  const auto records = ever<at_coordinator::PersistRound>();
  if (!records.empty()) {
    for (const Contribution& one : records.back().record.contributions) {
      if (one.site == site) return one;
    }
  }
  ADD_FAILURE() << "no record names " << site;
  return {};
}

bool CoordinatorDesk::logged(const std::string& text) const {
  for (const LogEvent& line : ever<LogEvent>()) {
    if (line.text.find(text) != std::string::npos) return true;
  }
  return false;
}

SiteDesk::SiteDesk(std::size_t floats)
    : model(blob_with(floats, 0.0f)), update(blob_with(floats, 1.0f)) {
  options.name = "guys";
  options.layout = "layout";
  run.fill(3);
  instructions.network.set("name", "tiny");
  instructions.training.set("lr", 0.1);
}

void SiteDesk::start() {
  if (machine_) return;
  machine_ = std::make_unique<Site>(options, stored);
  give(Started{now});
}

void SiteDesk::give(SiteEvent event) {
  start();
  last = machine_->handle(event);
  history.insert(history.end(), last.begin(), last.end());
}

void SiteDesk::message(Kind kind, std::uint64_t round, Settings body, Bytes payload,
                       std::uint64_t request) {
  give(at_site::MessageFrom{{kind, run, round, request, std::move(body), std::move(payload)}});
}

void SiteDesk::welcome(std::uint64_t round, const std::string& layout) {
  start();
  std::uint64_t request = 0;
  for (const auto& send : ever<at_site::Send>()) {
    if (send.message.kind == Kind::join) request = send.message.request;
  }
  message(Kind::welcome, round, WelcomeBody{"desk", layout, 3, instructions}.write(), {}, request);
}

void SiteDesk::task(std::uint64_t round, std::uint64_t attempt, bool evaluate) {
  TaskBody body;
  body.attempt = attempt;
  body.rounds = 3;
  body.evaluate = evaluate;
  body.deadline = 600;
  body.model = note_of(model);
  body.instructions = instructions;
  message(Kind::task, round, body.write(round), payload_of(model));
}

void SiteDesk::trained() {
  TrainResult result;
  result.weight = 4;
  result.steps = 4;
  result.loss = 0.25;
  result.metrics = {{"dice_wt", 0.5, 2}};
  result.note = "2 gradients were left out";
  give(at_site::Trained{ever<at_site::Train>().back().job, result, update});
}

void SiteDesk::persisted() { give(at_site::Persisted{ever<at_site::Persist>().back().job}); }

std::optional<Message> SiteDesk::sent(Kind kind) const {
  for (const auto& send : now_of<at_site::Send>()) {
    if (send.message.kind == kind) return send.message;
  }
  return {};
}

std::size_t SiteDesk::times_sent(Kind kind) const {
  std::size_t times = 0;
  for (const auto& send : ever<at_site::Send>()) times += send.message.kind == kind ? 1 : 0;
  return times;
}

}  // namespace collegium
