#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "privacy/noise.h"
#include "torch/training/local_round.h"

namespace collegium {

// Some samples of one step that are computed together, so that memory is bounded whatever the size
// of a Poisson sample.
struct Portion {
  std::vector<std::size_t> samples;
  std::size_t of_patient = 1;  // > 1: all samples are of one patient, who has so many of them;
                               // 1: each sample is a patient of its own
  bool closes_patient = true;
  bool closes_step = false;
  // What the network sees of the samples, one of each a sample.
  std::vector<Example> examples = {};
  std::vector<std::uint64_t> dropout_keys = {};
};

// A step's portions, at most `width` samples each: the samples of a patient with several of them
// stay apart from everybody else's, so that what is computed for one patient never depends on who
// else was drawn. `samples_of` lists the samples of every subject. A step without anybody has one
// empty portion.
std::vector<Portion> portions_of(const std::vector<std::size_t>& subjects,
                                 const std::vector<std::vector<std::size_t>>& samples_of,
                                 std::size_t width);

// How many samples are computed together, for a number of patients that a step has on average. Two
// volumes already reach the fast kernels; others are many enough to share the work for each portion
// and so few that the last one is not mostly filling. With up to twice as many patients, width
// times patients stays within 2^13, for which PrivateSum's rounding is proved.
std::size_t portion_width(const Dataset& data, double patients);

// The portions of `steps` steps, made ahead of the training on a thread of its own. Who is in a
// step is drawn with `coins`.
class PatientFeed {
 public:
  PatientFeed(const LocalRound& round, std::size_t width, std::int64_t steps, double rate,
              SecureRandom& coins);
  ~PatientFeed();
  Portion next();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace collegium
