#pragma once
#include <string>
#include <vector>

#include "privacy/private_sum.h"
#include "torch/per_sample/sample_gradients.h"
#include "torch/training/batch.h"
#include "torch/training/patient_feed.h"

namespace collegium {

// The clipped gradients of one step's patients, portion by portion, for any network whose samples
// do not meet. The loss is taken one sample at a time, whatever its reduction, and averaged over
// the samples of a patient before the patient is clipped.
//
// Patients with one sample each share a pass: SampleGradients tells their norms apart and adds up
// what the factors leave of them. Such portions are filled up to a fixed width with copies that
// take no part, so that the same kernels run whoever was drawn. Where a network lets samples meet
// each patient takes a pass of its own. A patient with several samples
// takes ordinary passes over them alone: nobody needs the gradient of a single one.
class PrivateGradient {
 public:
  // `layouts` remembers what is found out about the network's graph. ConfigError from add(): the
  // network mixes samples.
  PrivateGradient(const LocalRound& round, std::size_t width, SampleLayouts& layouts);
  void add(const Portion& portion, PrivateSum& sum);

  // Parts of the network that take a pass a sample, for one line of a log.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Batch batch_of(const Portion& portion, std::size_t rows) const;
  void add_patients(const Portion& portion, PrivateSum& sum);
  void add_batch(const Portion& portion, const Batch& batch, PrivateSum& sum);
  void add_part_of_patient(const Portion& portion, PrivateSum& sum);

  const LocalRound& round_;
  std::size_t width_;
  SampleLayouts& layouts_;
  std::vector<at::Tensor> trainable_, sums_;  // parameters, and their views of the flat gradient
  std::vector<std::size_t> offsets_;          // in the flat vector
  std::vector<std::string> notes_;
  bool within_patient_ = false;
};

}  // namespace collegium
