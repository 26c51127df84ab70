#include "imaging/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kBufferSize = std::size_t{256} << 10;
constexpr std::uint64_t kDeflateRatio = 1032;
constexpr int kGzipOnly = 15 + 16;  // zlib: largest window, gzip wrapper required

[[noreturn]] void damaged(const std::string& name, std::string found) {
  throw DataError({.what = "the compressed file is damaged",
                   .where = name,
                   .expected = "whole gzip data whose checksum agrees",
                   .found = std::move(found),
                   .remedy = "copy or export the file again; `gzip -t FILE` shows the same"});
}

std::span<const std::uint8_t> drop(std::span<const std::uint8_t> bytes, std::size_t count) {
  return bytes.subspan(count);
}

}  // namespace

void ByteStream::EndInflate::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

ByteStream::ByteStream(const std::filesystem::path& path) : name_(path.string()) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) {
    throw DataError({.what = "the file cannot be opened",
                     .where = name_,
                     .expected = "a readable file",
                     .found = std::strerror(errno),
                     .remedy = "check the path and its permissions"});
  }
  struct stat facts {};
  if (::fstat(file_, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(file_);
    throw DataError({.what = "not a regular file",
                     .where = name_,
                     .expected = "a .nii or .nii.gz file",
                     .found = S_ISDIR(facts.st_mode) ? "a folder" : "a device or a pipe"});
  }
  size_ = static_cast<std::uint64_t>(facts.st_size);
  buffer_.resize(kBufferSize);
  try {
    refill();
    start();
  } catch (...) {
    ::close(file_);
    throw;
  }
}

ByteStream::ByteStream(std::span<const std::uint8_t> bytes, std::string_view name)
    : name_(name), size_(bytes.size()), pending_(bytes) {
  start();
}

ByteStream::~ByteStream() {
  if (file_ >= 0) ::close(file_);
}

void ByteStream::start() {
  if (pending_.size() < 2 || pending_[0] != 0x1f || pending_[1] != 0x8b) return;
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
  inflate_.reset(stream.release());
}

std::uint64_t ByteStream::at_most() const {
  return compressed() ? size_ * kDeflateRatio + kDeflateRatio : size_;
}

bool ByteStream::refill() {
  if (file_ < 0) return false;
  ssize_t count = 0;
  do {
    count = ::read(file_, buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    throw SystemError({.what = "reading failed", .where = name_, .found = std::strerror(errno)});
  }
  pending_ = std::span(buffer_).first(static_cast<std::size_t>(count));
  return count > 0;
}

std::size_t ByteStream::read(std::span<std::uint8_t> out) {
  return compressed() ? read_gzip(out) : read_plain(out);
}

std::size_t ByteStream::read_plain(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size() && (!pending_.empty() || refill())) {
    const std::size_t count = std::min(pending_.size(), out.size() - done);
    std::memcpy(out.data() + done, pending_.data(), count);
    pending_ = drop(pending_, count);
    done += count;
  }
  return done;
}

std::size_t ByteStream::read_gzip(std::span<std::uint8_t> out) {
  // zlib counts in 32 bits.
  constexpr std::size_t kMost = std::size_t{1} << 30;
  std::size_t done = 0;
  while (done < out.size() && !ended_) {
    if (pending_.empty() && !refill()) damaged(name_, "the file ends early");
    const std::size_t in = std::min(pending_.size(), kMost);
    const std::size_t room = std::min(out.size() - done, kMost);
    inflate_->next_in = const_cast<Bytef*>(pending_.data());
    inflate_->avail_in = static_cast<uInt>(in);
    inflate_->next_out = out.data() + done;
    inflate_->avail_out = static_cast<uInt>(room);
    const int state = inflate(inflate_.get(), Z_NO_FLUSH);
    pending_ = drop(pending_, in - inflate_->avail_in);
    done += room - inflate_->avail_out;
    if (state == Z_STREAM_END) {
      ended_ = !next_member();
    } else if (state == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (state != Z_OK && state != Z_BUF_ERROR) {
      damaged(name_, inflate_->msg != nullptr ? inflate_->msg : "bytes that are not deflate data");
    }
  }
  return done;
}

// After the end of a member: another member, or nothing but zeros (as tape tools pad).
bool ByteStream::next_member() {
  while (!pending_.empty() || refill()) {
    if (pending_[0] != 0) {
      if (pending_[0] != 0x1f) damaged(name_, "bytes after the end of the compressed data");
      inflateReset(inflate_.get());
      return true;
    }
    pending_ = drop(pending_, 1);
  }
  return false;
}

}  // namespace collegium
