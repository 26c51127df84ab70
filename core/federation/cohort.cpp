#include "federation/cohort.h"

#include <algorithm>

namespace collegium {

void Member::begin_attempt() {
  stage = Stage::away;
  contribution = {};
  contribution.site = name;
  request = 0;
  task_first.reset();
  task_sent.reset();
  update = {};
  received = 0;
  out_before = bytes_out;
  pulls = 0;
  must_announce = pull_open = false;
  masked.reset();
  step_asked.reset();
  keyless = false;
  step = steps = 0;
  if (unable) settle(Stage::failed, "unable", *unable);
}

bool Member::signs(std::string_view text, const Signature& signature) const {
  return std::any_of(signing.begin(), signing.end(),
                     [&](const VerifyKey& key) { return verify_text(key, text, signature); });
}

void Member::settle(Stage to, std::string code, std::string reason) {
  stage = to;
  update = {};
  must_announce = false;
  contribution.code = std::move(code);
  contribution.reason = std::move(reason);
  switch (to) {
    case Stage::accepted:
      contribution.state = Contribution::State::accepted;
      break;
    case Stage::rejected:
      contribution.state = Contribution::State::rejected;
      break;
    case Stage::failed:
      contribution.state = Contribution::State::failed;
      break;
    default:
      contribution.state = Contribution::State::missing;
      break;
  }
}

SiteView Member::view() const {
  using State = SiteView::State;
  SiteView view{.name = name,
                .state = here ? State::ready : State::away,
                .reason = here ? std::string() : absence,
                .last_heard = heard,
                .step = step,
                .steps = steps,
                .bytes_in = bytes_in + (stage == Stage::pulling ? received : 0),
                .bytes_out = bytes_out,
                .software = software};
  switch (stage) {
    case Stage::away:
    case Stage::missing:
    case Stage::not_drawn:
      break;
    case Stage::working:
      view.state = State::working;
      break;
    case Stage::announced:
      view.state = State::announced;
      break;
    case Stage::pulling:
      view.state = State::pulling;
      break;
    case Stage::staged:
    case Stage::accumulating:
      view.state = State::staged;
      break;
    case Stage::accepted:
      view.state = State::accepted;
      break;
    case Stage::rejected:
      view.state = State::rejected;
      break;
    case Stage::failed:
      view.state = State::failed;
      break;
  }
  if (settled() && !contribution.reason.empty()) view.reason = contribution.reason;
  return view;
}

Cohort::Cohort(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Member member;
    member.name = name;
    member.contribution.site = name;
    members_.push_back(std::move(member));
  }
}

Member* Cohort::find(std::string_view name) {
  for (Member& member : members_) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

std::size_t Cohort::count(Member::Stage stage) const {
  return count([stage](const Member& member) { return member.stage == stage; });
}

std::string Cohort::without() const {
  std::string text;
  for (const Member& member : members_) {
    if (!member.settled() || member.stage == Member::Stage::accepted ||
        member.stage == Member::Stage::not_drawn)
      continue;
    text += (text.empty() ? "; without " : ", ") + member.name + " (" + member.contribution.reason +
            ")";
  }
  return text;
}

std::string listed(const std::vector<std::string>& names) {
  if (names.empty()) return "nobody";
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace collegium
