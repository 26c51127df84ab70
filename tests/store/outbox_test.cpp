#include "store/outbox.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "base/file.h"
#include "collegium/error.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

const std::vector<std::uint8_t> kBytes{1, 2, 3, 0, 255};

std::filesystem::path only_file(const std::filesystem::path& folder) {
  return std::filesystem::directory_iterator(folder)->path();
}

TEST(Outbox, GivesBackAfterARestartWhatItTook) {
  const TemporaryFolder folder;
  const Digest hash = Outbox(folder / "outbox").persist("ab12", 3, "steps = 7\n", kBytes);
  const std::optional<Outbox::Parcel> parcel = Outbox(folder / "outbox").load("ab12", 3, hash);
  ASSERT_TRUE(parcel.has_value());
  EXPECT_EQ(parcel->body, "steps = 7\n");
  EXPECT_EQ(parcel->bytes, kBytes);
  EXPECT_EQ(parcel->hash, hash);
}

TEST(Outbox, KeepsItsContentFromOtherUsers) {
  const TemporaryFolder folder;
  Outbox(folder / "outbox").persist("ab12", 3, "", kBytes);
  struct stat status;
  ASSERT_EQ(stat(only_file(folder / "outbox").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(Outbox, TellsBodyFromBytesInItsHash) {
  const TemporaryFolder folder;
  Outbox outbox(folder.path());
  const std::vector<std::uint8_t> bc{'b', 'c'}, c{'c'};
  EXPECT_NE(outbox.persist("ab", 1, "a", bc), outbox.persist("ab", 1, "ab", c));
}

TEST(Outbox, HasNothingForARoundItNeverSaw) {
  const TemporaryFolder folder;
  EXPECT_FALSE(Outbox(folder.path()).load("ab12", 3, Digest{}).has_value());
}

TEST(Outbox, RefusesDamagedFilesWhereverTheyAreDamaged) {
  const TemporaryFolder folder;
  Outbox outbox(folder.path());
  const Digest hash = outbox.persist("ab12", 3, "body", kBytes);
  const std::filesystem::path file = only_file(folder.path());
  const std::vector<std::uint8_t> good = read_file(file.string());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::uint8_t> bad = good;
    bad[i] ^= 0x10;
    write_file_atomically(file.string(), {std::span<const std::uint8_t>(bad)});
    EXPECT_THROW(outbox.load("ab12", 3, hash), SystemError) << "byte " << i;
    write_file_atomically(file.string(), {std::span<const std::uint8_t>(good).first(i)});
    EXPECT_THROW(outbox.load("ab12", 3, hash), SystemError) << "cut at " << i;
  }
  write_file_atomically(file.string(), {std::span<const std::uint8_t>(good)});
  EXPECT_TRUE(outbox.load("ab12", 3, hash).has_value());
}

// A second attempt was stored, and a crash came before its charge was marked released.
TEST(Outbox, GivesNoOutputForTheHashOfAnother) {
  const TemporaryFolder folder;
  Outbox outbox(folder.path());
  const Digest first = outbox.persist("ab12", 3, "attempt = 1", kBytes);
  const Digest second = outbox.persist("ab12", 3, "attempt = 2", kBytes);
  EXPECT_FALSE(outbox.load("ab12", 3, first).has_value());
  EXPECT_EQ(outbox.load("ab12", 3, second)->body, "attempt = 2");
}

TEST(Outbox, ForgetsWhatWasAcceptedOrSuperseded) {
  const TemporaryFolder folder;
  Outbox outbox(folder.path());
  for (std::uint64_t round : {1, 2, 10}) outbox.persist("ab12", round, "", kBytes);
  outbox.persist("cd34", 1, "", kBytes);
  write_file_atomically((folder / "notes.txt").string(), std::string_view("not ours"));
  write_file_atomically((folder / "ab12-x.update").string(), std::string_view("not ours"));
  outbox.drop_before("ab12", 10);
  outbox.drop("ab12", 99);
  const std::vector<Outbox::Entry> left = outbox.entries();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].run, "ab12");
  EXPECT_EQ(left[0].round, 10u);
  EXPECT_EQ(left[1].run, "cd34");
  EXPECT_TRUE(std::filesystem::exists(folder / "notes.txt"));
}

TEST(Outbox, TakesNoRunForAPath) {
  const TemporaryFolder folder;
  Outbox outbox(folder.path());
  for (const char* run : {"", "../ab", "ab/cd", "AB12", "ab-12"}) {
    EXPECT_THROW(outbox.persist(run, 1, "", kBytes), ConfigError) << run;
  }
}

}  // namespace
}  // namespace collegium
