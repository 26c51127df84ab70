// Secrets under a passphrase.
#include "base/sealed.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "collegium/error.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

constexpr GuessCost kCheap{.passes = 1, .memory = 8};
const std::vector<std::uint8_t> kSecret{1, 2, 3, 250, 0, 7};

TEST(Sealed, OpensWithItsPassphraseAlone) {
  const Sealed sealed = seal(kSecret, "guys", Passphrase("correct horse"), kCheap);
  EXPECT_EQ(unseal(sealed, "guys", Passphrase("correct horse")), kSecret);
  for (const char* other : {"", "correct hors", "correct horse ", "Correct horse"})
    EXPECT_EQ(unseal(sealed, "guys", Passphrase(other)), std::nullopt) << other;
}

TEST(Sealed, DoesNotOpenWhenAnyByteWasChanged) {
  const Passphrase passphrase("correct horse");
  const Sealed sealed = seal(kSecret, "guys", passphrase, kCheap);
  for (std::size_t i = 0; i < sealed.box.size(); ++i) {
    Sealed changed = sealed;
    changed.box[i] ^= 1;
    EXPECT_EQ(unseal(changed, "guys", passphrase), std::nullopt) << i;
  }
  for (std::size_t size = 0; size < sealed.box.size(); ++size) {
    Sealed cut = sealed;
    cut.box.resize(size);
    EXPECT_EQ(unseal(cut, "guys", passphrase), std::nullopt) << size;
  }
  Sealed changed = sealed;
  changed.salt[0] ^= 1;
  EXPECT_EQ(unseal(changed, "guys", passphrase), std::nullopt);
  changed = sealed;
  changed.cost.passes = 2;
  EXPECT_EQ(unseal(changed, "guys", passphrase), std::nullopt);
  EXPECT_EQ(unseal(sealed, "kings", passphrase), std::nullopt) << "what stands beside it is bound";
}

TEST(Sealed, IsNeverTheSameTwice) {
  const Passphrase passphrase("correct horse");
  const Sealed one = seal(kSecret, "guys", passphrase, kCheap),
               two = seal(kSecret, "guys", passphrase, kCheap);
  EXPECT_NE(one.salt, two.salt);
  EXPECT_NE(one.box, two.box);
}

TEST(Sealed, RefusesACostBeyondItsBoundsBeforeAnythingIsAllocated) {
  Sealed sealed = seal(kSecret, "guys", Passphrase("correct horse"), kCheap);
  for (const GuessCost& cost :
       {GuessCost{0, 8}, GuessCost{65, 8}, GuessCost{1, 7}, GuessCost{1, 1025}, GuessCost{1, -1},
        GuessCost{1, std::int64_t{1} << 62}}) {
    sealed.cost = cost;
    EXPECT_THROW(unseal(sealed, "guys", Passphrase("correct horse")), ConfigError);
    EXPECT_THROW(seal(kSecret, "guys", Passphrase("correct horse"), cost), ConfigError);
  }
}

class PassphraseFile : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& text, mode_t mode = 0600) {
    const auto path = folder_ / "passphrase";
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  static std::string read(const std::filesystem::path& path) {
    const Passphrase passphrase = Passphrase::from_file(path);
    return {passphrase.bytes().begin(), passphrase.bytes().end()};
  }
  TemporaryFolder folder_;
};

TEST_F(PassphraseFile, GivesItsFirstLine) {
  EXPECT_EQ(read(file("two words")), "two words");
  EXPECT_EQ(read(file("two words\n")), "two words");
  EXPECT_EQ(read(file("two words\r\nand another line\n")), "two words");
  EXPECT_EQ(read(file(std::string(1024, 'x') + "\n")), std::string(1024, 'x'));
}

TEST_F(PassphraseFile, OfOthersOrOfNothingIsRefused) {
  EXPECT_THROW(read(file("two words\n", 0640)), ConfigError);
  EXPECT_THROW(read(file("two words\n", 0604)), ConfigError);
  EXPECT_THROW(read(file("")), ConfigError);
  EXPECT_THROW(read(file("\ntwo words\n")), ConfigError);
  EXPECT_THROW(read(file(std::string(1025, 'x'))), ConfigError);
  EXPECT_THROW(read(folder_ / "none"), SystemError);
}

}  // namespace
}  // namespace collegium
