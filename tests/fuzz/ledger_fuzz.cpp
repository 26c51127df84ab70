#include <iterator>
#include <optional>

#include "base/file.h"
#include "collegium/error.h"
#include "fuzz/target.h"
#include "store/ledger.h"
#include "store/outbox.h"
#include "store/sums.h"
#include "support/temporary_folder.h"

namespace {

using namespace collegium;

constexpr const char* kFiles[] = {"site.db", "ledger.head", "outbox/ab12-1.update"};

// A ledger with a run in it, and a stored result.
void furnish(const std::filesystem::path& folder) {
  const PrivacyEvent event = costing(0.5);
  Ledger ledger(folder, sums());
  ledger.add_dataset({.id = "guys", .budget = 2.0});
  ledger.begin_run({.id = "ab12", .dataset = "guys"}, {&event, 1});
  ledger.reserve({"ab12", 1}, event);
  const std::vector<std::uint8_t> bytes(40, 7);
  ledger.release({"ab12", 1}, Outbox(folder / "outbox").persist("ab12", 1, "a = 1\n", bytes));
}

}  // namespace

namespace collegium::testing {

// The first byte says which file the others are.
std::vector<FuzzInput> corpus() {
  const TemporaryFolder folder;
  furnish(folder.path());
  std::vector<FuzzInput> inputs;
  for (std::size_t i = 0; i < std::size(kFiles); ++i) {
    FuzzInput input{static_cast<std::uint8_t>(i)};
    for (const std::uint8_t byte : read_file((folder / kFiles[i]).string())) input.push_back(byte);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// One of the files that a site keeps is damaged or somebody else's: it is read for what it was, or
// refused with an error of ours; what it holds never costs less than nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const TemporaryFolder folder;
  try {
    furnish(folder.path());
    const std::string file = (folder / kFiles[data[0] % std::size(kFiles)]).string();
    write_file_atomically(file, {std::span(data, size).subspan(1)});
    for (const char* rest : {"site.db-wal", "site.db-shm"})
      if (data[0] % std::size(kFiles) == 0) std::filesystem::remove(folder / rest);
    const Ledger ledger(folder.path(), sums());
    if (!(ledger.spent("guys") >= 0)) __builtin_trap();
    ledger.charges("guys");
    Outbox outbox(folder / "outbox");
    for (const Outbox::Entry& entry : outbox.entries()) {
      outbox.body(entry.run, entry.round);
      outbox.load(entry.run, entry.round, Digest{});
    }
  } catch (const Error&) {
  }
  return 0;
}
