// What a site writes into its signed log.
#include <utility>

#include "federation/site_state.h"
#include "federation/statements.h"

namespace collegium {

void Site::State::record(std::string kind, std::map<std::string, std::string> fields) {
  if (!options.signing) return;
  fields.emplace("run", to_hex(run));
  act(at_site::Log{{std::move(kind), std::move(fields)}});
}

void Site::State::record_welcome() {
  const auto& key = coordinator_key();
  record("joined", {{"name", welcome.name},
                    {"coordinator", key ? to_hex(*key) : ""},
                    {"settings", to_hex(welcome.instructions.hash())},
                    {"rounds", std::to_string(welcome.rounds)},
                    {"policy", options.policy_hash}});
}

void Site::State::record_task(const std::optional<PolicyRefusal>& refusal) {
  record("task", {{"round", std::to_string(task->round)},
                  {"attempt", std::to_string(task->body.attempt)},
                  {"model", to_hex(task->body.model.id.digest)},
                  {"settings", to_hex(task->body.instructions.hash())},
                  {"refused", refusal ? refusal->rule : ""},
                  {"reason", refusal ? refusal->text : ""}});
}

void Site::State::record_result(const Settings& body) {
  const ResultBody result = ResultBody::read(body);
  if (!result.signature) return;
  record("result", {{"round", std::to_string(stored->round)},
                    {"claim", contribution_statement(run, options.name, stored->round, result)},
                    {"claim_signature", to_hex(*result.signature)}});
}

bool Site::State::record_answer(const Message& message, const ReasonBody& body) {
  const std::string round = std::to_string(message.round);
  const std::string update = to_hex(announced());
  if (message.kind != Kind::accepted) {
    record("rejected",
           {{"round", round}, {"update", update}, {"code", body.code}, {"reason", body.reason}});
    return true;
  }
  const auto& key = coordinator_key();
  if (!key) return true;
  const std::string receipt =
      acceptance_statement(run, options.name, message.round, announced(), body.recorded);
  if (!body.signature || !verify_text(*key, receipt, *body.signature)) {
    log(LogEvent::Level::warning, "the coordinator's answer for round " + round +
                                      " is not signed by its key, and does not count");
    return false;
  }
  record("accepted", {{"round", round},
                      {"update", update},
                      {"receipt", receipt},
                      {"receipt_signature", to_hex(*body.signature)},
                      {"coordinator", to_hex(*key)}});
  return true;
}

}  // namespace collegium
