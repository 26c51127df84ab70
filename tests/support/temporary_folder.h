#pragma once
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace collegium {

// A folder of its own for one test, gone afterwards.
class TemporaryFolder {
 public:
  // Tests of what must last sync thousands of times: in memory where the system has such a place.
  // A benchmark wants a disk.
  enum class Place { memory, disk };

  explicit TemporaryFolder(Place place_wanted = Place::memory) {
    const auto disk = std::filesystem::temp_directory_path();
    const auto first = place_wanted == Place::memory ? std::filesystem::path("/dev/shm") : disk;
    for (const std::filesystem::path& place : {first, disk}) {
      std::string pattern = (place / "collegium-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr) continue;
      path_ = pattern;
      return;
    }
    throw std::runtime_error("no temporary folder");
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  // The file's path; folders in its name are made.
  std::filesystem::path write(const std::string& name, std::string_view text) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  std::filesystem::path write(const std::string& name, std::span<const std::uint8_t> bytes) const {
    return write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

 private:
  std::filesystem::path path_;
};

}  // namespace collegium
