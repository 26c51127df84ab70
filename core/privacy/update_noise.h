#pragma once
#include <span>

#include "collegium/layout.h"
#include "collegium/random.h"

namespace collegium {

// The two halves of the Gaussian mechanism on a whole update, one at the site, the other at the
// site or at the coordinator. Slots that are not trainable become 0 and get no noise: they never
// move, so nothing about them is a release.

// Clips the norm over the trainable slots to `clip` (1 - 2^-10); a value that is not finite makes
// the whole update 0.
void clip_update(std::span<float> update, const Layout& layout, double clip);

// What is not trainable becomes 0: running statistics do not leave with an update that is protected
// as a whole, since they are neither clipped nor noised.
void keep_trainable(std::span<float> update, const Layout& layout);

// Adds N(0, sigma^2) to every trainable value: add_gaussian_noise() of privacy/noise.h.
void noise_update(std::span<float> update, const Layout& layout, double sigma,
                  SecureRandom& random);

}  // namespace collegium
