#pragma once
#include <c10/core/Device.h>

#include <string>

namespace collegium {

// The site's word comes before the task's; "auto" is CUDA where torch has it. ConfigError: "cuda"
// without CUDA.
at::Device choose_device(const std::string& site, const std::string& task);

// torch's intra-op threads of this thread, for the life of the object.
class ThreadCount {
 public:
  explicit ThreadCount(int threads);
  ~ThreadCount();
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace collegium
