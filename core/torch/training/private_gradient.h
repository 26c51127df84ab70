#pragma once
#include <functional>
#include <span>
#include <vector>

#include "privacy/private_sum.h"
#include "torch/network/flat_model.h"
#include "torch/training/batch.h"
#include "torch/training/losses.h"

namespace collegium {

// How the gradients of single patients are found.
//   loop      one forward and backward pass a sample: works for every network
//   batched   one pass for several samples over per-sample leaves: for networks whose per_sample()
//   is true
// Batches of the second kind have a fixed number of rows, short ones filled up with copies that
// take no part: so a patient's gradient is the same bits whoever else was sampled, although kernels
// differ between batch sizes.
enum class PerSample { loop, batched };

// The examples of one patient: their gradients are averaged before they are clipped.
struct Patient {
  std::vector<Example> examples;
  std::vector<std::uint64_t> dropout_keys;
};

class PrivateGradient {
 public:
  PrivateGradient(const Network& network, const Loss& loss, const Layout& layout, FlatModel& model,
                  PerSample mode, bool channels_last = false);

  // Adds each patient's clipped gradient to `sum`. The loss is taken one sample at a time, whatever
  // its reduction.
  void add(std::span<const Patient> patients, PrivateSum& sum);

 private:
  struct Row {
    std::size_t patient = 0, example = 0;
  };
  void add_rows(std::span<const Patient> patients, std::span<const Row> rows, PrivateSum& sum);
  void gather(const Patient& patient, std::span<const float> gradient, PrivateSum& sum);
  std::int64_t rows_at_once(const Example& example) const;

  const Network& network_;
  const Loss& loss_;
  FlatModel& model_;
  PerSampleGradients leaves_;
  PerSample mode_;
  bool channels_last_;
  std::vector<float> mean_;  // of the patient whose samples are coming in
  std::size_t gathered_ = 0;
};

}  // namespace collegium
