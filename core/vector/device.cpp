#include "vector/device.h"

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "vector/passes.h"

namespace collegium {
namespace {

bool on_gpu(const VectorView& x) { return x.device.kind == Device::Kind::cuda; }

void check_alike(const VectorView& a, const VectorView& b) {
  if (a.size != b.size) throw std::invalid_argument("vectors of one operation must have one size");
  if (a.device != b.device)
    throw std::invalid_argument("vectors of one operation must lie on one device");
}

}  // namespace

std::string to_string(Device device) {
  return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

std::string cuda_status() { return cuda::status(); }

std::vector<Device> devices() {
  std::vector<Device> list{{}};
  for (const int index : cuda::usable()) list.push_back({Device::Kind::cuda, index});
  return list;
}

DeviceVector::DeviceVector(std::size_t size, Device device)
    : view_(
          device.kind == Device::Kind::cuda ? cuda::allocate(size, device.index) : new float[size],
          size, device) {}

DeviceVector::DeviceVector(std::span<const float> host, Device device)
    : DeviceVector(host.size(), device) {
  if (host.empty()) return;
  if (on_gpu(view_))
    cuda::copy_in(view_, host.data());
  else
    std::memcpy(view_.data, host.data(), host.size_bytes());
}

DeviceVector::DeviceVector(DeviceVector&& other) noexcept : view_(std::exchange(other.view_, {})) {}

DeviceVector::~DeviceVector() {
  if (on_gpu(view_))
    cuda::release(view_.data, view_.device.index);
  else
    delete[] view_.data;
}

std::vector<float> DeviceVector::to_host() const {
  std::vector<float> host(view_.size);
  if (host.empty()) return host;
  if (on_gpu(view_))
    cuda::copy_out(host.data(), view_);
  else
    std::memcpy(host.data(), view_.data, host.size() * sizeof(float));
  return host;
}

double dot(VectorView x, VectorView y) {
  check_alike(x, y);
  return on_gpu(x) ? cuda::dot(x, y) : cpu::dot(x.data, y.data, x.size);
}

double l2_norm(VectorView x) { return std::sqrt(dot(x, x)); }

bool all_finite(VectorView x) {
  return on_gpu(x) ? cuda::all_finite(x) : cpu::all_finite(x.data, x.size);
}

void fill_zero(VectorView x) {
  if (on_gpu(x))
    cuda::fill_zero(x);
  else if (x.size > 0)
    std::memset(x.data, 0, x.size * sizeof(float));
}

void scale(VectorView x, double factor) {
  on_gpu(x) ? cuda::scale(x, factor) : cpu::scale(x.data, x.size, factor);
}

void add_scaled(VectorView sum, double factor, VectorView x) {
  check_alike(sum, x);
  on_gpu(x) ? cuda::add_scaled(sum, factor, x) : cpu::add_scaled(sum.data, factor, x.data, x.size);
}

}  // namespace collegium
