// Key files under a passphrase, and keys that end.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/hash.h"
#include "collegium/error.h"
#include "support/expect_problem.h"
#include "support/temporary_folder.h"
#include "transport/keys.h"

namespace collegium {
namespace {

using testing::HasSubstr;
using testing::Not;

class LockedKey : public testing::Test {
 protected:
  LockedKey() {
    const Passphrase passphrase("correct horse");
    made_.save(folder_.path(), {.passphrase = &passphrase, .cost = {.passes = 1, .memory = 8}});
  }

  std::filesystem::path secret() const { return folder_ / "guys.secret"; }
  std::string text() const {
    std::ifstream in(secret());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void rewrite(const std::string& from, const std::string& to) {
    std::string changed = text();
    const std::size_t at = changed.find(from);
    ASSERT_NE(at, std::string::npos);
    std::ofstream(secret()) << changed.replace(at, from.size(), to);
  }
  std::filesystem::path passphrase(const std::string& words) {
    const auto path = folder_ / "passphrase";
    std::ofstream(path) << words << "\n";
    chmod(path.c_str(), 0600);
    return path;
  }
  std::string complaint(const std::string& words = "correct horse") {
    try {
      KeyPair::load(secret(), passphrase(words));
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  TemporaryFolder folder_;
  const KeyPair made_ = KeyPair::generate("guys");
};

TEST_F(LockedKey, ComesBackWithItsPassphrase) {
  const KeyPair loaded = KeyPair::load(secret(), passphrase("correct horse"));
  EXPECT_EQ(loaded.public_key, made_.public_key);
  EXPECT_EQ(loaded.secret_key, made_.secret_key);
  EXPECT_EQ(loaded.signing.verify_key(), made_.signing.verify_key());
}

TEST_F(LockedKey, ItsFileHoldsNeitherSecret) {
  EXPECT_THAT(text(), Not(HasSubstr(made_.secret_key)));
  EXPECT_THAT(text(), Not(HasSubstr(to_hex(made_.signing.seed()))));
  struct stat status;
  ASSERT_EQ(stat(secret().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(LockedKey, AnotherPassphraseIsSaidToBeAnother) {
  EXPECT_THAT(complaint("correct hors"), HasSubstr("the passphrase does not open this key"));
}

TEST_F(LockedKey, BelongsToItsNameAndItsPublicHalf) {
  rewrite("name = \"guys\"", "name = \"kings\"");
  EXPECT_THAT(complaint(), HasSubstr("the passphrase does not open this key"));
  rewrite("name = \"kings\"", "name = \"guys\"");
  rewrite(made_.public_key, KeyPair::generate("guys").public_key);
  EXPECT_THAT(complaint(), HasSubstr("the passphrase does not open this key"));
}

TEST_F(LockedKey, AHostileFileCostsNoMoreThanTheBounds) {
  rewrite("memory = 8", "memory = 1000000000");
  EXPECT_THAT(complaint(), HasSubstr("memory"));
  rewrite("memory = 1000000000", "memory = 8");
  rewrite("passes = 1", "passes = 1000000");
  EXPECT_THAT(complaint(), HasSubstr("passes"));
  rewrite("passes = 1000000", "passes = 1");
  rewrite("argon2id", "rot13");
  EXPECT_THAT(complaint(), HasSubstr("method"));
  rewrite("rot13", "argon2id");
  rewrite("salt = '", "salt = '0");
  EXPECT_THAT(complaint(), HasSubstr("not whole"));
}

TEST_F(LockedKey, WithoutAFileAndATerminalSaysHowThePassphraseComes) {
  if (isatty(STDIN_FILENO)) GTEST_SKIP() << "there is a terminal";
  EXPECT_THAT(problem_of([&] { KeyPair::load(secret()); }).remedy, HasSubstr("passphrase_file"));
}

TEST(KeyPair, APassphraseForAKeyWithoutOneIsRefused) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").save(folder.path());
  EXPECT_THAT(
      problem_of([&] { KeyPair::load(folder / "guys.secret", folder / "passphrase"); }).what,
      HasSubstr("under none"));
}

TEST(KeyPair, AShortPassphraseIsRefused) {
  const TemporaryFolder folder;
  const Passphrase passphrase("1234567");
  EXPECT_THROW(KeyPair::generate("guys").save(folder.path(), {.passphrase = &passphrase}),
               ConfigError);
  EXPECT_FALSE(std::filesystem::exists(folder / "guys.secret"));
}

TEST(KeyPair, IsMadeWithItsLastDay) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").save(folder.path(), {.expires = "2999-02-28"});
  EXPECT_EQ(PublicKey::load(folder / "guys.public").expires, "2999-02-28");
  for (const char* day : {"2020-01-01", "2999-02-29", "2999-13-01", "soon", "2999-1-1"})
    EXPECT_THROW(KeyPair::generate("kings").save(folder.path(), {.expires = day}), ConfigError)
        << day;
  EXPECT_FALSE(std::filesystem::exists(folder / "kings.secret"));
}

}  // namespace
}  // namespace collegium
