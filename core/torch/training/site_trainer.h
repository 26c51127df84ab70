#pragma once
#include <memory>

#include "config/site_config.h"
#include "torch/data/volume_dataset.h"
#include "torch/training/torch_trainer.h"

namespace collegium {

// The [data] table as a data set. Every header is looked at: DataError with the first subjects that
// could not be trained on, so that a site learns of them before it joins.
std::shared_ptr<const VolumeDataset> open_data(const DataConfig& config);

// A trainer for the network the coordinator names, on this site's data and within its [resources].
// `log` is for the site's own people.
std::shared_ptr<Trainer> make_site_trainer(const SiteConfig& site,
                                           std::shared_ptr<const Dataset> data,
                                           const Settings& network, LogSink log = {});

}  // namespace collegium
