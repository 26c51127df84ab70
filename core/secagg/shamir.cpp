#include "secagg/shamir.h"

#include <sodium.h>

#include <algorithm>

namespace collegium::secagg {
namespace {

Scalar scalar_of(std::uint32_t number) {
  Scalar scalar{};
  for (std::size_t i = 0; i < 4; ++i) scalar[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return scalar;
}

Scalar product(const Scalar& a, const Scalar& b) {
  Scalar result;
  crypto_core_ed25519_scalar_mul(result.data(), a.data(), b.data());
  return result;
}

Scalar sum(const Scalar& a, const Scalar& b) {
  Scalar result;
  crypto_core_ed25519_scalar_add(result.data(), a.data(), b.data());
  return result;
}

Scalar difference(const Scalar& a, const Scalar& b) {
  Scalar result;
  crypto_core_ed25519_scalar_sub(result.data(), a.data(), b.data());
  return result;
}

}  // namespace

void wipe(std::span<std::uint8_t> secret) { sodium_memzero(secret.data(), secret.size()); }

// 512 random bits modulo L: within 2^-259 of uniform.
Scalar random_scalar(SecureRandom& random) {
  std::array<std::uint32_t, 16> words;
  random.words(words);
  std::array<std::uint8_t, 64> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  Scalar scalar;
  crypto_core_ed25519_scalar_reduce(scalar.data(), bytes.data());
  sodium_memzero(words.data(), sizeof(words));
  wipe(bytes);
  return scalar;
}

bool is_scalar(const Scalar& bytes) {
  std::array<std::uint8_t, 64> wide{};
  std::copy(bytes.begin(), bytes.end(), wide.begin());
  Scalar reduced;
  crypto_core_ed25519_scalar_reduce(reduced.data(), wide.data());
  const bool same = sodium_memcmp(reduced.data(), bytes.data(), bytes.size()) == 0;
  wipe(wide);
  wipe(reduced);
  return same;
}

std::vector<Scalar> share_secret(const Scalar& secret, std::span<const Scalar> coefficients,
                                 std::uint32_t sites) {
  std::vector<Scalar> shares(sites);
  for (std::uint32_t site = 1; site <= sites; ++site) {
    const Scalar x = scalar_of(site);
    Scalar value{};  // Horner's rule
    for (std::size_t i = coefficients.size(); i-- > 0;)
      value = product(sum(value, coefficients[i]), x);
    shares[site - 1] = sum(value, secret);
  }
  return shares;
}

std::vector<Scalar> share_secret(const Scalar& secret, std::uint32_t threshold, std::uint32_t sites,
                                 SecureRandom& random) {
  std::vector<Scalar> coefficients(threshold - 1);
  for (Scalar& coefficient : coefficients) coefficient = random_scalar(random);
  std::vector<Scalar> shares = share_secret(secret, coefficients, sites);
  for (Scalar& coefficient : coefficients) wipe(coefficient);
  return shares;
}

std::vector<Scalar> lagrange_at_zero(std::span<const std::uint32_t> sites) {
  std::vector<Scalar> coefficients;
  for (const std::uint32_t mine : sites) {
    Scalar above = scalar_of(1);
    Scalar below = scalar_of(1);
    for (const std::uint32_t other : sites) {
      if (other == mine) continue;
      above = product(above, scalar_of(other));
      below = product(below, difference(scalar_of(other), scalar_of(mine)));
    }
    Scalar inverse;
    crypto_core_ed25519_scalar_invert(inverse.data(), below.data());
    coefficients.push_back(product(above, inverse));
  }
  return coefficients;
}

Scalar combine(std::span<const Scalar> shares, std::span<const Scalar> coefficients) {
  Scalar secret{};
  for (std::size_t i = 0; i < shares.size(); ++i)
    secret = sum(secret, product(shares[i], coefficients[i]));
  return secret;
}

}  // namespace collegium::secagg
