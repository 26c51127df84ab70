#pragma once
#include "collegium/conformance/aggregator_results.h"

// Checks of what an aggregator has to refuse, of merging, and of what it says of itself.
namespace collegium::conformance {

inline void refuses_an_empty_round(const AggregatorSubject& subject) {
  Values delta(4, 1.0F);
  EXPECT_TRUE(refuses([&] { subject.make()->finish(delta); }, "finish() without an update"))
      << "nothing was accumulated, so there is nothing to return";
}

inline void refuses_updates_of_different_sizes(const AggregatorSubject& subject) {
  const Values shorter(5, 1.0F), longer(6, 1.0F);
  for (const bool grows : {true, false}) {
    const auto aggregator = subject.make();
    aggregator->accumulate({.values = grows ? shorter : longer, .weight = 1, .site = "first"});
    EXPECT_TRUE(refuses(
        [&] {
          aggregator->accumulate({.values = grows ? longer : shorter, .weight = 1, .site = "next"});
        },
        "an update of another size"));
  }
}

inline void refuses_a_delta_of_another_size(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 20, 8);
  for (const std::size_t size : {std::size_t{7}, std::size_t{9}}) {
    const auto aggregator = subject.make();
    accumulate(*aggregator, round, 0, round.sites());
    Values delta(size);
    EXPECT_TRUE(refuses([&] { aggregator->finish(delta); }, "a delta of another size"));
  }
}

inline void merges_into_what_one_would_have_made(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 21);
  const Values expected = combine(subject, round);
  for (std::size_t cut = 1; cut < round.sites(); ++cut) {
    const auto left = subject.make(), right = subject.make();
    accumulate(*left, round, 0, cut);
    accumulate(*right, round, cut, round.sites());
    left->merge(*right);
    expect_close(subject, finish(*left, round.size()), expected, round.largest(),
                 "merged after " + std::to_string(cut) + " sites");
  }
}

inline void merges_with_an_empty_part(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 22);
  const Values expected = combine(subject, round);
  for (const bool into_empty : {true, false}) {
    const auto full = subject.make(), empty = subject.make();
    accumulate(*full, round, 0, round.sites());
    Aggregator& kept = into_empty ? *empty : *full;
    kept.merge(into_empty ? *full : *empty);
    expect_close(subject, finish(kept, round.size()), expected, round.largest(),
                 into_empty ? "all merged into an empty part" : "an empty part merged");
  }
}

inline void takes_over_what_it_merges(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 23);
  const Values expected = combine(subject, round);
  const auto kept = subject.make();
  accumulate(*kept, round, 0, 2);
  {
    const auto part = subject.make();
    accumulate(*part, round, 2, round.sites());
    kept->merge(*part);
    // What is left in the part is nobody's concern, and new updates in it must not matter either.
    refuses([&] { accumulate(*part, usual_round(subject, 24), 0, 1); },
            "accumulate() after merge()");
  }
  expect_close(subject, finish(*kept, round.size()), expected, round.largest(),
               "the merged part was used again and destroyed");
}

class Stranger final : public Aggregator {
 public:
  Traits traits() const override { return {}; }
  void accumulate(const Update&) override {}
  void merge(Aggregator&) override {}
  void finish(std::span<float>) override {}
};

inline void refuses_to_merge_with_a_stranger(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 25);
  const auto aggregator = subject.make();
  accumulate(*aggregator, round, 0, 1);
  Stranger stranger;
  EXPECT_TRUE(refuses([&] { aggregator->merge(stranger); }, "merging another kind of aggregator"))
      << "dynamic_cast the pointer, and refuse when it is null";
}

inline void refuses_to_merge_with_itself(const AggregatorSubject& subject) {
  const Round round = usual_round(subject, 26);
  const auto aggregator = subject.make();
  accumulate(*aggregator, round, 0, 3);
  EXPECT_TRUE(refuses([&] { aggregator->merge(*aggregator); }, "merging with itself"));
}

inline void traits_never_change(const AggregatorSubject& subject) {
  const auto aggregator = subject.make();
  const Aggregator::Traits before = aggregator->traits();
  const auto same = [&](const Aggregator::Traits& now) {
    return now.linear == before.linear && now.retains_updates == before.retains_updates;
  };
  const Round round = usual_round(subject, 27);
  accumulate(*aggregator, round, 0, round.sites());
  EXPECT_TRUE(same(aggregator->traits())) << "after accumulate()";
  finish(*aggregator, round.size());
  EXPECT_TRUE(same(aggregator->traits())) << "after finish()";
  EXPECT_TRUE(same(subject.make()->traits())) << "in another instance";
}

inline void is_linear_if_it_says_so(const AggregatorSubject& subject) {
  if (!subject.make()->traits().linear) return;
  const Round x = usual_round(subject, 28), y = usual_round(subject, 29);
  Round mixed = x;
  mixed.weights = x.weights;
  for (std::size_t k = 0; k < x.sites(); ++k)
    for (std::size_t i = 0; i < x.size(); ++i)
      mixed.updates[k][i] = 2 * x.updates[k][i] - 3 * y.updates[k][i];
  Round second = y;
  second.weights = x.weights;
  const Values of_x = combine(subject, x), of_y = combine(subject, second);
  Values expected(x.size());
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = 2 * of_x[i] - 3 * of_y[i];
  expect_close(subject, combine(subject, mixed), expected, 10 * x.largest(),
               "f(2x - 3y) is not 2 f(x) - 3 f(y): say linear = false");
}

// A large model is handed to a linear aggregator in parts, each to an instance of its own.
inline void treats_each_value_alike_if_linear(const AggregatorSubject& subject) {
  if (!subject.make()->traits().linear) return;
  const Round whole = usual_round(subject, 30, 40);
  Values expected = combine(subject, whole), found;
  for (const std::size_t first : {std::size_t{0}, std::size_t{13}}) {
    const std::size_t last = first == 0 ? 13 : 40;
    Round part{.updates = {}, .weights = whole.weights};
    for (const Values& values : whole.updates)
      part.updates.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(first),
                                values.begin() + static_cast<std::ptrdiff_t>(last));
    const Values delta = combine(subject, part);
    found.insert(found.end(), delta.begin(), delta.end());
  }
  expect_close(subject, found, expected, whole.largest(),
               "a model in two parts comes out another: say linear = false");
}

// Rounds of updates of norm at most 1: random ones, and one site against all others, which is the
// worst case of a mean.
inline Round clipped_round(const AggregatorSubject& subject, unsigned seed) {
  Round round = usual_round(subject, seed);
  std::mt19937 random(seed);
  for (Values& values : round.updates) {
    if (seed % 2 == 0) values = round.updates.front();
    const double length = norm(values) * (seed % 3 == 0 ? 1.0 + double(random() % 2) : 1.0);
    for (float& value : values) value = static_cast<float>(value / length);
  }
  if (seed % 2 == 0)
    for (float& value : round.updates[seed % round.sites()]) value = -value;
  return round;
}

inline void sensitivity_bounds_what_one_site_changes(const AggregatorSubject& subject) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const Round round = clipped_round(subject, seed);
    const auto bound = subject.make()->sensitivity(1.0, round.weights);
    if (!bound) continue;
    const Values all = combine(subject, round);
    for (std::size_t left_out = 0; left_out < round.sites(); ++left_out) {
      Round rest = round;
      rest.updates.erase(rest.updates.begin() + static_cast<std::ptrdiff_t>(left_out));
      rest.weights.erase(rest.weights.begin() + static_cast<std::ptrdiff_t>(left_out));
      Values change = combine(subject, rest);
      for (std::size_t i = 0; i < change.size(); ++i) change[i] -= all[i];
      ASSERT_LE(norm(change), *bound * (1 + 1e-4) + 1e-6)
          << "without one site the result moves further than sensitivity() says";
    }
  }
}

inline void sensitivity_is_a_number_that_grows_with_the_clip(const AggregatorSubject& subject) {
  const auto aggregator = subject.make();
  const std::vector<double> weights = usual_round(subject, 31).weights;
  double last = 0;
  for (const double clip : {0.0, 0.1, 1.0, 10.0, 1e6}) {
    const auto bound = aggregator->sensitivity(clip, weights);
    if (!bound) continue;
    EXPECT_TRUE(std::isfinite(*bound) && *bound >= last)
        << *bound << " for updates of norm " << clip << ", after " << last;
    last = *bound;
  }
}

inline void sensitivity_looks_at_no_data(const AggregatorSubject& subject) {
  const std::vector<double> weights = usual_round(subject, 32).weights;
  const auto before = subject.make()->sensitivity(1.0, weights);
  for (unsigned seed = 33; seed < 36; ++seed) {
    const Round round = usual_round(subject, seed);
    const auto aggregator = subject.make();
    accumulate(*aggregator, round, 0, round.sites());
    EXPECT_EQ(aggregator->sensitivity(1.0, weights), before)
        << "noise whose size depends on the data betrays them";
  }
}

}  // namespace collegium::conformance
