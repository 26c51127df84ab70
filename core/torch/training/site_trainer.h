#pragma once
#include <memory>

#include "config/site_config.h"
#include "federation/events.h"
#include "imaging/subjects.h"
#include "torch/data/volume_dataset.h"
#include "torch/training/torch_trainer.h"

namespace collegium {

// The subjects of the [data] table, labelled or not.
SubjectSet open_subjects(const DataConfig& config);

// The [data] table as a data set. Every header is looked at: DataError with the first subjects that
// could not be trained on, so that a site learns of them before it joins.
std::shared_ptr<const VolumeDataset> open_data(const DataConfig& config);

// A trainer for the network of the run, on this site's data and within its [resources]. A captured
// network is built from the file it came in, within the limits of [policy.graph], which an error
// names. `log` is for the site's own people.
std::shared_ptr<Trainer> make_site_trainer(const SiteConfig& site,
                                           std::shared_ptr<const Dataset> data,
                                           const at_site::Prepare& run, LogSink log = {});

}  // namespace collegium
