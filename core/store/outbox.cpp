#include "store/outbox.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>
#include <tuple>

#include "base/file.h"
#include "collegium/error.h"

namespace collegium {
namespace {

// A file: magic, body length (4 bytes, little-endian), hash of what follows, body, bytes.
constexpr std::string_view kMagic = "COLUPD01";
constexpr std::size_t kHashAt = 12;
constexpr std::size_t kPrefix = kHashAt + std::tuple_size_v<Digest>;
constexpr std::string_view kSuffix = ".update";
constexpr std::size_t kMaxBody = 1024 * 1024;

std::size_t body_length(std::span<const std::uint8_t> file) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length |= static_cast<std::size_t>(file[kMagic.size() + i]) << (8 * i);
  return length;
}

Digest hash_of(std::string_view body, std::span<const std::uint8_t> bytes) {
  Hasher hasher;
  hasher.add(body);
  hasher.add(bytes);
  return hasher.finish();
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

SystemError damaged(const std::filesystem::path& file, const std::string& expected,
                    const std::string& found) {
  return SystemError(Problem{
      .what = "the stored update is damaged",
      .where = file.string(),
      .expected = expected,
      .found = found,
      .remedy = "put back a copy of the site's state folder, or leave the round: it was charged "
                "and its only output is lost"});
}

// "<run>-<round>.update"; false for any other file.
bool parse_name(const std::string& name, Outbox::Entry& entry) {
  if (!name.ends_with(kSuffix)) return false;
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0) return false;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [stopped, error] = std::from_chars(name.data() + dash + 1, end, entry.round);
  entry.run = name.substr(0, dash);
  return error == std::errc() && stopped == end;
}

}  // namespace

Outbox::Outbox(std::filesystem::path folder) : folder_(std::move(folder)) {
  make_folders(folder_.string());
}

std::filesystem::path Outbox::path_of(const std::string& run, std::uint64_t round) const {
  const bool hex = !run.empty() && run.size() <= 64 &&
                   run.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!hex) {
    throw ConfigError(Problem{.what = "a run's id cannot be part of a file name",
                              .where = "outbox",
                              .expected = "up to 64 hex digits",
                              .found = "'" + run.substr(0, 64) + "'"});
  }
  return folder_ / (run + "-" + std::to_string(round) + std::string(kSuffix));
}

Digest Outbox::persist(const std::string& run, std::uint64_t round, std::string_view body,
                       std::span<const std::uint8_t> bytes) {
  const std::filesystem::path file = path_of(run, round);
  if (body.size() > kMaxBody) {
    throw SystemError(Problem{.what = "the message is too long to be stored",
                              .where = file.string(),
                              .expected = "at most " + std::to_string(kMaxBody) + " bytes",
                              .found = std::to_string(body.size())});
  }
  std::array<std::uint8_t, kPrefix> prefix{};
  std::memcpy(prefix.data(), kMagic.data(), kMagic.size());
  for (std::size_t i = 0; i < 4; ++i)
    prefix[kMagic.size() + i] = static_cast<std::uint8_t>(body.size() >> (8 * i));
  const Digest hash = hash_of(body, bytes);
  std::copy(hash.begin(), hash.end(), prefix.begin() + kHashAt);
  write_file_atomically(file.string(), {prefix, as_bytes(body), bytes}, 0600);
  return hash;
}

std::optional<Outbox::Parcel> Outbox::load(const std::string& run, std::uint64_t round,
                                           const Digest& expected) const {
  const std::filesystem::path file = path_of(run, round);
  if (!std::filesystem::exists(file)) return std::nullopt;
  std::vector<std::uint8_t> content = read_file(file.string());
  if (content.size() < kPrefix || std::memcmp(content.data(), kMagic.data(), kMagic.size()) != 0) {
    throw damaged(file, "a stored update",
                  std::to_string(content.size()) + " bytes of something else");
  }
  const std::size_t length = body_length(content);
  if (length > kMaxBody || length > content.size() - kPrefix) {
    throw damaged(file, "a message of " + std::to_string(length) + " bytes",
                  "a file that ends before");
  }
  Digest stated{};
  std::memcpy(stated.data(), content.data() + kHashAt, stated.size());
  Parcel parcel;
  parcel.body.assign(reinterpret_cast<const char*>(content.data()) + kPrefix, length);
  content.erase(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(kPrefix + length));
  parcel.bytes = std::move(content);
  parcel.hash = hash_of(parcel.body, parcel.bytes);
  if (parcel.hash != stated)
    throw damaged(file, "hash " + to_hex(stated), "hash " + to_hex(parcel.hash));
  if (parcel.hash != expected) return std::nullopt;
  return parcel;
}

std::optional<std::string> Outbox::body(const std::string& run, std::uint64_t round) const {
  std::ifstream file(path_of(run, round), std::ios::binary);
  std::array<std::uint8_t, kPrefix> prefix{};
  if (!file.read(reinterpret_cast<char*>(prefix.data()), prefix.size())) return std::nullopt;
  const std::size_t length = body_length(prefix);
  if (std::memcmp(prefix.data(), kMagic.data(), kMagic.size()) != 0 || length > kMaxBody)
    return std::nullopt;
  std::string body(length, '\0');
  if (!file.read(body.data(), static_cast<std::streamsize>(length))) return std::nullopt;
  return body;
}

void Outbox::drop(const std::string& run, std::uint64_t round) {
  const std::filesystem::path file = path_of(run, round);
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) throw_system_error("cannot delete", file.string(), error.value());
}

void Outbox::drop_before(const std::string& run, std::uint64_t round) {
  for (const Entry& entry : entries()) {
    if (entry.run == run && entry.round < round) drop(entry.run, entry.round);
  }
}

std::vector<Outbox::Entry> Outbox::entries() const {
  std::vector<Entry> found;
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    Entry entry;
    if (parse_name(file.path().filename().string(), entry)) found.push_back(std::move(entry));
  }
  std::sort(found.begin(), found.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.run, a.round) < std::tie(b.run, b.round);
  });
  return found;
}

}  // namespace collegium
