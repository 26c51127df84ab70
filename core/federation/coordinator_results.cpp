// What sites announce, what becomes of it, and what they are answered.
#include <utility>

#include "collegium/error.h"
#include "federation/coordinator_state.h"
#include "federation/statements.h"

namespace collegium {

using Level = LogEvent::Level;

void Coordinator::State::on_result(Member& member, const Message& message) {
  const bool not_open =
      message.round != round || phase == Phase::starting || phase == Phase::ending;
  if (not_open && message.round > closed_round) return;  // the task, or the end, will be told
  if (not_open) return on_old_result(member, message);

  if (member.stage == Stage::rejected) {
    if (member.contribution.code != "abandoned")
      answer(member, round, message.request, member.contribution);
    return;
  }
  if (member.stage == Stage::not_drawn) {
    return refuse_result(member, message, {},
                         {RefusalCode::not_in_cohort, member.contribution.reason});
  }
  ResultBody body;
  try {
    body = ResultBody::read(message.body);
  } catch (const Error& error) {
    member.request = message.request;
    if (phase == Phase::working && !member.promising()) {
      return reject(member, RefusalCode::malformed,
                    std::string("the result cannot be read: ") + error.what());
    }
    return refuse_result(member, message, {},
                         {RefusalCode::malformed, "the result cannot be read"});
  }
  if (sum && body.attempt != attempt) return;  // keys for another attempt
  if (member.promising()) {
    if (member.contribution.update == body.update.id) {
      member.request = message.request;  // a repeat; the answer comes when the round is written
      if (std::exchange(member.must_announce, false)) advance();
    } else if (sum && phase == Phase::collecting) {
      lost_its_keys(member, "it was started again during the attempt");
    } else if (open() && (member.must_announce || sum)) {
      cancel_pull(member);  // it was lost with the first one, before that was here
      member.must_announce = false;
      member.pulls = 0;
      return announce(member, message, body);
    } else {
      refuse_result(member, message, body.update.id.digest,
                    {RefusalCode::duplicate, "the site gave another result for this round before"});
    }
    return;
  }
  if (phase == Phase::working) return announce(member, message, body);
  if (phase == Phase::persisting && !record.closed)
    return;  // abandoned: the next task asks for it again
  const Refusal late{RefusalCode::late,
                     "the results of round " + std::to_string(round) + " are being collected"};
  if (phase == Phase::collecting) {
    member.contribution.update = body.update.id;
    member.settle(Stage::rejected, std::string(name_of(late.code)), late.text);
  }
  refuse_result(member, message, body.update.id.digest, late);
}

void Coordinator::State::on_old_result(Member& member, const Message& message) {
  ResultBody body;
  try {
    body = ResultBody::read(message.body);
  } catch (const Error&) {
    return refuse_result(member, message, {},
                         {RefusalCode::malformed, "the result cannot be read"});
  }
  const Digest& digest = body.update.id.digest;
  if (message.round == closed_round) {
    for (const Contribution& one : last) {
      // By its hash alone: the size that is stored is that of what came, which may be masked.
      if (one.site == member.name && one.update && one.update->digest == digest) {
        return answer(member, closed_round, message.request, one);
      }
    }
  }
  const auto known = counted.find(message.round);
  if (known != counted.end()) {
    const auto mine = known->second.find(member.name);
    if (mine != known->second.end() && mine->second == digest) {
      return accept(member.name, message.round, message.request, digest);
    }
  } else if (message.round != closed_round || last.empty()) {
    return;  // closed before this process started: whether it counted is not known here
  }
  refuse_result(
      member, message, digest,
      {RefusalCode::late, "round " + std::to_string(message.round) + " is closed without it"});
}

void Coordinator::State::announce(Member& member, const Message& message, const ResultBody& body) {
  Contribution& contribution = member.contribution;
  contribution.weight = body.weight;
  contribution.steps = body.steps;
  contribution.loss = body.loss;
  contribution.metrics = body.metrics;
  contribution.note = body.note;
  contribution.epsilon = body.epsilon;
  contribution.lifetime = body.lifetime;
  contribution.delta = body.delta;
  contribution.ledger = body.ledger;
  remember_ledger(member, body);
  contribution.update = body.update.id;
  contribution.bytes = body.update.id.size;
  contribution.seconds = member.task_first ? now - *member.task_first : 0;
  member.request = message.request;
  if (!member.signing.empty() || options.signers.contains(member.name)) {
    const std::string claim = contribution_statement(options.run, member.name, round, body);
    if (!body.signature || !member.signs(claim, *body.signature)) {
      return reject(member, RefusalCode::bad_signature,
                    body.signature ? "its claim is not signed by the site's key"
                                   : "its claim carries no signature");
    }
    contribution.claim = Signed{claim, *body.signature};
  }
  if (body.model != model->id.digest) {
    return reject(member, RefusalCode::wrong_model,
                  "trained on the model " + to_hex(body.model).substr(0, 16) +
                      ", this round's is " + to_hex(model->id.digest).substr(0, 16));
  }
  const auto refusal =
      sum ? std::nullopt
          : check_claim(options.rules, {body.steps, body.weight, body.update.id.size});
  if (refusal) return reject(member, refusal->code, refusal->text);
  if (sum) {
    try {
      sum->take(number_of(member), message.payload.view);
    } catch (const ProtocolError& error) {
      return reject(member, RefusalCode::malformed, error.what());
    }
    contribution.bytes = 0;
    member.stage = Stage::announced;
    contribution.code.clear();
    contribution.reason.clear();
    return advance();
  }
  if (body.update.is_inline) {
    if (!matches(body.update.id, message.payload)) {
      return reject(member, RefusalCode::corrupted,
                    "the bytes of the update are not those it announces");
    }
    member.update = message.payload;
    member.bytes_in += message.payload.size();
  }
  member.stage = Stage::announced;
  contribution.code.clear();
  contribution.reason.clear();
  advance();
}

// The site's own patients suffer when its ledger forgets; it is told what it has shown before, at
// its next join.
void Coordinator::State::remember_ledger(Member& member, const ResultBody& body) {
  if (!body.ledger) return;
  if (member.ledger && body.ledger->seq < member.ledger->seq) {
    log(Level::warning, member.name,
        "its privacy ledger went back from charge " + std::to_string(member.ledger->seq) + " to " +
            std::to_string(body.ledger->seq) + ": an older copy may have been put back");
    return;
  }
  member.ledger = body.ledger;
}

void Coordinator::State::on_failed(Member& member, const Message& message) {
  const ReasonBody body = ReasonBody::read(message.body);
  if (sum && phase == Phase::collecting && message.round == round && body.attempt == attempt)
    return lost_its_keys(member, body.reason.empty() ? "it gave no reason" : body.reason);
  if (!open() || message.round != round || body.attempt != attempt) return;
  if (member.must_announce)
    cancel_pull(member);
  else if (member.stage != Stage::working && member.stage != Stage::away)
    return;
  const std::string code = body.code.empty() ? "failed" : body.code;
  const std::string reason = body.reason.empty() ? "it gave no reason" : body.reason;
  log(Level::warning, member.name,
      "failed in round " + std::to_string(round) + " (" + code + "): " + reason);
  member.settle(Stage::failed, code, reason);
  advance();
}

Signed Coordinator::State::receipt_for(std::string_view site, std::uint64_t of_round,
                                       const Digest& update) const {
  std::string text = acceptance_statement(options.run, site, of_round, update, recorded);
  const Signature signature = sign_text(*options.signing, text);
  return {std::move(text), signature};
}

void Coordinator::State::accept(std::string_view site, std::uint64_t of_round,
                                std::uint64_t request, const Digest& update) {
  ReasonBody body{.update = update};
  if (options.signing) {
    body.recorded = recorded;
    body.signature = receipt_for(site, of_round, update).signature;
  }
  send(site, Kind::accepted, of_round, request, body.write());
}

void Coordinator::State::answer(const Member& member, std::uint64_t of_round, std::uint64_t request,
                                const Contribution& contribution) {
  if (contribution.state == Contribution::State::accepted)
    return accept(member.name, of_round, request, contribution.update->digest);
  ReasonBody body{.code = contribution.code, .reason = contribution.reason};
  if (contribution.update) body.update = contribution.update->digest;
  send(member.name, Kind::rejected, of_round, request, body.write());
}

void Coordinator::State::refuse_result(const Member& member, const Message& message,
                                       std::optional<Digest> update, const Refusal& refusal) {
  log(Level::warning, member.name,
      "its result for round " + std::to_string(message.round) + " was refused (" +
          std::string(name_of(refusal.code)) + "): " + refusal.text);
  send(member.name, Kind::rejected, message.round, message.request,
       ReasonBody{
           .code = std::string(name_of(refusal.code)), .reason = refusal.text, .update = update}
           .write());
}

}  // namespace collegium
