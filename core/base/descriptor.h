#pragma once
#include <unistd.h>

#include <utility>

namespace collegium {

// An open file of the system, or -1; closed when this ends.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }
  int close() {
    return ::close(std::exchange(number_, -1));
  }  // some file systems report a full disk only here

 private:
  int number_;
};

}  // namespace collegium
