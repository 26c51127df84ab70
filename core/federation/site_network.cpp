// How a site comes to the network of the run: built in, or captured by somebody and fetched.
#include <utility>

#include "collegium/error.h"
#include "federation/site_state.h"

namespace collegium {

void Site::State::obtain_network() {
  preparing = true;
  std::optional<BlobId> file;
  try {
    file = network_file_of(welcome.instructions.network);
  } catch (const Error& error) {
    return cannot_take_part(error.what());
  }
  if (!file) return prepare({});
  // A built-in network is looked at with the first task; this one costs a transfer, and is built
  // from what somebody else wrote.
  if (options.policy) {
    if (const auto refusal = options.policy(welcome_raw))
      return cannot_take_part("the site's policy refuses it (" + refusal->rule +
                              "): " + refusal->text);
  }
  phase = Phase::fetching;
  model.reset();
  model_id = *file;
  act(at_site::FindNetwork{*file});
}

void Site::State::on(const at_site::NetworkFound& event) {
  if (phase != Phase::fetching || pulling || model || event.blob != model_id) return;
  model = event.bytes;
  model_is_here();
}

void Site::State::on(const at_site::NetworkMissing& event) {
  if (phase != Phase::fetching || pulling || model || event.blob != model_id) return;
  log(LogEvent::Level::info, "fetching the run's network");
  pulls = 0;
  pull();
}

void Site::State::prepare(const Bytes& file) {
  phase = Phase::preparing;
  const Instructions& asked = welcome.instructions;
  act(at_site::Prepare{.run = to_hex(run),
                       .rounds = welcome.rounds,
                       .network = asked.network,
                       .training = asked.training,
                       .privacy = asked.privacy,
                       .mechanism = asked.mechanism,
                       .ledger = welcome.ledger,
                       .file_id = file.empty() ? BlobId{} : model_id,
                       .file = file,
                       .secure_aggregation = asked.secure_aggregation});
}

void Site::State::on(const at_site::Prepared& event) {
  if (!preparing || phase == Phase::fetching) return;
  preparing = false;
  layout = event.layout;
  if (phase == Phase::preparing) phase = Phase::idle;
  require_layout();
  if (phase == Phase::idle && held) start(*std::exchange(held, std::nullopt));
}

void Site::State::on(const at_site::PrepareFailed& event) {
  if (preparing && phase != Phase::fetching) cannot_take_part(event.reason);
}

void Site::State::require_layout() {
  if (layout == welcome.layout) return;
  leave("layout", "its network has the layout " + layout + ", this run's is " + welcome.layout);
  stop(Outcome::refused,
       "the network's layout is " + layout + ", the coordinator's is " + welcome.layout);
}

void Site::State::cannot_take_part(const std::string& why) {
  preparing = false;
  leave("unable", "it cannot take part: " + why);
  stop(Outcome::failed, "this site cannot take part: " + why);
}

}  // namespace collegium
