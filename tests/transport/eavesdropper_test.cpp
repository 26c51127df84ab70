// Somebody who sits on the line between a site and the coordinator: reads it, sends it again,
// changes it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "transport/coordinator_socket.h"
#include "transport/site_socket.h"

namespace collegium {
namespace {

using namespace std::chrono_literals;

int port_of(const std::string& address) {
  return std::stoi(address.substr(address.rfind(':') + 1));
}

sockaddr_in on_loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int connected_to(int port) {
  const int line = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = on_loopback(port);
  if (connect(line, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return line;
}

void send_all(int line, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t sent = send(line, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

// Passes one connection on to `port` and keeps what the site said; `change` may change it on its
// way.
class Wiretap {
 public:
  using Change = std::function<void(std::string& piece, std::size_t already)>;

  explicit Wiretap(int port, Change change = {}) : change_(std::move(change)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = on_loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 4) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port for the wiretap");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, port] { pass_on(port); });
  }
  ~Wiretap() {
    done_ = true;
    thread_.join();
    close(listener_);
  }

  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  std::string heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void pass_on(int port) {
    int site = -1, coordinator = -1;
    while (!done_) {
      pollfd watched[] = {{listener_, POLLIN, 0}, {site, POLLIN, 0}, {coordinator, POLLIN, 0}};
      if (poll(watched, 3, 50) <= 0) continue;
      if (watched[0].revents && site < 0) {
        site = accept(listener_, nullptr, nullptr);
        coordinator = connected_to(port);
        continue;
      }
      if (watched[1].revents) {
        std::string piece = read_from(site);
        if (piece.empty()) break;
        const std::lock_guard lock(mutex_);
        if (change_) change_(piece, heard_.size());
        heard_ += piece;
        send_all(coordinator, piece);
      }
      if (watched[2].revents) {
        const std::string piece = read_from(coordinator);
        if (piece.empty()) break;
        send_all(site, piece);
      }
    }
    close(site);
    close(coordinator);
  }

  static std::string read_from(int line) {
    std::string piece(64 * 1024, '\0');
    const ssize_t size = recv(line, piece.data(), piece.size(), 0);
    piece.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return piece;
  }

  int listener_ = -1, port_ = 0;
  Change change_;
  std::atomic<bool> done_ = false;
  std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

const std::string kSecret = "what the line must not tell of a patient";

class Eavesdropper : public testing::Test {
 protected:
  void listen(bool insecure) {
    Roster roster;
    roster.add(guys_.public_half());
    CoordinatorSocket::Options options{.address = "tcp://127.0.0.1:*", .insecure = insecure};
    if (!insecure) options.key = server_;
    options.roster = roster;
    coordinator_ = std::make_unique<CoordinatorSocket>(std::move(options));
    insecure_ = insecure;
  }

  std::unique_ptr<SiteSocket> site_at(const std::string& address) {
    SiteSocket::Options options{.address = address, .insecure = insecure_, .name = "guys"};
    if (!insecure_) {
      options.key = guys_;
      options.server_key = server_.public_half();
    }
    return std::make_unique<SiteSocket>(std::move(options));
  }

  bool hears(std::size_t messages, std::chrono::milliseconds within = 5s) {
    const auto end = std::chrono::steady_clock::now() + within;
    while (received_.size() < messages && std::chrono::steady_clock::now() < end) {
      coordinator_->serve_admissions();
      while (auto received = coordinator_->receive()) received_.push_back(std::move(*received));
      std::vector<zmq_pollitem_t> items;
      for (const auto& item : coordinator_->poll_items()) items.push_back(item);
      zmq_poll(items.data(), static_cast<int>(items.size()), 50);
    }
    return received_.size() >= messages;
  }

  // The secret in the text of the message and in the bytes that it carries.
  static Message secret() {
    Message message;
    message.kind = Kind::chunk;
    message.body.set("note", kSecret);
    std::vector<std::uint8_t> payload;
    while (payload.size() < 60'000) payload.insert(payload.end(), kSecret.begin(), kSecret.end());
    message.payload = Bytes::owning(std::move(payload));
    return message;
  }

  const KeyPair server_ = KeyPair::generate("server");
  const KeyPair guys_ = KeyPair::generate("guys");
  bool insecure_ = false;
  std::unique_ptr<CoordinatorSocket> coordinator_;
  std::vector<CoordinatorSocket::Received> received_;
};

TEST_F(Eavesdropper, ReadsEveryWordOfALineWithoutEncryption) {  // so the tap works
  listen(true);
  Wiretap tap(port_of(coordinator_->address()));
  auto guys = site_at(tap.address());
  ASSERT_TRUE(guys->send(secret()));
  ASSERT_TRUE(hears(1));
  EXPECT_NE(tap.heard().find(kSecret), std::string::npos);
}

TEST_F(Eavesdropper, ReadsNoPieceOfAnEncryptedLine) {
  listen(false);
  Wiretap tap(port_of(coordinator_->address()));
  auto guys = site_at(tap.address());
  ASSERT_TRUE(guys->send(secret()));
  ASSERT_TRUE(hears(1));
  const std::string heard = tap.heard();
  EXPECT_GT(heard.size(), 60'000u);
  for (std::size_t at = 0; at + 8 <= kSecret.size(); ++at)  // by chance once in 10^13 runs
    EXPECT_EQ(heard.find(kSecret.substr(at, 8)), std::string::npos);
}

TEST_F(Eavesdropper, WhoSendsTheSameBytesAgainIsNotHeard) {
  listen(false);
  const int port = port_of(coordinator_->address());
  Wiretap tap(port);
  auto guys = site_at(tap.address());
  ASSERT_TRUE(guys->send(secret()));
  ASSERT_TRUE(hears(1));
  const int again = connected_to(port);
  ASSERT_GE(again, 0);
  send_all(again, tap.heard());
  EXPECT_FALSE(hears(2, 500ms));
  ASSERT_TRUE(guys->send(secret()));  // and costs the site nothing
  EXPECT_TRUE(hears(2));
  close(again);
}

TEST_F(Eavesdropper, WhoChangesOneBitChangesNoMessage) {
  listen(false);
  bool changed = false;
  Wiretap tap(port_of(coordinator_->address()), [&](std::string& piece, std::size_t already) {
    if (changed || already + piece.size() < 30'000) return;  // beyond the handshake
    piece.back() = static_cast<char>(piece.back() ^ 1);
    changed = true;
  });
  auto guys = site_at(tap.address());
  ASSERT_TRUE(guys->send(secret()));
  EXPECT_FALSE(hears(1, 500ms));
  EXPECT_TRUE(changed);
}

}  // namespace
}  // namespace collegium
