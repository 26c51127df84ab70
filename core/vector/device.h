#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace collegium {

// Where a flat vector lives.
struct Device {
  enum class Kind { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;  // the CUDA device; 0 for the CPU
  bool operator==(const Device&) const = default;
};

std::string to_string(Device device);  // "cpu", "cuda:0"
std::vector<Device> devices();         // the CPU first, then the usable GPUs
std::string cuda_status();             // "" if a GPU can be used, else one line saying why not

// A flat vector on a device; the memory is the caller's. `stream` is a cudaStream_t (null: the
// default stream) and is ignored on the CPU. Operations that change a view are queued on its
// stream; those that return a value wait for it.
struct VectorView {
  float* data = nullptr;
  std::size_t size = 0;
  Device device = {};
  void* stream = nullptr;

  VectorView() = default;
  explicit VectorView(std::span<float> host) : data(host.data()), size(host.size()) {}
  VectorView(float* data_, std::size_t size_, Device device_, void* stream_ = nullptr)
      : data(data_), size(size_), device(device_), stream(stream_) {}
};

// Memory on a device, for code that has no torch at hand.
class DeviceVector {
 public:
  DeviceVector(std::size_t size, Device device);
  DeviceVector(std::span<const float> host, Device device);
  ~DeviceVector();
  DeviceVector(DeviceVector&& other) noexcept;
  DeviceVector& operator=(DeviceVector&&) = delete;

  VectorView view() const { return view_; }
  std::vector<float> to_host() const;

 private:
  VectorView view_;
};

}  // namespace collegium
