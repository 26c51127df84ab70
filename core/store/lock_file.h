#pragma once
#include <filesystem>
#include <string>

namespace collegium {

// Held while this process may write what the file guards. The kernel lets go of it when the process
// ends, however it ends, so a lock is never left behind. The file holds the process id, for people.
class LockFile {
 public:
  // Throws SystemError naming `what` and the process that holds the lock.
  LockFile(std::filesystem::path file, const std::string& what);
  ~LockFile();
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace collegium
