#include "plugin/elf.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "collegium/error.h"

namespace collegium {
namespace {

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
constexpr const char* kMachineName = "aarch64";
#else
constexpr unsigned kMachine = EM_NONE;  // any
constexpr const char* kMachineName = "this processor";
#endif

[[noreturn]] void refuse(const std::string& path, std::string what, std::string expected,
                         std::string found, std::string remedy) {
  throw PluginError({.what = std::move(what),
                     .where = path,
                     .expected = std::move(expected),
                     .found = std::move(found),
                     .remedy = std::move(remedy)});
}

bool read_at(int descriptor, void* to, std::size_t size, std::uint64_t offset) {
  return ::pread(descriptor, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

bool ends_within(std::uint64_t offset, std::uint64_t size, std::uint64_t file_size) {
  return offset <= file_size && size <= file_size - offset;
}

}  // namespace

void require_whole_library(int descriptor, const std::string& path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse(path, "not a plugin file", "a regular file", "something else",
           "name the plugin's .so file");
  }
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  Elf64_Ehdr header{};
  if (!read_at(descriptor, &header, sizeof header, 0) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    refuse(path, "not a shared library", "an ELF file", "other contents",
           "name the plugin's .so file, not its source");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      (kMachine != EM_NONE && header.e_machine != kMachine)) {
    refuse(path, "built for another processor", kMachineName,
           "ELF machine " + std::to_string(header.e_machine), "rebuild the plugin on this machine");
  }
  if (header.e_type != ET_DYN) {
    refuse(path, "not a shared library", "ELF type 3 (shared object)",
           "ELF type " + std::to_string(header.e_type),
           "link the plugin with collegium_add_plugin()");
  }
  const std::string whole = "a whole file";
  const std::string cut = "a file of " + std::to_string(file_size) + " bytes that ends too early";
  const std::string copy_again = "copy or build the file again";
  const std::uint64_t segments_size = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      !ends_within(header.e_phoff, segments_size, file_size) ||
      !ends_within(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize, file_size)) {
    refuse(path, "truncated or damaged", whole, cut, copy_again);
  }
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!read_at(descriptor, segments.data(), segments_size, header.e_phoff)) {
    refuse(path, "truncated or damaged", whole, cut, copy_again);
  }
  for (const Elf64_Phdr& segment : segments) {
    if (!ends_within(segment.p_offset, segment.p_filesz, file_size)) {
      refuse(path, "truncated or damaged", whole, cut, copy_again);
    }
  }
}

}  // namespace collegium
