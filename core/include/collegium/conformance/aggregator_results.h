#pragma once
#include <thread>

#include "collegium/aggregator.h"
#include "collegium/conformance/inputs.h"
#include "collegium/conformance/subject.h"

// Checks of what an aggregator makes of the updates of a round.
namespace collegium::conformance {

using AggregatorSubject = Subject<Aggregator>;

inline Update update_of(const Round& round, std::size_t site) {
  return {.values = round.updates[site], .weight = round.weights[site], .site = "conformance"};
}

inline void accumulate(Aggregator& aggregator, const Round& round, std::size_t first,
                       std::size_t last) {
  for (std::size_t k = first; k < last; ++k) aggregator.accumulate(update_of(round, k));
}

inline Values finish(Aggregator& aggregator, std::size_t size) {
  Values delta(size, 0.0F);
  aggregator.finish(delta);
  return delta;
}

inline Values combine(const AggregatorSubject& subject, const Round& round) {
  const auto aggregator = subject.make();
  accumulate(*aggregator, round, 0, round.sites());
  return finish(*aggregator, round.size());
}

inline Round usual_round(const AggregatorSubject& subject, unsigned seed, std::size_t size = 33) {
  return random_round(subject.options.sites, size, seed);
}

inline void expect_close(const AggregatorSubject& subject, const Values& found,
                         const Values& expected, double scale, const std::string& what) {
  EXPECT_LE(distance(found, expected), subject.options.tolerance * std::max(scale, 1e-30)) << what;
}

// Finite values, or a refusal: what a coordinator can go on from.
inline void expect_finite_or_refused(const AggregatorSubject& subject, const Round& round,
                                     const std::string& what) {
  Values delta;
  if (!refuses([&] { delta = combine(subject, round); }, what)) {
    EXPECT_TRUE(finite(delta)) << what << ": the result is not finite";
  }
}

inline void gives_the_same_bits_again(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 1);
  const Values first = combine(subject, round);
  for (int again = 0; again < 3; ++again) EXPECT_TRUE(same_bits(combine(subject, round), first));
}

inline void ignores_the_order_of_sites(const AggregatorSubject& subject) {
  if (subject.options.order_matters) return;
  std::mt19937 random(2);
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Round round = usual_round(subject, seed);
    const Values expected = combine(subject, round);
    std::vector<std::size_t> order(round.sites());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::shuffle(order.begin(), order.end(), random);
    std::rotate(order.begin(), order.begin() + 1, order.end());
    Round shuffled;
    for (const std::size_t k : order) {
      shuffled.updates.push_back(round.updates[k]);
      shuffled.weights.push_back(round.weights[k]);
    }
    expect_close(subject, combine(subject, shuffled), expected, round.largest(),
                 "another order of the sites: say .order_matters = true if this is meant");
  }
}

inline void overwrites_the_whole_delta(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 3);
  const auto aggregator = subject.make();
  accumulate(*aggregator, round, 0, round.sites());
  Values delta(round.size(), kNaN);
  aggregator->finish(delta);
  EXPECT_TRUE(same_bits(delta, combine(subject, round)))
      << "finish() must not read what delta held, and must write every value";
}

inline void writes_only_into_the_delta(const AggregatorSubject& subject) {
  constexpr std::size_t kMargin = 16;
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    const Round round = usual_round(subject, 4, size);
    const auto aggregator = subject.make();
    accumulate(*aggregator, round, 0, round.sites());
    Values memory(size + 2 * kMargin, kGuard);
    aggregator->finish(std::span(memory).subspan(kMargin, size));
    for (std::size_t i = 0; i < kMargin; ++i)
      EXPECT_TRUE(memory[i] == kGuard && memory[kMargin + size + i] == kGuard)
          << "finish() wrote outside its " << size << " values";
  }
}

inline void leaves_updates_alone(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 5);
  const Round before = round;
  combine(subject, round);
  EXPECT_EQ(round.updates, before.updates) << "updates belong to others and are only read";
}

// What traits() does not declare as retained may be gone after accumulate().
inline void keeps_no_update_that_it_does_not_retain(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 6);
  const auto aggregator = subject.make();
  if (aggregator->traits().retains_updates) return;
  Round passing = round;
  for (std::size_t k = 0; k < round.sites(); ++k) {
    aggregator->accumulate(update_of(passing, k));
    std::fill(passing.updates[k].begin(), passing.updates[k].end(), kGuard);
  }
  EXPECT_TRUE(same_bits(finish(*aggregator, round.size()), combine(subject, round)))
      << "an update was read after accumulate(): say retains_updates = true, or copy it";
}

inline void takes_one_site(const AggregatorSubject& subject) {
  expect_finite_or_refused(subject, random_round(1, 9, 7), "a round of one site");
}

inline void takes_a_model_of_one_value(const AggregatorSubject& subject) {
  EXPECT_TRUE(finite(combine(subject, usual_round(subject, 8, 1))));
}

inline void takes_many_sites(const AggregatorSubject& subject) {
  for (std::size_t sites = subject.options.sites; sites < subject.options.sites + 60; sites += 7)
    EXPECT_TRUE(finite(combine(subject, random_round(sites, 5, 9)))) << sites << " sites";
}

inline void makes_nothing_of_zeros(const AggregatorSubject& subject) {
  Round round = usual_round(subject, 10);
  for (Values& values : round.updates) std::fill(values.begin(), values.end(), 0.0F);
  EXPECT_EQ(norm(combine(subject, round)), 0.0) << "no site has moved, and the model would move";
}

inline void moves_where_all_sites_move(const AggregatorSubject& subject) {
  Round round = usual_round(subject, 11);
  for (Values& values : round.updates) values = round.updates.front();
  const Values delta = combine(subject, round);
  double along = 0;
  for (std::size_t i = 0; i < delta.size(); ++i)
    along += double{delta[i]} * double{round.updates.front()[i]};
  EXPECT_GT(along, 0) << "all sites agree, and the model would not move their way";
}

inline void refuses_or_keeps_finite_what_is_large(const AggregatorSubject& subject) {
  for (const float size : {1e20F, 3e38F, 1e-42F}) {
    Round round = usual_round(subject, 12);
    for (Values& values : round.updates)
      for (float& value : values) value = value > 0 ? size : -size;
    expect_finite_or_refused(subject, round, "values of size " + std::to_string(size));
  }
}

// A coordinator lets no such value through; other callers may.
inline void survives_values_that_are_not_finite(const AggregatorSubject& subject) {
  for (const float value : {kNaN, kInfinity, -kInfinity}) {
    Round round = usual_round(subject, 13);
    round.updates[1][2] = value;
    round.updates.back().assign(round.size(), value);
    refuses([&] { combine(subject, round); }, "a value that is not finite");
  }
}

inline void survives_weights_far_apart(const AggregatorSubject& subject) {
  Round round = usual_round(subject, 14);
  round.weights.front() = 1e-300;
  round.weights.back() = 1e300;
  expect_finite_or_refused(subject, round, "weights of 1e-300 and 1e300");
}

inline void instances_share_nothing(const AggregatorSubject& subject) {
  const Round one = usual_round(subject, 15), other = usual_round(subject, 16, 21);
  const Values expected = combine(subject, one);
  const auto first = subject.make(), second = subject.make();
  for (std::size_t k = 0; k < one.sites(); ++k) {
    first->accumulate(update_of(one, k));
    second->accumulate(update_of(other, k));
  }
  finish(*second, other.size());
  EXPECT_TRUE(same_bits(finish(*first, one.size()), expected))
      << "two rounds at once spoil one another";
}

inline void works_in_several_threads(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 17, 1000);
  const Values expected = combine(subject, round);
  std::vector<Values> found(4);
  std::vector<std::thread> threads;
  for (Values& each : found)
    threads.emplace_back([&] {
      refuses(
          [&] {
            for (int i = 0; i < 20; ++i) each = combine(subject, round);
          },
          "a thread");
    });
  for (std::thread& thread : threads) thread.join();
  for (const Values& each : found) EXPECT_TRUE(same_bits(each, expected));
}

}  // namespace collegium::conformance
