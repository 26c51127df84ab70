#pragma once
#include <array>
#include <cstdint>

#include "vector/host_device.h"

namespace collegium {

// What a ChaCha20 keystream (RFC 8439) is made from: word i of the stream is word i % 16 of block
// first_block + i / 16.
struct NoiseWords {
  std::uint32_t key[8];
  std::uint32_t nonce[3];
  std::uint32_t first_block;
};

COLLEGIUM_HOST_DEVICE std::uint32_t rotate_left(std::uint32_t x, int by) {
  return x << by | x >> (32 - by);
}

COLLEGIUM_HOST_DEVICE void chacha20_quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c,
                                            std::uint32_t& d) {
  a += b;
  d = rotate_left(d ^ a, 16);
  c += d;
  b = rotate_left(b ^ c, 12);
  a += b;
  d = rotate_left(d ^ a, 8);
  c += d;
  b = rotate_left(b ^ c, 7);
}

// One block of 16 words: RFC 8439, 2.3.
COLLEGIUM_HOST_DEVICE void chacha20_block(const NoiseWords& from, std::uint32_t block,
                                          std::uint32_t out[16]) {
  const std::uint32_t state[16] = {0x61707865u, 0x3320646eu,   0x79622d32u,   0x6b206574u,
                                   from.key[0], from.key[1],   from.key[2],   from.key[3],
                                   from.key[4], from.key[5],   from.key[6],   from.key[7],
                                   block,       from.nonce[0], from.nonce[1], from.nonce[2]};
  std::uint32_t x[16];
  for (int i = 0; i < 16; ++i) x[i] = state[i];
  for (int round = 0; round < 10; ++round) {
    chacha20_quarter(x[0], x[4], x[8], x[12]);
    chacha20_quarter(x[1], x[5], x[9], x[13]);
    chacha20_quarter(x[2], x[6], x[10], x[14]);
    chacha20_quarter(x[3], x[7], x[11], x[15]);
    chacha20_quarter(x[0], x[5], x[10], x[15]);
    chacha20_quarter(x[1], x[6], x[11], x[12]);
    chacha20_quarter(x[2], x[7], x[8], x[13]);
    chacha20_quarter(x[3], x[4], x[9], x[14]);
  }
  for (int i = 0; i < 16; ++i) out[i] = x[i] + state[i];
}

}  // namespace collegium
