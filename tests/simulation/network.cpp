// The simulated network: every site has a line to the coordinator.
#include "simulation/processes.h"

namespace collegium::simulated {

bool World::silent(std::size_t index) const { return now_ < sites_[index]->silent_until; }

void World::deliver(std::size_t index, const Message& message,
                    std::function<void(Message)> arrive) {
  Message sent = message;
  if (plan_.over_the_wire) {
    auto decoded = decode(encode(message), message.payload);
    if (!std::holds_alternative<Message>(decoded)) {
      return witness_.breach("a message does not survive the wire: " +
                             std::string(name_of(message.kind)));
    }
    sent = std::get<Message>(std::move(decoded));
  }
  if (silent(index)) return;
  if (faulty() && chance(plan_.mangle)) {
    // Whatever the bytes still say: the box that they came in does not open, and the line ends.
    const std::optional<Message> said = mangled(sent);
    if (plan_.bug != PlantedBug::opens_what_is_broken) return cut_line(index);
    if (!said) return;
    sent = *said;
  }
  const int copies = faulty() ? (chance(plan_.drop) ? 0 : chance(plan_.repeat) ? 2 : 1) : 1;
  for (int i = 0; i < copies; ++i) {
    const double delay = faulty() && chance(plan_.slow) ? seconds(15) : 0.005 + seconds(0.02);
    later(delay, [this, index, arrive, sent, line = sites_[index]->line] {
      if (line == sites_[index]->line && !silent(index)) arrive(sent);
    });
  }
}

void World::to_site(const std::string& site, const Message& message) {
  const std::size_t index = index_of(site);
  deliver(index, message, [this, index](Message arrived) {
    if (hostile(index)) return hostile_hears(arrived);
    tell(index, at_site::MessageFrom{std::move(arrived)});
  });
}

void World::to_coordinator(std::size_t index, const Message& message) {
  deliver(index, message, [this, index](Message arrived) {
    tell(at_coordinator::MessageFrom{sites_[index]->name, std::move(arrived)});
  });
}

// What was on its way is lost; both ends notice, each in its time.
void World::cut_line(std::size_t index) {
  trace("the line of " + sites_[index]->name + " is cut");
  ++sites_[index]->line;
  later(seconds(1), [this, index] {
    tell(at_coordinator::PeerLost{sites_[index]->name, "the connection was lost"});
  });
  later(seconds(2), [this, index] { tell(index, at_site::LineRestored{}); });
}

// Nothing comes through, and nobody is told, for seconds or minutes.
void World::partition(std::size_t index) {
  sites_[index]->silent_until = now_ + seconds(60);
  trace("the line of " + sites_[index]->name + " is silent until " +
        std::to_string(sites_[index]->silent_until));
}

// A process that its machine suspends hears everything later, at once.
void World::freeze_one() {
  const std::size_t one = random_() % (sites_.size() + 1);
  double& until = one < sites_.size() ? sites_[one]->frozen_until : coordinator_->frozen_until;
  until = now_ + seconds(40);
  trace((one < sites_.size() ? sites_[one]->name : "coordinator") + " stands still until " +
        std::to_string(until));
}

std::optional<Message> World::mangled(const Message& message) {
  std::vector<std::uint8_t> head = encode(message);
  std::vector<std::uint8_t> payload(message.payload.view.begin(), message.payload.view.end());
  for (std::uint64_t changes = 1 + random_() % 4; changes > 0; --changes) {
    std::vector<std::uint8_t>& bytes = payload.empty() || random_() % 2 == 0 ? head : payload;
    if (bytes.empty()) continue;
    const std::size_t at = random_() % bytes.size();
    if (random_() % 4 == 0)
      bytes.resize(at);
    else
      bytes[at] = static_cast<std::uint8_t>(random_() % 2 == 0 ? random_() : bytes[at] ^ 1u);
  }
  auto decoded = decode(head, Bytes::owning(std::move(payload)));
  if (auto* said = std::get_if<Message>(&decoded)) return std::move(*said);
  return std::nullopt;
}

}  // namespace collegium::simulated
