#include "model/safetensors.h"

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/file.h"
#include "collegium/error.h"
#include "model/safetensors_header.h"

namespace collegium {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are written from where they lie");

constexpr std::size_t kPrefix = 8;

[[noreturn]] void refuse(const std::string& source, std::string what, std::string expected,
                         std::string found) {
  throw DataError(Problem{.what = "not a safetensors file: " + std::move(what),
                          .where = source,
                          .expected = std::move(expected),
                          .found = std::move(found),
                          .remedy = "check that the file was copied completely"});
}

// The length of the JSON header, checked against the file's size.
std::size_t header_length(std::span<const std::uint8_t, kPrefix> prefix, std::uint64_t file_size,
                          const std::string& source) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kPrefix; ++i) length |= std::uint64_t{prefix[i]} << (8 * i);
  if (length > kMaxSafetensorsHeader || length > file_size - kPrefix) {
    refuse(source, "the header's length cannot be true",
           "at most " +
               std::to_string(std::min<std::uint64_t>(kMaxSafetensorsHeader, file_size - kPrefix)) +
               " bytes",
           std::to_string(length));
  }
  return static_cast<std::size_t>(length);
}

void read_exactly(std::ifstream& file, void* target, std::size_t size, const std::string& source) {
  file.read(static_cast<char*>(target), static_cast<std::streamsize>(size));
  if (static_cast<std::size_t>(file.gcount()) != size) {
    refuse(source, "the file became shorter while it was read", std::to_string(size) + " bytes",
           std::to_string(file.gcount()));
  }
}

}  // namespace

void save_safetensors(const std::filesystem::path& file, const Layout& layout,
                      std::span<const float> values,
                      const std::map<std::string, std::string>& metadata) {
  if (values.size() != layout.size()) {
    throw DataError(Problem{.what = "the model and its layout disagree",
                            .where = file.string(),
                            .expected = std::to_string(layout.size()) + " values",
                            .found = std::to_string(values.size())});
  }
  const std::string header = write_safetensors_header(layout, metadata);
  std::array<std::uint8_t, kPrefix> prefix{};
  for (std::size_t i = 0; i < kPrefix; ++i)
    prefix[i] = static_cast<std::uint8_t>(header.size() >> (8 * i));
  write_file_atomically(
      file.string(), {prefix,
                      {reinterpret_cast<const std::uint8_t*>(header.data()), header.size()},
                      {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()}});
}

StoredModel load_safetensors(const std::filesystem::path& path) {
  const std::string source = path.string();
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw_system_error("cannot read the model", source, error.value());
  std::ifstream file(path, std::ios::binary);
  if (!file) throw_system_error("cannot read the model", source, errno);
  if (size < kPrefix) refuse(source, "too short", "at least 8 bytes", std::to_string(size));
  std::array<std::uint8_t, kPrefix> prefix{};
  read_exactly(file, prefix.data(), prefix.size(), source);
  std::string json(header_length(prefix, size, source), '\0');
  read_exactly(file, json.data(), json.size(), source);
  SafetensorsHeader header = parse_safetensors_header(json, size - kPrefix - json.size(), source);
  StoredModel model{std::move(header.layout), {}, std::move(header.metadata)};
  model.values.resize(model.layout.size());
  read_exactly(file, model.values.data(), model.values.size() * sizeof(float), source);
  return model;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::uint8_t> bytes,
                                           const std::string& source) {
  if (bytes.size() < kPrefix)
    refuse(source, "too short", "at least 8 bytes", std::to_string(bytes.size()));
  const std::size_t length = header_length(bytes.first<kPrefix>(), bytes.size(), source);
  const std::string_view json(reinterpret_cast<const char*>(bytes.data()) + kPrefix, length);
  return parse_safetensors_header(json, bytes.size() - kPrefix - length, source);
}

StoredModel parse_safetensors(std::span<const std::uint8_t> bytes, const std::string& source) {
  SafetensorsHeader header = parse_safetensors_header(bytes, source);
  const auto data = bytes.last(header.layout.size() * sizeof(float));
  StoredModel model{std::move(header.layout), {}, std::move(header.metadata)};
  model.values.resize(model.layout.size());
  if (!data.empty()) std::memcpy(model.values.data(), data.data(), data.size());
  return model;
}

}  // namespace collegium
