#include "torch/training/patient_feed.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "imaging/prefetcher.h"
#include "privacy/poisson_sample.h"

namespace collegium {
namespace {

std::vector<std::vector<std::size_t>> samples_of_subjects(const Dataset& data) {
  std::vector<std::vector<std::size_t>> samples(data.subjects());
  for (std::size_t i = 0; i < data.size(); ++i) samples[data.subject(i)].push_back(i);
  return samples;
}

}  // namespace

std::vector<Portion> portions_of(const std::vector<std::size_t>& subjects,
                                 const std::vector<std::vector<std::size_t>>& samples_of,
                                 std::size_t width) {
  std::vector<Portion> portions;
  Portion single;  // patients with one sample each
  for (const auto subject : subjects) {
    const auto& samples = samples_of[subject];
    if (samples.size() == 1) {
      single.samples.push_back(samples[0]);
      if (single.samples.size() == width) portions.push_back(std::exchange(single, {}));
      continue;
    }
    for (std::size_t at = 0; at < samples.size(); at += width) {
      const auto end = std::min(at + width, samples.size());
      portions.push_back({.samples = {samples.begin() + static_cast<std::ptrdiff_t>(at),
                                      samples.begin() + static_cast<std::ptrdiff_t>(end)},
                          .of_patient = samples.size(),
                          .closes_patient = end == samples.size()});
    }
  }
  if (!single.samples.empty() || portions.empty()) portions.push_back(std::move(single));
  portions.back().closes_step = true;
  return portions;
}

std::size_t portion_width(const Dataset& data, double patients) {
  if (data.size() > 0 && data.sample(0).input.shape.size() == 4) return 2;
  return static_cast<std::size_t>(std::clamp(std::min(patients / 2, 0x1p12 / patients), 2.0, 32.0));
}

class PatientFeed::Impl {
 public:
  Impl(const LocalRound& round, std::size_t width, std::int64_t steps, double rate,
       SecureRandom& coins)
      : round_(round),
        samples_of_(samples_of_subjects(round.data)),
        width_(width),
        steps_(steps),
        rate_(rate),
        coins_(coins),
        ahead_([this] { return make(); }, kStepsAhead) {}

  Portion next() { return ahead_.next().value(); }

 private:
  std::optional<Portion> make() {
    if (waiting_.empty()) {
      if (step_ == steps_) return std::nullopt;
      ++step_;
      const auto subjects = poisson_sample(samples_of_.size(), rate_, coins_);
      for (auto& portion : portions_of(subjects, samples_of_, width_))
        waiting_.push_back(std::move(portion));
    }
    Portion portion = std::move(waiting_.front());
    waiting_.pop_front();
    for (const auto sample : portion.samples) {
      const auto& own = samples_of_[round_.data.subject(sample)];
      const auto number = std::find(own.begin(), own.end(), sample) - own.begin();
      portion.examples.push_back(
          round_.example(sample, step_, static_cast<std::uint64_t>(number), portion.dropout_keys));
    }
    return portion;
  }

  const LocalRound& round_;
  std::vector<std::vector<std::size_t>> samples_of_;
  std::size_t width_;
  std::int64_t steps_, step_ = 0;
  double rate_;
  SecureRandom& coins_;
  std::deque<Portion> waiting_;  // of the present step
  Prefetcher<Portion> ahead_;    // last: its thread uses the others
};

PatientFeed::PatientFeed(const LocalRound& round, std::size_t width, std::int64_t steps,
                         double rate, SecureRandom& coins)
    : impl_(std::make_unique<Impl>(round, width, steps, rate, coins)) {}

PatientFeed::~PatientFeed() = default;

Portion PatientFeed::next() { return impl_->next(); }

}  // namespace collegium
