#pragma once
#include <exception>
#include <string>

#include "collegium/api.h"

namespace collegium {

// What a person needs to mend a mistake. `what` is a short sentence; the others are phrases and may
// be empty.
struct Problem {
  std::string what = {};      // "unknown key 'lerning_rate'"
  std::string where = {};     // "federation.toml:12:3", "subject Sim18_CBICA_004, file
                              // .../flair.nii.gz", "site guys, round 3"
  std::string expected = {};  // "one of batch_size, lr, moments"
  std::string found = {};     // "lerning_rate"
  std::string remedy = {};    // "did you mean 'lr'?"
};

// Base of everything Collegium throws. The text is one line a field: where: what / expected / found
// / remedy.
class COLLEGIUM_API Error : public std::exception {
 public:
  explicit Error(Problem problem);
  ~Error() override;
  const char* what() const noexcept override { return text_.c_str(); }
  const Problem& problem() const noexcept { return problem_; }

 private:
  Problem problem_;
  std::string text_;
};

// A setting, a configuration file or a combination of settings that cannot be used.
class COLLEGIUM_API ConfigError : public Error {
 public:
  using Error::Error;
  ~ConfigError() override;
};

// A plugin file that cannot be loaded, or a plugin that broke its contract.
class COLLEGIUM_API PluginError : public Error {
 public:
  using Error::Error;
  ~PluginError() override;
};

// Bytes from a peer that break the protocol.
class COLLEGIUM_API ProtocolError : public Error {
 public:
  using Error::Error;
  ~ProtocolError() override;
};

// A privacy charge that the ledger's filter refuses.
class COLLEGIUM_API BudgetExhausted : public Error {
 public:
  using Error::Error;
  ~BudgetExhausted() override;
};

// A volume, label map or data set that cannot be trained on.
class COLLEGIUM_API DataError : public Error {
 public:
  using Error::Error;
  ~DataError() override;
};

// The operating system or a database refused: disk full, no permission, a socket already in use.
class COLLEGIUM_API SystemError : public Error {
 public:
  using Error::Error;
  ~SystemError() override;
};

}  // namespace collegium
