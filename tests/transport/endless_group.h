#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace collegium {

// A peer that speaks ZMTP 3.0 (RFC 23) with the PLAIN mechanism and then sends frames of one group
// without end. The library's own sockets would hold the group back until it is whole.
class EndlessGroup {
 public:
  EndlessGroup(const std::string& address, const std::string& name)
      : port_(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1))),
        thread_([this, name] { run(name); }) {}
  ~EndlessGroup() { thread_.join(); }

  bool cut_off() const { return cut_off_; }  // the other end has closed the connection

 private:
  static constexpr std::size_t kFrame = 64 * 1024, kMost = 4096;  // 256 MiB, then it gives up

  bool send(const std::string& bytes) {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  void receive(std::size_t size) {
    std::vector<char> bytes(size);
    (void)!::recv(socket_, bytes.data(), size, MSG_WAITALL);
  }
  static std::string command(const std::string& body) {
    return std::string("\x04", 1) + static_cast<char>(body.size()) + body;
  }

  void run(const std::string& name) {
    using namespace std::string_literals;
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return;
    send("\xff\0\0\0\0\0\0\0\1\x7f\3\0PLAIN"s + std::string(15 + 1 + 31, '\0'));
    receive(64);
    send(command("\5HELLO"s + static_cast<char>(name.size()) + name + "\1x"));
    receive(2 + 8);  // WELCOME
    send(command("\x8INITIATE\xbSocket-Type\0\0\0\6DEALER"s));
    const std::string frame = "\3\0\0\0\0\0\1\0\0"s + std::string(kFrame, 'x');  // more, long
    for (std::size_t i = 0; i < kMost; ++i) {
      if (!send(frame)) {
        cut_off_ = true;
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::close(socket_);
  }

  std::uint16_t port_;
  int socket_ = -1;
  std::atomic<bool> cut_off_{false};
  std::thread thread_;
};

}  // namespace collegium
