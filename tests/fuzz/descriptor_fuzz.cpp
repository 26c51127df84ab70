#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "plugin/descriptor.h"

namespace collegium::testing {
namespace {

constexpr std::size_t kNumbers = 3 * sizeof(std::uint32_t);

// A byte that says which pointers are null, the three numbers, the three texts with their ends.
FuzzInput descriptor(std::uint8_t null, std::uint32_t size, std::string_view texts) {
  FuzzInput input{null};
  for (const std::uint32_t number : {kPluginMagic, size, kPluginInterface})
    for (int byte = 0; byte < 4; ++byte)
      input.push_back(static_cast<std::uint8_t>(number >> (8 * byte)));
  input.insert(input.end(), texts.begin(), texts.end());
  return input;
}

void register_nothing(Registrar&) {}

}  // namespace

std::vector<FuzzInput> corpus() {
  using namespace std::string_view_literals;
  constexpr std::uint32_t kSize = sizeof(PluginInfo);
  return {descriptor(0, kSize, COLLEGIUM_TOOLCHAIN "\0percentile\0001.0\0"sv),
          descriptor(0, 8, COLLEGIUM_TOOLCHAIN "\0percentile\0001.0\0"sv),
          descriptor(4, kSize, COLLEGIUM_TOOLCHAIN "\0name\0\0"sv),
          descriptor(0, kSize, "libstdc++ old\0\x1b[31mname\n\0001\0"sv)};
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Whatever a library says of itself is a PluginError, or fits this build and can be shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace collegium;
  if (size < 1 + testing::kNumbers) return 0;
  const std::uint8_t null = data[0];
  PluginInfo info{};
  std::memcpy(&info.magic, data + 1, sizeof info.magic);
  std::memcpy(&info.size, data + 5, sizeof info.size);
  std::memcpy(&info.interface, data + 9, sizeof info.interface);
  // Of exactly their size, so that a look beyond an end is seen.
  std::array<std::unique_ptr<char[]>, 3> texts;
  const std::uint8_t* at = data + 1 + testing::kNumbers;
  for (auto& text : texts) {
    const std::uint8_t* end = std::find(at, data + size, std::uint8_t{0});
    text = std::make_unique<char[]>(static_cast<std::size_t>(end - at) + 1);
    std::copy(at, end, text.get());
    at = end == data + size ? end : end + 1;
  }
  info.toolchain = null & 1 ? nullptr : texts[0].get();
  info.name = null & 2 ? nullptr : texts[1].get();
  info.version = null & 4 ? nullptr : texts[2].get();
  info.register_plugin = null & 8 ? nullptr : testing::register_nothing;
  try {
    check_descriptor(null & 16 ? nullptr : &info, "fuzz");
    if (null & 31 || info.size != sizeof info) __builtin_trap();
    for (const std::string_view shown : {info.name, info.version})
      for (const char letter : shown)
        if (letter < ' ' || letter > '~' || shown.size() > 64) __builtin_trap();
  } catch (const PluginError& error) {
    if (std::string_view(error.what()).size() > 1000) __builtin_trap();
  }
  return 0;
}
