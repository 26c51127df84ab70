#pragma once
#include <array>
#include <cstdint>

#include "vector/device.h"

namespace collegium {

// The passes of collegium/vector_ops.h over views on any device; views of one call lie on one device. Throw
// std::invalid_argument for unequal sizes or devices, SystemError when the device refuses. The norm and every
// element-wise result has the same bits on every device.
double l2_norm(VectorView x);
bool all_finite(VectorView x);
void scale(VectorView x, double factor);
void add_scaled(VectorView sum, double factor, VectorView x);
double clip_to_norm(VectorView x, double bound);

// The state a ChaCha20 keystream (RFC 8439) is made from: word i of the stream is word i % 16 of block i / 16.
struct NoiseWords {
  std::array<std::uint32_t, 8> key;
  std::array<std::uint32_t, 3> nonce;
  std::uint32_t first_block;
};

// The kernel behind add_gaussian_noise(): values 2p and 2p+1 are noised by words 4p..4p+3 after first_block.
// `keystream(first_block, blocks, out)` is how the CPU gets words faster than one block at a time.
void add_grid_noise_cuda(VectorView x, double sigma, const NoiseWords& words);
void add_grid_noise_cpu(std::span<float> x, double sigma, std::span<const std::uint32_t> words);

}  // namespace collegium
