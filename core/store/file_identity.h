#pragma once
#include <filesystem>
#include <string>

namespace collegium {

// Names the very file at this path on this machine: machine, inode, and when the inode was made. A
// copy has another one, wherever it lies; a file that was moved within its file system, or written
// to, keeps it. Without blanks. A snapshot of a whole machine or disk carries it along.
std::string file_identity(const std::filesystem::path& file);

}  // namespace collegium
