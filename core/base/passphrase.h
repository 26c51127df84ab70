#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace collegium {

void wipe(std::span<std::uint8_t> secret);  // also where a compiler sees that nobody looks again

// What a person knows and a disk does not. Wiped when it is let go.
class Passphrase {
 public:
  static constexpr std::size_t kMost = 1024;  // bytes

  explicit Passphrase(std::string_view text);
  Passphrase(Passphrase&& other) noexcept = default;
  Passphrase& operator=(Passphrase&&) = delete;
  ~Passphrase();

  // The first line of a file, or of whatever a path names: a descriptor that was handed to this
  // process is "/dev/fd/3". Throws ConfigError: others may read the file, it is empty or too long;
  // SystemError.
  static Passphrase from_file(const std::filesystem::path& file);
  // Asks on the terminal, without showing what is typed. Throws ConfigError where there is none:
  // `remedy` says how the passphrase comes otherwise. Ctrl-C is raised again once the terminal is
  // as it was, and ends the wait.
  static Passphrase from_terminal(const std::string& what, const std::string& remedy);

  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  Passphrase() = default;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace collegium
