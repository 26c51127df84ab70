#pragma once
#include <cstdint>
#include <map>
#include <zmq.hpp>

namespace collegium {

// Ends connections whose peer sends one group of frames without end. ZeroMQ bounds a frame, not
// their number, and hands over whole groups alone: such a group grows unseen by whoever reads the
// socket. So the kernel's count of received bytes is looked at a few times a second, and a
// connection that carried more than `most` of them since its last whole group was taken is shut
// down, which frees what had piled up. The peer may connect again. One thread uses it.
class ConnectionGuard {
 public:
  static constexpr double kEvery = 0.25;  // seconds between two looks
  // Above what an honest peer can have on the way: the credit window of a transfer and the queue.
  static constexpr std::uint64_t kMost = 128 * 1024 * 1024;

  explicit ConnectionGuard(std::uint64_t most = kMost) : most_(most) {}

  void opened(int descriptor) { connections_.insert_or_assign(descriptor, Connection{}); }
  void closed(int descriptor) { connections_.erase(descriptor); }
  void heard(const zmq::message_t& frame);  // of a whole group

  int check(double now);  // how many connections it has ended
  double next_check() const { return next_; }

 private:
  struct Connection {
    std::uint64_t received = 0;  // bytes, when a group had last been taken
    bool heard = false;          // since the last look
  };
  std::uint64_t most_;
  double next_ = 0;
  std::map<int, Connection> connections_;  // by the descriptor of their TCP socket
};

}  // namespace collegium
