#pragma once
#include <memory>

#include "base/log.h"
#include "config/network_config.h"
#include "federation/trainer.h"
#include "privacy/noise.h"
#include "torch/data/dataset.h"

namespace collegium {

class Network;
class Loss;

// What belongs to the site and not to the task.
struct Resources {
  int threads = 1;              // intra-op threads; results are the same bits at equal counts only
  std::string device = "auto";  // auto | cpu | cuda; "auto" leaves the choice to the task
  std::int64_t n_public = 0;    // public number of subjects; needed under privacy
  NoiseSource noise = NoiseSource::system();  // coins and noise that protect
  std::int64_t memory = 0;  // bytes of tensors in main memory at a time; 0: what there is
  LogSink log = {};         // for the site's own people: may say what depends on data
};

// Local training (McMahan et al. 2017; Li et al. 2019, Alg. 1) and DP-SGD by patient (Abadi et al.
// 2016) over LibTorch. A result depends on the model, the data, the task and the number of threads,
// and on nothing that went before, unless moments are kept.
class TorchTrainer final : public Trainer {
 public:
  // A built-in network.
  TorchTrainer(const NetworkConfig& network, std::shared_ptr<const Dataset> data,
               Resources resources = {});
  // Any network; `loss` is the one that came with it, which the task's [training] table may name.
  TorchTrainer(std::shared_ptr<const Network> network, Layout layout,
               std::shared_ptr<const Dataset> data, Resources resources = {},
               std::shared_ptr<const Loss> loss = nullptr);
  ~TorchTrainer() override;

  const Layout& layout() const override;
  PrivacyEvent cost(const TrainTask& task) const override;
  TrainResult train(std::span<const float> model, std::span<float> delta, const TrainTask& task,
                    const Progress& progress) override;
  std::vector<Metric> evaluate(std::span<const float> model, const TrainTask& task) override;

  // Patients whose gradient was not finite in the last train(). Depends on data: for the site's own
  // eyes only.
  std::int64_t left_out() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace collegium
