#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "collegium/privacy.h"

namespace collegium {

// Which argument gave an epsilon.
enum class Accountant {
  nothing,         // nothing was released
  exact_gaussian,  // the curve of one Gaussian: everything is Gaussian, and nobody is sampled
  privacy_loss,    // pld/pld.h
  renyi,           // renyi_epsilon
  plain_sum,       // epsilons added up, Gaussians as one unsampled Gaussian
  none             // nothing can be promised
};
const char* name_of(Accountant accountant);

struct Composition {
  double epsilon = 0.0;
  Accountant accountant = Accountant::nothing;
  // What each of them says; infinite where it does not apply or was not needed.
  double privacy_loss = 0.0, renyi = 0.0, plain_sum = 0.0;
};

// The smallest epsilon that we can prove for the composition of `events` at this delta, for the
// neighbours that they state. For one schedule that was fixed before its first release; where a
// release was chosen after seeing another, renyi_epsilon. Never below the truth; infinite when
// nothing can be promised. ConfigError: delta outside [0, 1), a rate outside [0, 1], a negative
// count or noise, NaN anywhere, events of two neighbour relations.
Composition compose(std::span<const PrivacyEvent> events, double delta);
double epsilon(std::span<const PrivacyEvent> events, double delta);  // of compose()

// The same from the sums of Renyi divergences alone, at the best of the default orders. What
// approximate events leave out is taken from delta first. For composition across runs see filter.h.
double renyi_epsilon(std::span<const PrivacyEvent> events, double delta);

// Renyi divergence of one event (all its `count` releases) at each order > 1; per order it adds up
// across events. Of an approximate event: but for what delta_set_aside (event_rules.h) counts.
std::vector<double> rdp(const PrivacyEvent& event, std::span<const double> orders);
const std::vector<double>& default_orders();

// Renyi curve -> epsilon at delta (Canonne, Kamath and Steinke 2020, Prop. 12; Balle et al. 2020).
double epsilon_from_rdp(std::span<const double> orders, std::span<const double> rdp, double delta);

// Epsilon of a Gaussian release whose sensitivity / standard deviation is mu (Balle and Wang 2018),
// from above.
double gaussian_epsilon(double mu, double delta);

}  // namespace collegium
