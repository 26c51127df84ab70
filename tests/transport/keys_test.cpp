#include "transport/roster.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "collegium/error.h"
#include "support/temporary_folder.h"

namespace collegium {
namespace {

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class Call>
std::string complaint(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(KeyPair, ComesBackFromItsFiles) {
  const TemporaryFolder folder;
  const KeyPair made = KeyPair::generate("guys");
  made.save(folder.path());
  const KeyPair loaded = KeyPair::load(folder / "guys.secret");
  EXPECT_EQ(loaded.name, "guys");
  EXPECT_EQ(loaded.public_key, made.public_key);
  EXPECT_EQ(loaded.secret_key, made.secret_key);
  const PublicKey half = PublicKey::load(folder / "guys.public");
  EXPECT_EQ(half.name, "guys");
  EXPECT_EQ(half.key, made.public_key);
  EXPECT_EQ(half.signing, made.signing.verify_key());
  EXPECT_EQ(loaded.signing.verify_key(), made.signing.verify_key());
}

TEST(KeyPair, TheSecretIsForItsOwnerOnlyAndStaysOutOfThePublicFile) {
  const TemporaryFolder folder;
  const KeyPair made = KeyPair::generate("guys");
  made.save(folder.path());
  struct stat status;
  ASSERT_EQ(stat((folder / "guys.secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THAT(text_of(folder / "guys.public"),
              testing::AllOf(testing::Not(testing::HasSubstr(made.secret_key)),
                             testing::Not(testing::HasSubstr(to_hex(made.signing.seed())))));
}

TEST(KeyPair, ASecretThatOthersMayReadIsRefused) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").save(folder.path());
  for (mode_t mode : {0640, 0604, 0620, 0666}) {
    chmod((folder / "guys.secret").c_str(), mode);
    EXPECT_THAT(complaint([&] { KeyPair::load(folder / "guys.secret"); }),
                testing::HasSubstr("chmod 600"))
        << mode;
  }
}

TEST(KeyPair, AnOldSecretIsNeverReplaced) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").save(folder.path());
  const std::string before = text_of(folder / "guys.secret");
  EXPECT_THROW(KeyPair::generate("guys").save(folder.path()), SystemError);
  EXPECT_EQ(text_of(folder / "guys.secret"), before);
}

TEST(KeyPair, HalvesOfTwoPairsAreRefused) {
  const TemporaryFolder folder;
  KeyPair mixed = KeyPair::generate("guys");
  mixed.public_key = KeyPair::generate("guys").public_key;
  mixed.save(folder.path());
  EXPECT_THAT(complaint([&] { KeyPair::load(folder / "guys.secret"); }),
              testing::HasSubstr("do not belong together"));
}

TEST(KeyPair, NamesAreShortWordsThatFitAFileName) {
  for (const char* name : {"guys", "site-1", "St_Thomas.2"})
    EXPECT_EQ(KeyPair::generate(name).name, name);
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(".."),
                                  std::string("a b"), std::string(65, 'x')})
    EXPECT_THROW(KeyPair::generate(name), ConfigError) << name;
}

TEST(PublicKey, AMissingOrBrokenFileSaysWhatToDo) {
  const TemporaryFolder folder;
  EXPECT_THAT(complaint([&] { PublicKey::load(folder / "kings.public"); }),
              testing::HasSubstr("collegium keys new"));
  std::ofstream(folder / "short.public") << "name = \"short\"\npublic = \"abc\"\n";
  EXPECT_THAT(
      complaint([&] { PublicKey::load(folder / "short.public"); }),
      testing::AllOf(testing::HasSubstr("40 characters"), testing::HasSubstr("short.public:2")));
}

TEST(KeyFiles, WithoutAKeyToSignWithAreOldAndSayWhatToDo) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").save(folder.path());
  for (const char* name : {"guys.public", "guys.secret"}) {
    const std::string text = text_of(folder / name);
    std::ofstream(folder / name) << text.substr(0, text.find("signing"));
  }
  const auto remedy = testing::HasSubstr("collegium keys new");
  EXPECT_THAT(complaint([&] { PublicKey::load(folder / "guys.public"); }), remedy);
  EXPECT_THAT(complaint([&] { KeyPair::load(folder / "guys.secret"); }), remedy);
}

TEST(Roster, KnowsKeysByName) {
  const TemporaryFolder folder;
  const KeyPair guys = KeyPair::generate("guys");
  const KeyPair kings = KeyPair::generate("kings");
  guys.public_half().save(folder / "guys.public");
  kings.public_half().save(folder / "kings.public");
  std::ofstream(folder / "README.txt") << "not a key";
  const Roster roster = Roster::load(folder.path());
  EXPECT_EQ(roster.sites().size(), 2u);
  EXPECT_EQ(roster.name_of(kings.public_key), "kings");
  EXPECT_FALSE(roster.name_of(KeyPair::generate("guys").public_key));
  EXPECT_TRUE(roster.contains("guys"));
  ASSERT_NE(roster.find("kings"), nullptr);
  EXPECT_EQ(roster.find("kings")->signing, kings.signing.verify_key());
  EXPECT_EQ(roster.find("stranger"), nullptr);
  EXPECT_FALSE(roster.contains("stranger"));
}

TEST(Roster, OneNameHasOneKeyAndOneKeyOneName) {
  Roster roster;
  const KeyPair guys = KeyPair::generate("guys");
  roster.add(guys.public_half());
  EXPECT_THROW(roster.add(KeyPair::generate("guys").public_half()), ConfigError);
  PublicKey same_line = KeyPair::generate("kings").public_half();
  same_line.key = guys.public_key;
  EXPECT_THROW(roster.add(same_line), ConfigError);
  PublicKey same_signature = KeyPair::generate("kings").public_half();
  same_signature.signing = guys.signing.verify_key();
  EXPECT_THROW(roster.add(same_signature), ConfigError);
}

TEST(Roster, WhileASiteChangesItsKeysItHasTwoAndOneExpires) {
  const TemporaryFolder folder;
  const KeyPair old_pair = KeyPair::generate("guys");
  const KeyPair new_pair = KeyPair::generate("guys");
  PublicKey leaving = old_pair.public_half();
  leaving.expires = "2027-01-31";
  leaving.save(folder / "guys.public");
  new_pair.public_half().save(folder / "guys-2027.public");
  const Roster before = Roster::load(folder.path(), nullptr, "2027-01-31");
  EXPECT_EQ(before.name_of(old_pair.public_key), "guys");
  EXPECT_EQ(before.name_of(new_pair.public_key), "guys");
  EXPECT_EQ(before.find("guys")->key, new_pair.public_key);
  EXPECT_EQ(signers_of(before).at("guys").size(), 2u);
  const Roster after = Roster::load(folder.path(), nullptr, "2027-02-01");
  EXPECT_FALSE(after.name_of(old_pair.public_key));
  EXPECT_EQ(after.name_of(new_pair.public_key), "guys");
}

TEST(Roster, ADayThatIsNoneIsRefused) {
  const TemporaryFolder folder;
  PublicKey key = KeyPair::generate("guys").public_half();
  key.expires = "next year";
  key.save(folder / "guys.public");
  EXPECT_THAT(complaint([&] { PublicKey::load(folder / "guys.public"); }),
              testing::HasSubstr("2027-01-31"));
}

TEST(Roster, AFileThatCannotBeReadLetsNobodyInAndKeepsNobodyOut) {
  const TemporaryFolder folder;
  KeyPair::generate("guys").public_half().save(folder / "guys.public");
  std::ofstream(folder / "kings.public") << "name = \"ki";
  std::vector<std::string> problems;
  const Roster roster = Roster::load(folder.path(), &problems);
  EXPECT_TRUE(roster.contains("guys"));
  EXPECT_FALSE(roster.contains("kings"));
  EXPECT_EQ(problems.size(), 1u);
}

TEST(Roster, AMissingFolderSaysWhatBelongsThere) {
  EXPECT_THAT(complaint([] { Roster::load("no/such/folder"); }), testing::HasSubstr("NAME.public"));
}

}  // namespace
}  // namespace collegium
