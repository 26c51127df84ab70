#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "collegium/error.h"
#include "fuzz/target.h"
#include "plugin/elf.h"

namespace collegium::testing {
namespace {

FuzzInput library(std::uint16_t segments, std::size_t bytes) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_type = ET_DYN;
#if defined(__aarch64__)
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = segments;
  FuzzInput input(sizeof header + segments * sizeof(Elf64_Phdr) + bytes);
  std::memcpy(input.data(), &header, sizeof header);
  for (std::size_t i = 0; i < segments; ++i) {
    Elf64_Phdr segment{};
    segment.p_filesz = input.size();
    std::memcpy(input.data() + sizeof header + i * sizeof segment, &segment, sizeof segment);
  }
  return input;
}

}  // namespace

std::vector<FuzzInput> corpus() {
  return {library(1, 100), library(3, 0),
          input_of("\x7f"
                   "ELF")};
}

FuzzInput disguised(FuzzInput input) { return input; }

}  // namespace collegium::testing

// Any file is either a library whose parts lie inside it, or a PluginError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = ::memfd_create("fuzz", 0);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) < 0) return 0;
  try {
    collegium::require_whole_library(file, "fuzz");
    Elf64_Ehdr header;
    std::memcpy(&header, data, sizeof header);
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment;
      std::memcpy(&segment, data + header.e_phoff + i * sizeof segment, sizeof segment);
      if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) __builtin_trap();
    }
  } catch (const collegium::PluginError&) {
  }
  return 0;
}
