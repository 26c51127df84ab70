#include "transport/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/file.h"

namespace collegium {

Wakeup::Wakeup() : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw_system_error("cannot make an event descriptor", "", errno);
}

Wakeup::~Wakeup() { close(descriptor_); }

void Wakeup::ring() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof one);
}

void Wakeup::hear() noexcept {
  std::uint64_t rings;
  [[maybe_unused]] const auto got = read(descriptor_, &rings, sizeof rings);
}

}  // namespace collegium
