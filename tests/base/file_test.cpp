#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "collegium/error.h"

namespace collegium {
namespace {

using testing::HasSubstr;

class File : public testing::Test {
 protected:
  void SetUp() override {
    folder =
        std::filesystem::temp_directory_path() / ("collegium-file-" + std::to_string(::getpid()));
    make_folders(folder / "deep" / "deeper");
    path = folder / "file";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator(folder))
      count += each.is_regular_file();
    return count;
  }
  std::filesystem::path folder;
  std::string path;
};

template <class F>
Problem refused(F&& call) {
  try {
    call();
  } catch (const SystemError& error) {
    return error.problem();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

TEST_F(File, ReadsBackWhatWasWritten) {
  const std::string text("a\0b\r\n\xff", 6);
  write_file_atomically(path, text);
  EXPECT_EQ(read_text(path), text);
  const std::vector<std::uint8_t> head{1, 2}, tail{3};
  write_file_atomically(path, {head, tail});
  EXPECT_EQ(read_file(path), (std::vector<std::uint8_t>{1, 2, 3}));
  write_file_atomically(path, "");
  EXPECT_EQ(read_text(path), "");
  EXPECT_EQ(files(), 1u);
}

TEST_F(File, KeepsSecretsToTheirOwner) {
  write_file_atomically(path, "secret", 0600);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(File, HoldsReadingToItsLimit) {
  write_file_atomically(path, std::string(100, 'x'));
  EXPECT_EQ(read_text(path, 100).size(), 100u);
  EXPECT_EQ(refused([&] { read_text(path, 99); }).expected, "at most 99 bytes");
  EXPECT_THROW(read_file("/dev/zero", 5000), SystemError);  // without a size of its own
  EXPECT_FALSE(read_text("/proc/self/status").empty());
}

TEST_F(File, SaysWhichPathFailedWhyAndWhatToDo) {
  const Problem missing = refused([&] { read_file(folder / "none"); });
  EXPECT_EQ(missing.where, folder / "none");
  EXPECT_THAT(missing.what, HasSubstr("No such file or directory"));
  EXPECT_THAT(missing.remedy, HasSubstr("spelling"));
  EXPECT_THAT(refused([&] { read_file(folder); }).what, HasSubstr("Is a directory"));
  EXPECT_THAT(refused([&] { write_file_atomically(folder / "none" / "x", "y"); }).where,
              HasSubstr("none/x"));
  write_file_atomically(path, "a file");
  EXPECT_THAT(refused([&] { make_folders(path + "/below"); }).what, HasSubstr("Not a directory"));
}

// A limit on the size of files stands in for a full disk: the write fails half-way.
TEST_F(File, LeavesTheOldFileWhenTheNewOneCannotBeWritten) {
  write_file_atomically(path, "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Problem problem = refused([&] { write_file_atomically(path, std::string(10000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(problem.where, path);
  EXPECT_EQ(read_text(path), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(File, NamesAFullDisk) {
  const Problem problem = refused([] { throw_system_error("cannot write", "run.db", ENOSPC); });
  EXPECT_THAT(problem.what, HasSubstr("No space left on device"));
  EXPECT_THAT(problem.remedy, HasSubstr("disk is full"));
}

}  // namespace
}  // namespace collegium
