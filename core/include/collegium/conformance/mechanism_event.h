#pragma once
#include <string>

#include "collegium/conformance/inputs.h"
#include "collegium/conformance/subject.h"
#include "collegium/privacy.h"

// Checks of what a mechanism says it costs, and that it says so from public numbers alone.
namespace collegium::conformance {

using MechanismSubject = Subject<PrivacyMechanism>;

// A layout with a frozen part, as fine-tuned networks have one.
inline const Layout& usual_layout() {
  static const Layout layout = [] {
    Layout made;
    made.add("encoder.weight", {4, 5}, false);
    made.add("head.weight", {8, 5});
    made.add("head.bias", {8});
    return made;
  }();
  return layout;
}

inline RoundContext context_of(std::uint64_t round, const Layout* layout = &usual_layout()) {
  return {.run = "conformance", .round = round, .site = "a", .local_steps = 4, .layout = layout};
}

// An update that fits the usual layout: what is frozen has not moved.
inline Values usual_update(unsigned seed, float size = 1.0F) {
  std::mt19937 random(seed);
  Values values = random_values(usual_layout().size(), random);
  for (float& value : values) value *= size;
  for (const Slot& slot : usual_layout().slots())
    if (!slot.trainable)
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(slot.offset), slot.size, 0.0F);
  return values;
}

inline Values applied(PrivacyMechanism& mechanism, Values values, unsigned words,
                      std::uint64_t round = 1) {
  SeededWords random(words);
  mechanism.apply(values, context_of(round), random);
  return values;
}

inline bool adds_noise(PrivacyEvent::Kind kind) {
  return kind != PrivacyEvent::Kind::none && kind != PrivacyEvent::Kind::unbounded;
}

inline bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.npos;
}

inline void event_is_well_formed(const MechanismSubject& subject) {
  using Kind = PrivacyEvent::Kind;
  for (const std::uint64_t round : {1, 2, 1000}) {
    const PrivacyEvent event = subject.make()->event(context_of(round));
    EXPECT_GE(event.count, 1) << "count: releases of this kind";
    EXPECT_TRUE(event.sampling_rate >= 0 && event.sampling_rate <= 1) << event.sampling_rate;
    EXPECT_TRUE(event.noise_multiplier >= 0) << event.noise_multiplier;
    EXPECT_TRUE(event.epsilon >= 0) << event.epsilon;
    EXPECT_TRUE(event.delta >= 0 && event.delta < 1) << event.delta;
    EXPECT_TRUE(event.max_batch >= 0 && event.n_public >= 0 && event.sensitivity >= 0);
    if (event.kind == Kind::pure || event.kind == Kind::approximate) {
      EXPECT_TRUE(event.epsilon > 0 || event.delta > 0) << "a release of epsilon 0 says nothing";
      EXPECT_TRUE(event.kind == Kind::approximate || event.delta == 0) << "pure has no delta";
    } else if (adds_noise(event.kind)) {
      EXPECT_GT(event.noise_multiplier, 0) << "noise of no size";
    }
  }
}

inline void unbounded_events_say_why(const MechanismSubject& subject) {
  const PrivacyEvent event = subject.make()->event(context_of(1));
  if (event.kind == PrivacyEvent::Kind::unbounded) {
    EXPECT_TRUE(is_one_line(event.reason)) << "reason stands wherever epsilon would: one line";
  }
}

inline void event_is_the_same_however_often_it_is_asked(const MechanismSubject& subject) {
  const auto mechanism = subject.make();
  const PrivacyEvent first = mechanism->event(context_of(3));
  EXPECT_EQ(mechanism->event(context_of(3)), first) << "asked again";
  EXPECT_EQ(subject.make()->event(context_of(3)), first)
      << "in another instance: a site that restarts would be charged something else";
}

// The ledger charges the event before apply() sees the data.
inline void event_looks_at_no_data(const MechanismSubject& subject) {
  const PrivacyEvent before = subject.make()->event(context_of(2));
  for (const float size : {0.0F, 1e-6F, 1.0F, 1e6F}) {
    const auto mechanism = subject.make();
    applied(*mechanism, usual_update(1, size), 1);
    EXPECT_EQ(mechanism->event(context_of(2)), before) << "after an update of size " << size;
  }
}

inline void describes_itself_in_one_line(const MechanismSubject& subject) {
  const std::string text = subject.make()->describe();
  EXPECT_TRUE(is_one_line(text)) << text;
  EXPECT_EQ(text.find("does not say what it guarantees"), text.npos)
      << "override describe(): reports show it";
}

inline void description_looks_at_no_data(const MechanismSubject& subject) {
  const std::string before = subject.make()->describe();
  const auto mechanism = subject.make();
  applied(*mechanism, usual_update(1), 1);
  EXPECT_EQ(mechanism->describe(), before);
}

}  // namespace collegium::conformance
