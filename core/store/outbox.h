#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace collegium {

// What a site has computed and may have to send again: FOLDER/<run>-<round>.update holds the
// message body and the update's bytes. After a restart the stored bytes are sent, never computed
// anew: a second draw of noise under one charge would reveal differences.
class Outbox {
 public:
  struct Entry {
    std::string run;
    std::uint64_t round = 0;
  };
  struct Parcel {
    std::string body;
    std::vector<std::uint8_t> bytes;
    Digest hash{};  // over both
  };

  explicit Outbox(std::filesystem::path folder);  // makes the folder

  // Durable when it returns; replaces what the round had before. The hash belongs into the ledger's
  // release().
  Digest persist(const std::string& run, std::uint64_t round, std::string_view body,
                 std::span<const std::uint8_t> bytes);
  // Empty: nothing is stored, or another output of that round: one that a crash kept from being
  // released, which stands where the older one stood. Throws SystemError when the file is damaged.
  std::optional<Parcel> load(const std::string& run, std::uint64_t round,
                             const Digest& expected) const;

  // The message alone, without looking at the bytes; empty: nothing is stored, or it is damaged.
  std::optional<std::string> body(const std::string& run, std::uint64_t round) const;

  void drop(const std::string& run, std::uint64_t round);  // accepted; nothing stored is no mistake
  void drop_before(const std::string& run, std::uint64_t round);  // superseded
  std::vector<Entry> entries() const;                             // by run, then round

 private:
  std::filesystem::path path_of(const std::string& run, std::uint64_t round) const;
  std::filesystem::path folder_;
};

}  // namespace collegium
