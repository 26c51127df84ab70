#pragma once
#include <cmath>

#include "collegium/conformance/mechanism_event.h"

// Checks of a mechanism's noise: where it comes from, and whether it is as large as event() says.
namespace collegium::conformance {

inline void draws_its_noise_from_the_hosts_words(const MechanismSubject& subject) {
  const Values first = applied(*subject.make(), usual_update(30), 30);
  for (int again = 0; again < 3; ++again)
    EXPECT_TRUE(same_bits(applied(*subject.make(), usual_update(30), 30), first))
        << "the same words gave another result: only SecureRandom is secret, and kept apart for "
           "every site";
}

inline void other_words_give_other_noise(const MechanismSubject& subject) {
  if (!adds_noise(subject.make()->event(context_of(1)).kind)) return;
  const Values one = applied(*subject.make(), usual_update(31), 31);
  int equal = 0;
  for (unsigned words = 32; words < 42; ++words)
    equal += same_bits(applied(*subject.make(), usual_update(31), words), one);
  EXPECT_LT(equal, 10) << "event() promises noise, and the result does not depend on any";
}

inline void noise_is_fresh_in_every_round(const MechanismSubject& subject) {
  if (!adds_noise(subject.make()->event(context_of(1)).kind)) return;
  const auto mechanism = subject.make();
  SeededWords random(43);
  const Values update = usual_update(43);
  int equal = 0;
  Values last = update;
  for (std::uint64_t round = 1; round <= 10; ++round) {
    Values values = update;
    const std::size_t before = random.drawn();
    mechanism->apply(values, context_of(round), random);
    EXPECT_GT(random.drawn(), before) << "no words were drawn in round " << round;
    equal += same_bits(values, last);
    last = values;
  }
  EXPECT_LT(equal, 9) << "noise that comes twice can be subtracted";
}

inline void releases_nothing_if_it_says_so(const MechanismSubject& subject) {
  if (subject.make()->event(context_of(1)).kind != PrivacyEvent::Kind::none) return;
  const Values zero = applied(*subject.make(), usual_update(44, 0.0F), 44);
  for (const float size : {1e-3F, 1.0F, 1e3F})
    EXPECT_TRUE(same_bits(applied(*subject.make(), usual_update(44, size), 44), zero))
        << "the result depends on the data, and event() says that nothing is released";
}

// P of a standard normal above x, and its inverse by bisection.
inline double normal_above(double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); }
inline double normal_point(double above) {
  double low = -40, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (normal_above(middle) > above ? low : high) = middle;
  }
  return low;
}

// Between `share` and `end`, the furthest that the true probability may lie from the share seen in
// `trials`, but for a chance of 1e-7 (Chernoff: exp(-trials KL(share | truth))).
inline double furthest(double share, double end, int trials) {
  const auto information = [&](double truth) {
    const double yes = share > 0 ? share * std::log(share / truth) : 0;
    const double no = share < 1 ? (1 - share) * std::log((1 - share) / (1 - truth)) : 0;
    return trials * (yes + no);
  };
  double inside = share, outside = end;
  for (int i = 0; i < 60; ++i) {
    const double middle = (inside + outside) / 2;
    (information(middle) < std::log(1e7) ? inside : outside) = middle;
  }
  return outside;
}

// The largest share of trues that a test may have with `false_share` of false alarms, if the event
// is true: the trade-off curve of its kind (Dong, Roth and Su 2022; Wasserman and Zhou 2010). A
// sampled event is no stronger to this attack, which sees one whole update: it is passed over.
inline double largest_true_share(const PrivacyEvent& event, double false_share) {
  using Kind = PrivacyEvent::Kind;
  const auto count = static_cast<double>(event.count);
  if (event.sampling_rate != 1) return 1;
  if (event.kind == Kind::gaussian || event.kind == Kind::sampled_gaussian)
    return normal_above(normal_point(false_share) - std::sqrt(count) / event.noise_multiplier);
  double epsilon = event.epsilon;
  if (event.kind == Kind::laplace)
    epsilon = 1 / event.noise_multiplier;
  else if (event.kind != Kind::pure && event.kind != Kind::approximate)
    return 1;
  return std::min(1.0, std::exp(count * epsilon) * false_share + count * event.delta);
}

// Tells two neighbouring updates apart by a number made of the result, as well as event() allows
// and no better. False alarm below 1e-6, and the words are seeded: it fails always or never.
inline void hides_an_update_as_well_as_it_says(const MechanismSubject& subject) {
  constexpr int kTrials = 4000;
  constexpr std::size_t kSize = 8;
  const PrivacyEvent event = subject.make()->event(context_of(1, nullptr));
  const auto mechanism = subject.make();
  SeededWords random(45);
  const bool opposite = event.neighbours == PrivacyEvent::Neighbours::replace_one;
  for (const float size : {1e-4F, 1.0F, 1e4F}) {
    const Values present(kSize, size), absent(kSize, opposite ? -size : 0.0F);
    const auto scores = [&](const Values& update) {
      std::vector<double> sums;
      for (int i = 0; i < kTrials; ++i) {
        Values values = update;
        mechanism->apply(values, context_of(1, nullptr), random);
        double sum = 0;
        for (const float value : values) sum += double{value};
        sums.push_back(sum);
      }
      std::sort(sums.begin(), sums.end());
      return sums;
    };
    const std::vector<double> with = scores(present), without = scores(absent);
    const auto above = [&](const std::vector<double>& sorted, double threshold) {
      return double(sorted.end() - std::upper_bound(sorted.begin(), sorted.end(), threshold)) /
             kTrials;
    };
    for (const double quantile : {0.5, 0.9, 0.99, 0.9999}) {
      const double threshold = without[static_cast<std::size_t>(quantile * (kTrials - 1))];
      const double true_share = furthest(above(with, threshold), 0, kTrials);
      const double false_share = furthest(above(without, threshold), 1, kTrials);
      ASSERT_LE(true_share, largest_true_share(event, false_share))
          << "an update of size " << size << " is recognised in at least " << 100 * true_share
          << "% of rounds, with at most " << 100 * false_share
          << "% false alarms: better than event() promises";
    }
  }
}

}  // namespace collegium::conformance
