// Real sockets on loopback: who gets in, and what happens to bytes that are not messages.
#include <gmock/gmock.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <zmq.hpp>

#include "collegium/error.h"
#include "transport/coordinator_socket.h"
#include "transport/endless_group.h"
#include "transport/site_socket.h"

namespace collegium {
namespace {

using namespace std::chrono_literals;

// A coordinator's socket, its keys, and the two sites that it knows.
class Sockets : public testing::Test {
 protected:
  Sockets() {
    Roster roster;
    roster.add(guys_.public_half());
    roster.add(kings_.public_half());
    coordinator_ = std::make_unique<CoordinatorSocket>(CoordinatorSocket::Options{
        .address = "tcp://127.0.0.1:*", .key = server_, .roster = roster});
  }

  std::unique_ptr<SiteSocket> site(const KeyPair& key) { return site(key, server_.public_half()); }
  std::unique_ptr<SiteSocket> site(const KeyPair& key, const PublicKey& server) {
    return std::make_unique<SiteSocket>(
        SiteSocket::Options{.address = coordinator_->address(), .key = key, .server_key = server});
  }

  // Waits on the coordinator's sockets (and on `others`) until `done`, five seconds at most.
  bool until(const std::function<bool()>& done, SiteSocket* other = nullptr) {
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < end) {
      coordinator_->serve_admissions();
      while (auto received = coordinator_->receive()) received_.push_back(std::move(*received));
      if (other) {
        while (auto line = other->line_event()) lines_.push_back(*line);
        while (auto message = other->receive()) answers_.push_back(std::move(*message));
      }
      if (done()) return true;
      std::vector<zmq_pollitem_t> items;
      for (const auto& item : coordinator_->poll_items()) items.push_back(item);
      if (other)
        for (const auto& item : other->poll_items()) items.push_back(item);
      zmq_poll(items.data(), static_cast<int>(items.size()), 200);
    }
    return false;
  }

  static Message ping(std::uint64_t request = 0) {
    Message message;
    message.kind = Kind::pong;
    message.request = request;
    return message;
  }

  const KeyPair server_ = KeyPair::generate("server");
  const KeyPair guys_ = KeyPair::generate("guys");
  const KeyPair kings_ = KeyPair::generate("kings");
  std::unique_ptr<CoordinatorSocket> coordinator_;
  std::vector<CoordinatorSocket::Received> received_;
  std::vector<Message> answers_;
  std::vector<SiteSocket::Line> lines_;
};

TEST_F(Sockets, ARegisteredSiteIsHeardUnderTheNameOfItsKey) {
  auto guys = site(guys_);
  Message message = ping(7);
  message.body.set("site", "kings");  // what a message claims is not looked at
  ASSERT_TRUE(guys->send(message));
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  EXPECT_EQ(received_[0].site, "guys");
  EXPECT_EQ(received_[0].message.request, 7u);
}

TEST_F(Sockets, AnswersReachTheSiteTheyAreFor) {
  auto guys = site(guys_);
  auto kings = site(kings_);
  guys->send(ping());
  kings->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  Message answer;
  answer.kind = Kind::chunk;
  answer.payload = Bytes::owning(std::vector<std::uint8_t>(kMaxPayload, 5));
  EXPECT_EQ(coordinator_->send("kings", answer), CoordinatorSocket::Sent::yes);
  ASSERT_TRUE(until([&] { return !answers_.empty(); }, kings.get()));
  EXPECT_EQ(answers_[0].payload.size(), kMaxPayload);
  EXPECT_FALSE(guys->receive());
}

TEST_F(Sockets, AStrangersKeyIsRefusedAndTheStrangerLearnsIt) {
  auto stranger = site(KeyPair::generate("guys"));  // the right name, another key
  stranger->send(ping());
  ASSERT_TRUE(until([&] { return !lines_.empty(); }, stranger.get()));
  EXPECT_EQ(lines_[0], SiteSocket::Line::refused);
  EXPECT_TRUE(received_.empty());
  EXPECT_GE(coordinator_->dropped().at("key is not in the roster"), 1u);
}

TEST_F(Sockets, AKeyThatIsTakenOutOfTheRosterCountsNoMoreOnAnOpenLine) {
  auto guys = site(guys_);
  auto kings = site(kings_);
  guys->send(ping());
  kings->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  Roster roster;
  roster.add(kings_.public_half());
  coordinator_->admit(roster);
  EXPECT_THAT(coordinator_->lost(), testing::ElementsAre("guys"));
  EXPECT_EQ(coordinator_->send("guys", ping()), CoordinatorSocket::Sent::unreachable);
  guys->send(ping());
  kings->send(ping());
  const auto count = [&] {
    const auto dropped = coordinator_->dropped().find("sender is not in the roster");
    return dropped == coordinator_->dropped().end() ? 0u : dropped->second;
  };
  ASSERT_TRUE(until([&] { return count() == 1 && received_.size() == 3; }));
  EXPECT_EQ(received_.back().site, "kings");
}

// A new key under the old name: who comes with the old one is somebody else.
TEST_F(Sockets, ASiteThatChangesItsKeyIsHeardUnderBothUntilTheOldOneIsGone) {
  const KeyPair next = KeyPair::generate("guys");
  PublicKey leaving = guys_.public_half();
  leaving.expires = "2027-01-31";
  Roster both, one;
  both.add(leaving);
  both.add(next.public_half());
  one.add(next.public_half());
  coordinator_->admit(both);
  auto old_line = site(guys_);
  auto new_line = site(next);
  old_line->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 1; }));
  new_line->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  EXPECT_EQ(received_[0].site, "guys");
  EXPECT_EQ(received_[1].site, "guys");
  coordinator_->admit(one);
  old_line->send(ping());
  ASSERT_TRUE(
      until([&] { return coordinator_->dropped().contains("sender is not in the roster"); }));
  EXPECT_EQ(received_.size(), 2u);
}

TEST_F(Sockets, ASiteThatSpeaksAsACoordinatorIsNotHeard) {
  auto guys = site(guys_);
  for (const Kind kind : {Kind::welcome, Kind::refuse, Kind::task, Kind::accepted, Kind::rejected,
                          Kind::ping, Kind::finished, Kind::secure}) {
    Message message = ping();
    message.kind = kind;
    guys->send(message);
  }
  guys->send(ping(9));
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  EXPECT_EQ(received_[0].message.request, 9u);
  EXPECT_EQ(coordinator_->dropped().at("a site speaks as a coordinator"), 8u);
}

TEST_F(Sockets, ASiteDoesNotTalkToAnotherCoordinator) {
  auto guys = site(guys_, KeyPair::generate("server").public_half());
  guys->send(ping());
  EXPECT_TRUE(until([&] { return !lines_.empty(); }, guys.get()));
  EXPECT_EQ(lines_[0], SiteSocket::Line::failed);
  EXPECT_TRUE(received_.empty());
}

TEST_F(Sockets, TheEndOfAConnectionIsHeardAtOnceUnlessTheSiteIsBack) {
  auto guys = site(guys_);
  auto kings = site(kings_);
  guys->send(ping());
  kings->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  std::vector<std::string> lost = coordinator_->lost();
  EXPECT_TRUE(lost.empty());
  kings.reset();
  ASSERT_TRUE(until([&] { return !(lost = coordinator_->lost()).empty(); }));
  EXPECT_THAT(lost, testing::ElementsAre("kings"));
  kings = site(kings_);
  kings->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 3; }));
  guys = site(guys_);
  guys->send(ping());
  ASSERT_TRUE(until([&] { return received_.size() == 4; }));
  EXPECT_TRUE(coordinator_->lost().empty());
}

// ZeroMQ hands over whole groups alone, so nobody who reads the socket would ever see this one.
TEST_F(Sockets, AGroupOfFramesWithoutEndEndsItsConnectionAndNoOther) {
  Roster roster;
  roster.add(guys_.public_half());
  roster.add(kings_.public_half());
  coordinator_ = std::make_unique<CoordinatorSocket>(CoordinatorSocket::Options{
      .address = "tcp://127.0.0.1:*", .insecure = true, .roster = roster, .most_unread = 8 << 20});
  SiteSocket kings({.address = coordinator_->address(), .insecure = true, .name = "kings"});
  kings.send(ping(1));
  ASSERT_TRUE(until([&] { return received_.size() == 1; }));

  const EndlessGroup guys(coordinator_->address(), "guys");
  double now = 0;  // time passes quickly here: every turn looks at the connections
  ASSERT_TRUE(until([&] {
    coordinator_->end_floods(now += 1);
    return guys.cut_off();
  }));
  EXPECT_EQ(coordinator_->dropped().at("a group of frames without end"), 1u);
  kings.send(ping(2));
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  EXPECT_EQ(received_[1].site, "kings");
}

TEST_F(Sockets, AConnectionWithoutEncryptionIsNotHeard) {
  zmq::context_t context;
  zmq::socket_t plain(context, zmq::socket_type::dealer);
  plain.set(zmq::sockopt::linger, 0);
  plain.connect(coordinator_->address());
  const auto frame = encode(ping());
  plain.send(zmq::buffer(frame), zmq::send_flags::none);
  auto guys = site(guys_);
  guys->send(ping(1));
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  std::this_thread::sleep_for(100ms);  // the plain bytes have had their time
  until([] { return true; });
  EXPECT_EQ(received_.size(), 1u);
}

TEST_F(Sockets, ASiteThatComesBackTakesItsPlaceAgain) {
  auto first = site(guys_);
  first->send(ping(1));
  ASSERT_TRUE(until([&] { return received_.size() == 1; }));
  first.reset();
  auto second = site(guys_);
  second->send(ping(2));
  ASSERT_TRUE(until([&] { return received_.size() == 2; }));
  EXPECT_EQ(coordinator_->send("guys", ping(3)), CoordinatorSocket::Sent::yes);
  ASSERT_TRUE(until([&] { return !answers_.empty(); }, second.get()));
  EXPECT_EQ(answers_[0].request, 3u);
}

TEST_F(Sockets, NobodyAtTheOtherEndIsNoticed) {
  EXPECT_EQ(coordinator_->send("guys", ping()), CoordinatorSocket::Sent::unreachable);
  auto guys = site(guys_);
  guys->send(ping());
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  guys.reset();
  EXPECT_TRUE(until(
      [&] { return coordinator_->send("guys", ping()) == CoordinatorSocket::Sent::unreachable; }));
}

TEST_F(Sockets, ASlowReaderCostsBoundedMemory) {
  auto guys = site(guys_);
  guys->send(ping());
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  Message chunk;
  chunk.kind = Kind::chunk;
  chunk.payload = Bytes::owning(std::vector<std::uint8_t>(kMaxPayload));
  int sent = 0;
  while (sent < 2000 && coordinator_->send("guys", chunk) == CoordinatorSocket::Sent::yes) ++sent;
  EXPECT_LT(sent, 2000) << "the queue to a site that does not read is bounded";
  EXPECT_EQ(coordinator_->dropped().at("queue to a site is full"), 1u);
}

// A registered site whose program sends whatever it likes.
class RawSite {
 public:
  RawSite(const std::string& address, const KeyPair& key, const KeyPair& server)
      : socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::curve_serverkey, server.public_key);
    socket_.set(zmq::sockopt::curve_publickey, key.public_key);
    socket_.set(zmq::sockopt::curve_secretkey, key.secret_key);
    socket_.connect(address);
  }
  void send(const std::vector<std::vector<std::uint8_t>>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      socket_.send(zmq::buffer(frames[i]),
                   i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

TEST_F(Sockets, BadBytesAreDroppedAndCountedByReasonAndTheNextMessageIsHeard) {
  RawSite raw(coordinator_->address(), guys_, server_);
  const std::vector<std::uint8_t> good = encode(ping(9));
  auto wrong_magic = good;
  wrong_magic[0] = 'X';
  auto wrong_version = good;
  wrong_version[4] = 99;
  Message with_body = ping();
  with_body.body.set("a", 1);
  auto wrong_body = encode(with_body);
  wrong_body.back() = '=';
  raw.send({{1, 2, 3}});
  raw.send({{}});
  raw.send({wrong_magic});
  raw.send({wrong_version});
  raw.send({wrong_body});
  raw.send({good, {1, 2, 3}});                // a payload that the header does not announce
  raw.send({good, {1}, {2}, {3}, {4}, {5}});  // too many frames
  raw.send({good});
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  EXPECT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].message.request, 9u);
  const DropCounts& dropped = coordinator_->dropped();
  EXPECT_EQ(dropped.at("header too short"), 2u);
  EXPECT_EQ(dropped.at("not a Collegium message"), 1u);
  EXPECT_EQ(dropped.at("another protocol version"), 1u);
  EXPECT_EQ(dropped.at("body is not TOML"), 1u);
  EXPECT_EQ(dropped.at("lengths disagree with the frames"), 1u);
  EXPECT_EQ(dropped.at("wrong number of frames"), 1u);
}

TEST_F(Sockets, AFrameAboveTheLimitEndsItsConnectionOnly) {
  RawSite raw(coordinator_->address(), guys_, server_);
  raw.send({std::vector<std::uint8_t>(4 * kMaxPayload)});
  auto kings = site(kings_);
  kings->send(ping(2));
  ASSERT_TRUE(until([&] { return !received_.empty(); }));
  EXPECT_EQ(received_.size(), 1u);
  EXPECT_EQ(received_[0].site, "kings");
}

TEST_F(Sockets, APortInUseIsSaid) {
  Roster roster;
  try {
    CoordinatorSocket second(
        {.address = coordinator_->address(), .key = server_, .roster = roster});
    FAIL() << "two coordinators on one port";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("stop the process that has the port"));
  }
}

TEST_F(Sockets, AnAddressThatIsNoneIsSaid) {
  EXPECT_THROW(CoordinatorSocket({.address = "nonsense", .key = server_, .roster = {}}),
               SystemError);
  EXPECT_THROW(
      SiteSocket({.address = "nonsense", .key = guys_, .server_key = server_.public_half()}),
      ConfigError);
  EXPECT_THROW(CoordinatorSocket({.address = "tcp://127.0.0.1:*"}), ConfigError) << "no key";
}

TEST(InsecureSockets, TakeTheNamesOfTheRosterAtTheirWord) {
  Roster roster;
  roster.add(KeyPair::generate("guys").public_half());
  CoordinatorSocket coordinator(
      {.address = "tcp://127.0.0.1:*", .insecure = true, .roster = roster});
  SiteSocket guys({.address = coordinator.address(), .insecure = true, .name = "guys"});
  SiteSocket stranger({.address = coordinator.address(), .insecure = true, .name = "stranger"});
  guys.send(Message{.kind = Kind::pong});
  stranger.send(Message{.kind = Kind::pong});
  std::vector<std::string> heard;
  bool refused = false;
  const auto end = std::chrono::steady_clock::now() + 5s;
  while ((heard.empty() || !refused) && std::chrono::steady_clock::now() < end) {
    coordinator.serve_admissions();
    while (auto received = coordinator.receive()) heard.push_back(received->site);
    while (auto line = stranger.line_event())
      refused = refused || line == SiteSocket::Line::refused;
    auto items = coordinator.poll_items();
    zmq_poll(items.data(), static_cast<int>(items.size()), 20);
  }
  EXPECT_THAT(heard, testing::ElementsAre("guys"));
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace collegium
