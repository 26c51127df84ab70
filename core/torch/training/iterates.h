#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace collegium {

// The mean of the models behind the second half of a round's steps (suffix averaging: Rakhlin,
// Shamir and Sridharan 2012, section 5). It forgets where the round began and evens out the noise
// of single steps. Under privacy it is post-processing of released steps and costs nothing.
class MeanOfIterates {
 public:
  // The model after step `at` of `steps`; the first is 1.
  void add(std::span<const float> model, std::int64_t at, std::int64_t steps);
  std::span<const float> values() const { return mean_; }  // empty before the first one counts

 private:
  std::vector<float> mean_;
  std::int64_t count_ = 0;
};

}  // namespace collegium
