// Peers that lie: a registered site that says whatever it likes, a stranger, and a voice that
// speaks to the sites for the coordinator.
#include <limits>

#include "federation/bodies.h"
#include "simulation/processes.h"

namespace collegium::simulated {

bool World::hostile(std::size_t index) const {
  return plan_.is_hostile && index + 1 == sites_.size();
}

void World::start_hostile() {
  const std::size_t index = sites_.size() - 1;
  JoinBody join;
  join.software = "its own";
  Message message;
  message.kind = Kind::join;
  message.body = join.write();
  to_coordinator(index, message);
  now_and_then(4, [this, index] {
    const Message said = hostile_message();
    if (plan_.bug == PlantedBug::believes_the_sender && sites_.size() > 1)
      return tell(at_coordinator::MessageFrom{sites_[random_() % index]->name, said});
    to_coordinator(index, said);
  });
}

// It hears of the round, and sometimes says at once what it has made of it.
void World::hostile_hears(const Message& message) {
  if (message.kind == Kind::task) heard_by_hostile_ = message;
  if (chance(0.3)) to_coordinator(sites_.size() - 1, hostile_message());
}

SharedBlob World::hostile_update() {
  static constexpr float kExtremes[] = {0,      1,
                                        -1e30f, std::numeric_limits<float>::max(),
                                        1e-40f, std::numeric_limits<float>::quiet_NaN(),
                                        7.5f,   std::numeric_limits<float>::infinity()};
  std::vector<float> values(random_() % 8 == 0 ? random_() % 9 : kFloats);
  for (float& value : values) value = kExtremes[random_() % std::size(kExtremes)];
  const SharedBlob update = blob_of(values);
  witness_.values[update->id.digest] = values;
  return update;
}

Message World::hostile_message() {
  SiteProcess& self = *sites_.back();
  static constexpr double kNumbers[] = {
      1, 0, -3, 1e300, 1e-300, 0.5, std::numeric_limits<double>::infinity(), 7};
  static constexpr Kind kKinds[] = {Kind::result, Kind::result, Kind::result,   Kind::pong,
                                    Kind::pong,   Kind::failed, Kind::join,     Kind::leave,
                                    Kind::task,   Kind::chunk,  Kind::finished, Kind::accepted};
  Message message;
  message.kind = kKinds[random_() % std::size(kKinds)];
  if (random_() % 16 != 0) message.run.fill(7);
  const std::uint64_t heard = heard_by_hostile_.round;
  const std::uint64_t rounds[] = {heard, heard, heard, heard + 1, heard - 1, random_()};
  message.round = rounds[random_() % std::size(rounds)];
  message.request = random_() % 4;
  std::uint64_t attempt = 1;
  Digest model{};
  if (heard > 0) {
    const TaskBody task = TaskBody::read(heard_by_hostile_.body);
    attempt = task.attempt;
    model = task.model.id.digest;
  }
  if (random_() % 8 == 0) attempt = random_();
  if (message.kind == Kind::result) {
    ResultBody body;
    body.attempt = attempt;
    body.model = model;
    body.steps = random_() % 8 == 0 ? -1 : 1 + static_cast<std::int64_t>(random_() % 5);
    body.weight = kNumbers[random_() % std::size(kNumbers)];
    const SharedBlob update = hostile_update();
    const bool is_inline = plan_.is_inline || random_() % 4 == 0;
    body.update = {update->id, is_inline};
    // Somebody else's update, by name; or what does not fit its name.
    if (!witness_.values.empty() && random_() % 8 == 0) {
      auto other = witness_.values.begin();
      std::advance(other, random_() % witness_.values.size());
      body.update.id.digest = other->first;
    }
    if (random_() % 4 != 0) self.serving = update;
    message.body = body.write();
    if (is_inline) message.payload = update->bytes;
  } else if (message.kind == Kind::pong) {
    message.body =
        PongBody{.attempt = attempt, .state = "training", .busy = random_() % 2 == 0}.write();
  } else if (message.kind == Kind::join) {
    JoinBody body;
    body.layout = random_() % 2 == 0 ? "" : "layout";
    if (random_() % 8 == 0) body.protocol = 99;
    message.body = body.write();
  } else {
    message.body = ReasonBody{.code = random_() % 2 == 0 ? "unable" : "anything",
                              .reason = "no reason",
                              .attempt = attempt}
                       .write();
  }
  if (random_() % 4 == 0) {
    if (auto said = mangled(message)) return *said;
  }
  return message;
}

// The transport keeps strangers out; a name that is not of this run comes only from a roster that
// holds others too. It is told so and nothing else.
void World::stranger_talks() {
  Message message = hostile_message();
  if (plan_.bug == PlantedBug::talks_to_strangers)
    return tell(at_coordinator::MessageFrom{sites_.front()->name, message});
  tell(at_coordinator::MessageFrom{"a stranger", message});
}

// What the coordinator said to this site before, with something in it changed: another round, model
// or attempt, no privacy, the end of the run. Under privacy a site keeps what it owes its patients
// whoever speaks.
void World::lie_to(std::size_t index) {
  const std::vector<Message>& told = sites_[index]->told;
  if (told.empty()) return;
  Message message = told[random_() % told.size()];
  if (message.kind == Kind::secure && random_() % 2 == 0) return lie_about_sums(index, message);
  switch (random_() % 5) {
    case 0:
      message.round += random_() % 3 - 1;
      break;
    case 1:
      if (message.kind == Kind::task) {
        const SharedBlob model = blob_of(std::vector<float>(kFloats, static_cast<float>(now_)));
        message.body.set("model", BlobNote{model->id, true}.write());
        message.payload = model->bytes;
      }
      break;
    case 2:
      message.body.set("attempt", static_cast<std::int64_t>(1 + random_() % 4));
      break;
    case 3:
      message.body.set(plan_.is_secure ? "secure_aggregation" : "privacy", Settings{});
      break;
    default:
      if (auto said = mangled(message)) message = *said;
      break;
  }
  deliver(index, message, [this, index](Message arrived) {
    tell(index, at_site::MessageFrom{std::move(arrived)});
  });
}

// Another step, attempt or list of sites than the coordinator asked for.
void World::lie_about_sums(std::size_t index, Message message) {
  std::vector<std::uint8_t> payload(message.payload.view.begin(), message.payload.view.end());
  switch (random_() % 4) {
    case 0:
      message.body.set("step", std::string(name_of(static_cast<secagg::Step>(1 + random_() % 4))));
      break;
    case 1:
      message.body.set("attempt", static_cast<std::int64_t>(1 + random_() % 4));
      break;
    case 2:
      if (payload.size() >= 8)  // of a list of sites: one is missing
        payload.erase(payload.begin() + 4, payload.begin() + 8);
      break;
    default:
      payload.clear();
      break;
  }
  message.payload = Bytes::owning(std::move(payload));
  deliver(index, message, [this, index](Message arrived) {
    tell(index, at_site::MessageFrom{std::move(arrived)});
  });
}

// The last site says again, as its own and as if it belonged to the sum at hand, what it or another
// said in this sum or an earlier one. Its masked update it leaves alone: that is its own to spoil.
void World::repeat_maliciously(const Message& sent) {
  if (sent.kind != Kind::secured && sent.kind != Kind::result) return;
  if (overheard_.size() > 32) overheard_.erase(overheard_.begin());
  overheard_.push_back(sent);
  if (!faulty() || !chance(0.1)) return;
  Message message = overheard_[random_() % overheard_.size()];
  const auto attempt = sent.body.integer("attempt", 1);
  if (message.kind == Kind::secured) {
    const SecureBody body = SecureBody::read(message.body);
    if (body.step == secagg::Step::mask) return;
    if (sent.kind == Kind::secured && random_() % 2 == 0)
      message.body.set("step", sent.body.text("step"));
  }
  message.round = sent.round;
  message.body.set("attempt", attempt);
  if (message.kind == Kind::result) witness_.said.insert({sites_.back()->name, hash_of(message)});
  to_coordinator(sites_.size() - 1, message);
}

}  // namespace collegium::simulated
