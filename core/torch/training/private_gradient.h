#pragma once
#include <vector>

#include "privacy/private_sum.h"
#include "torch/network/flat_model.h"
#include "torch/training/batch.h"
#include "torch/training/patient_feed.h"

namespace collegium {

// How the gradients of single patients are found.
//   loop      one forward and backward pass a sample: works for every network
//   batched   one pass for several patients over per-sample leaves: for networks whose per_sample()
//   is true
enum class PerSample { loop, batched };

// The clipped gradients of one step's patients, portion by portion. The loss is taken one sample at
// a time, whatever its reduction, and averaged over the samples of a patient before the patient is
// clipped. Portions of several patients are filled up to a fixed width with copies that take no
// part: so a patient's gradient is the same bits whoever else was sampled, although kernels differ
// between batch sizes.
class PrivateGradient {
 public:
  PrivateGradient(const LocalRound& round, PerSample mode, std::size_t width);
  void add(const Portion& portion, PrivateSum& sum);

 private:
  Batch batch_of(const Portion& portion, std::size_t rows) const;
  void add_patients(const Portion& portion, PrivateSum& sum);
  void add_part_of_patient(const Portion& portion, PrivateSum& sum);

  const LocalRound& round_;
  PerSampleGradients leaves_;
  PerSample mode_;
  std::size_t width_;
  bool within_patient_ = false;
};

}  // namespace collegium
