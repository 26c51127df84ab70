#pragma once
#include <thread>

#include "collegium/conformance/mechanism_event.h"

// Checks of what a mechanism does to an update, whatever it promises.
namespace collegium::conformance {

inline void writes_only_into_the_update(const MechanismSubject& subject) {
  constexpr std::size_t kMargin = 16;
  const Values update = usual_update(10);
  Values memory(update.size() + 2 * kMargin, kGuard);
  std::copy(update.begin(), update.end(), memory.begin() + kMargin);
  SeededWords random(10);
  subject.make()->apply(std::span(memory).subspan(kMargin, update.size()), context_of(1), random);
  for (std::size_t i = 0; i < kMargin; ++i)
    EXPECT_TRUE(memory[i] == kGuard && memory[kMargin + update.size() + i] == kGuard)
        << "apply() wrote outside its values";
}

// A frozen value never moves and never leaves a site: noise on it would move it at every round.
inline void leaves_frozen_values_alone(const MechanismSubject& subject) {
  for (unsigned words = 0; words < 5; ++words) {
    const Values values = applied(*subject.make(), usual_update(11), words);
    for (const Slot& slot : usual_layout().slots())
      for (std::size_t i = slot.offset; !slot.trainable && i < slot.offset + slot.size; ++i)
        ASSERT_EQ(values[i], 0.0F) << "value " << i << " of the frozen " << slot.name;
  }
}

inline void works_without_a_layout(const MechanismSubject& subject) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{1000}}) {
    std::mt19937 seeded(12);
    Values values = random_values(size, seeded);
    SeededWords random(12);
    subject.make()->apply(values, context_of(1, nullptr), random);
    EXPECT_TRUE(finite(values)) << size << " values";
  }
}

inline void takes_an_update_without_values(const MechanismSubject& subject) {
  Values none;
  SeededWords random(13);
  refuses([&] { subject.make()->apply(none, context_of(1, nullptr), random); }, "no values");
}

inline void takes_an_update_of_zeros(const MechanismSubject& subject) {
  EXPECT_TRUE(finite(applied(*subject.make(), usual_update(14, 0.0F), 14)));
}

inline void lets_nothing_through_that_is_not_finite(const MechanismSubject& subject) {
  for (const float value : {kNaN, kInfinity, -kInfinity}) {
    Values values = usual_update(15);
    values.back() = value;
    if (!refuses([&] { values = applied(*subject.make(), values, 15); }, "not finite")) {
      EXPECT_TRUE(finite(values)) << value << " would leave the site";
    }
  }
}

inline void refuses_or_keeps_finite_what_is_large(const MechanismSubject& subject) {
  for (const float size : {1e18F, 1e37F, 1e-42F}) {
    Values values = usual_update(16, size);
    if (!refuses([&] { values = applied(*subject.make(), values, 16); }, "a large update")) {
      EXPECT_TRUE(finite(values)) << "values of size " << size;
    }
  }
}

inline void survives_impossible_rounds(const MechanismSubject& subject) {
  for (const std::int64_t steps : {std::int64_t{0}, std::int64_t{-1}}) {
    Values values = usual_update(17);
    RoundContext context = context_of(0);
    context.local_steps = steps;
    SeededWords random(17);
    refuses([&] { subject.make()->apply(values, context, random); }, "a round without steps");
  }
}

// A site that restarts makes a new instance; what an old one remembered would be lost, and what a
// patient gave to one round must not come out in another.
inline void remembers_no_update(const MechanismSubject& subject) {
  const Values expected = applied(*subject.make(), usual_update(18), 18);
  for (const float size : {1e-3F, 1e3F}) {
    const auto mechanism = subject.make();
    applied(*mechanism, usual_update(19, size), 19);
    EXPECT_TRUE(same_bits(applied(*mechanism, usual_update(18), 18), expected))
        << "after another update the same words give another result";
  }
}

inline void mechanisms_share_nothing(const MechanismSubject& subject) {
  const Values expected = applied(*subject.make(), usual_update(20), 20);
  const auto one = subject.make(), other = subject.make();
  applied(*other, usual_update(21, 1e3F), 21);
  EXPECT_TRUE(same_bits(applied(*one, usual_update(20), 20), expected))
      << "another instance's update changed this one's result";
}

inline void mechanisms_work_in_several_threads(const MechanismSubject& subject) {
  const Values expected = applied(*subject.make(), usual_update(22), 22);
  std::vector<Values> found(4);
  std::vector<std::thread> threads;
  for (Values& each : found)
    threads.emplace_back([&] {
      refuses(
          [&] {
            for (int i = 0; i < 200; ++i) each = applied(*subject.make(), usual_update(22), 22);
          },
          "a thread");
    });
  for (std::thread& thread : threads) thread.join();
  for (const Values& each : found) EXPECT_TRUE(same_bits(each, expected));
}

}  // namespace collegium::conformance
