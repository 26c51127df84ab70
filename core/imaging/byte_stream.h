#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct z_stream_s;

namespace collegium {

// The bytes of one file or buffer, inflated on the way if they begin as gzip does (whatever the
// name says). Several gzip members in a row are one stream (RFC 1952, 2.2); the checksum of each is
// verified when its end is reached. DataError with the file's name for damaged bytes.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& path);
  ByteStream(std::span<const std::uint8_t> bytes, std::string_view name);  // bytes must outlive it
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Fills `out`; a smaller count means that the stream ended there, whole.
  std::size_t read(std::span<std::uint8_t> out);

  bool compressed() const { return inflate_ != nullptr; }
  // No more bytes than this can come out: the size, or 1032 times it (deflate's best ratio).
  std::uint64_t at_most() const;
  const std::string& name() const { return name_; }

 private:
  struct EndInflate {
    void operator()(z_stream_s* stream) const;
  };

  void start();
  bool refill();  // false at the end of the input
  std::size_t read_plain(std::span<std::uint8_t> out);
  std::size_t read_gzip(std::span<std::uint8_t> out);
  bool next_member();

  std::string name_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  std::vector<std::uint8_t> buffer_;
  std::span<const std::uint8_t> pending_;
  std::unique_ptr<z_stream_s, EndInflate> inflate_;
  bool ended_ = false;
};

}  // namespace collegium
