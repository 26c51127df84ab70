#include "torch/training/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "collegium/error.h"

namespace collegium {

at::Device choose_device(const std::string& site, const std::string& task) {
  const auto& wanted = site == "auto" ? task : site;
  if (wanted == "cpu" || (wanted == "auto" && !at::hasCUDA())) return at::kCPU;
  if (!at::hasCUDA())
    throw ConfigError({.what = "there is no CUDA device here",
                       .where = "device",
                       .expected = "cpu or auto",
                       .found = wanted,
                       .remedy = "install a CUDA build of torch, or set device = \"cpu\""});
  return at::kCUDA;
}

ThreadCount::ThreadCount(int threads) : before_(at::get_num_threads()) {
  if (threads != before_) at::set_num_threads(threads);
}

ThreadCount::~ThreadCount() {
  if (at::get_num_threads() != before_) at::set_num_threads(before_);
}

}  // namespace collegium
