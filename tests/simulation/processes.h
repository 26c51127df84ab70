#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulation/disks.h"
#include "simulation/world.h"

// What a simulated process holds, split into what a kill takes away and what is on its disk.
namespace collegium::simulated {

SharedBlob blob_of(const std::vector<float>& values);
std::vector<float> floats_of(const Bytes& bytes);
Digest hash_of(const Message& message);
inline constexpr std::size_t kFloats = 3;
SharedBlob network_file();  // of histories with a captured network

struct World::CoordinatorProcess {
  // Volatile.
  std::unique_ptr<Coordinator> machine;
  std::uint64_t life = 0;  // reports to an earlier life are lost
  std::uint64_t alarm = 0;
  double worker_free = 0;  // accumulating and aggregating is one queue
  SharedBlob serving;
  SharedBlob published;
  std::set<std::string> served_to;
  std::set<std::string> in_memory;  // pulling or pulled, not yet accumulated
  std::vector<float> sum;
  double weight = 0;
  std::vector<std::string> order;
  std::set<std::uint64_t> charges_in_memory;
  std::optional<SecureSum> masked;  // the sum under masks
  SecureTerms terms;                // of this process
  // Durable.
  std::set<std::uint64_t> charges;  // rounds
  CoordinatorResume disk;
  CoordinatorResume disk_before;           // a round earlier
  std::unique_ptr<CoordinatorDisk> files;  // in histories on a disk; the above is what it must hold
  std::optional<at_coordinator::PersistRound> pending;  // perhaps on the disk
  std::string failed_write;                             // of the round being written
  double clock = 0;                                     // what its process adds to the true time
  double frozen_until = 0;
  int idle_turns = 0;  // in which the machine wanted another one at once
};

struct World::SiteProcess {
  std::string name;
  std::unique_ptr<Site> machine;
  std::uint64_t life = 0;
  std::uint64_t alarm = 0;
  double worker_free = 0;
  SharedBlob serving;
  std::uint64_t training = 0;
  bool prepared = false;  // in this life
  std::set<std::pair<std::uint64_t, std::uint64_t>> charged_in_memory;
  // Durable.
  std::optional<StoredResult> outbox;
  bool keeps_network = false;
  std::set<std::pair<std::uint64_t, std::uint64_t>> charges;  // (round, attempt)
  std::map<std::pair<std::uint64_t, std::uint64_t>, Digest> released;
  std::unique_ptr<SiteDisk> files;  // as the coordinator's
  bool stopped = false;
  std::pair<std::uint64_t, std::uint64_t> reserved;  // what the training under way is paid by
  SecurePart secure;
  double clock = 0, frozen_until = 0;
  int idle_turns = 0;
  // Its line: what was sent before it was cut, and what is sent while it is silent, is lost.
  std::uint64_t line = 0;
  double silent_until = 0;
  std::vector<Message> told;  // by the coordinator, lately: what a liar varies
};

}  // namespace collegium::simulated
