#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "collegium/random.h"

// Secret sharing over the field of integers modulo L = 2^252 +
// 27742317777372353535851937790883648493, the order of ed25519's base point, whose arithmetic
// libsodium does in constant time.
namespace collegium::secagg {

using Scalar = std::array<std::uint8_t, 32>;  // below L, little-endian

Scalar random_scalar(SecureRandom& random);
bool is_scalar(const Scalar& bytes);  // below L
void wipe(std::span<std::uint8_t> secret);

// The value of one sharing polynomial at x = site, counted from 1.
struct Share {
  std::uint32_t site = 0;
  Scalar value{};
};

// f(x) = secret + c_1 x + ... + c_(threshold - 1) x^(threshold - 1) at x = 1 .. sites (Shamir 1979,
// "How to Share a Secret"): any `threshold` of them give the secret, fewer say nothing about it.
std::vector<Scalar> share_secret(const Scalar& secret, std::span<const Scalar> coefficients,
                                 std::uint32_t sites);
std::vector<Scalar> share_secret(const Scalar& secret, std::uint32_t threshold, std::uint32_t sites,
                                 SecureRandom& random);

// What the shares of these sites are multiplied with to give the secret, f(0): Lagrange's
// coefficients. The sites are distinct and not 0.
std::vector<Scalar> lagrange_at_zero(std::span<const std::uint32_t> sites);
Scalar combine(std::span<const Scalar> shares, std::span<const Scalar> coefficients);

}  // namespace collegium::secagg
