#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace collegium {

// Whole files. Every failure is a SystemError with the path, the system's own words and what to do
// about it.
inline constexpr std::size_t kWholeFileLimit = std::size_t{1} << 34;  // 16 GiB

std::vector<std::uint8_t> read_file(const std::string& path, std::size_t limit = kWholeFileLimit);
std::string read_text(const std::string& path, std::size_t limit = std::size_t{1} << 24);

// Afterwards the file is either the old one or wholly the new one, also after a power cut: a
// temporary file beside it is written, synced and renamed, and the folder is synced. The parts are
// written one after the other.
void write_file_atomically(const std::string& path,
                           std::initializer_list<std::span<const std::uint8_t>> parts,
                           unsigned mode = 0644);
void write_file_atomically(const std::string& path, std::string_view text, unsigned mode = 0644);

void make_folders(const std::string& path);  // and their parents; existing ones are fine

// "cannot write", path -> the SystemError for the current errno, for callers that make their own
// system calls.
[[noreturn]] void throw_system_error(std::string what, const std::string& where, int error);

}  // namespace collegium
