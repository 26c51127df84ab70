#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace collegium::simulated {

// The disk of one machine: a folder of real files whose writers are this program's own code and
// SQLite. The program's write(), fsync(), rename() ... stand before the C library's
// (virtual_disk.cpp), so that the folder can lose what was written and not synced, as a machine
// whose power fails does: of a file any of the writes since its last sync, the last one perhaps in
// half; of a folder all changes of names after some point since its last sync. What the file system
// would order by itself beyond POSIX is not relied upon.
class VirtualDisk {
 public:
  enum class Trouble {
    none,
    death,  // the process dies before its n-th change of the disk: every later one fails
    full    // its n-th change, and every one after it, finds no space
  };

  explicit VirtualDisk(std::filesystem::path folder);  // makes it
  ~VirtualDisk();
  VirtualDisk(const VirtualDisk&) = delete;
  VirtualDisk& operator=(const VirtualDisk&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  void arm(Trouble trouble, int at);  // counted from 1, from now on
  bool dead() const { return dead_; }
  void kill() { dead_ = true; }  // whatever its process still does changes nothing
  // The process has ended, its files are closed: another one may come. With the power lost, what
  // was not synced may be gone.
  void restart(bool power_lost, std::mt19937_64& random);
  // A disk that says it has synced and has not: what a cheap one does.
  void lies() { honest_ = false; }

  // For the functions that stand before the C library's. An error number: the call fails with it.
  int before_change(bool needs_space);
  void before_write(std::uint64_t inode, const std::string& path);
  void written(std::uint64_t inode, std::uint64_t at, std::string bytes);
  void resized(std::uint64_t inode, std::uint64_t size);
  void synced(std::uint64_t inode, const std::string& path);
  void created(const std::string& path);
  std::string kept(const std::string& path);  // a second name of what a change of names hides
  void renamed(const std::string& from, const std::string& to, std::string hidden);
  void unlinked(const std::string& path, std::string hidden);

 private:
  struct Write {
    std::uint64_t at = 0;  // or the new size, when it is a change of size
    std::string bytes;
    bool resize = false;
  };
  struct Unsynced {
    std::string before;
    std::vector<Write> writes;
  };
  struct Renaming {
    enum class What { created, renamed, unlinked } what;
    std::string path, to, hidden;
  };
  void undo(const Renaming& one);
  void lose(const std::string& path, const Unsynced& unsynced, std::mt19937_64& random);

  std::filesystem::path folder_, hidden_;
  Trouble trouble_ = Trouble::none;
  int at_ = 0, count_ = 0;
  bool dead_ = false, honest_ = true;
  std::uint64_t hidden_names_ = 0;
  std::map<std::uint64_t, Unsynced> unsynced_;  // by inode
  std::vector<Renaming> renamings_;             // not synced, in order
};

}  // namespace collegium::simulated
