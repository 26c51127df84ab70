#include "torch/training/site_trainer.h"

#include "collegium/error.h"
#include "torch/data/image_folder.h"

namespace collegium {

std::shared_ptr<const VolumeDataset> open_data(const DataConfig& config) {
  SubjectSource source;
  source.format = config.format;
  source.path = config.path;
  source.labels = config.labels;
  source.subjects = config.subjects;
  const auto problems = SubjectSet(source).check();
  if (!problems.empty()) {
    std::string found = problems.front();
    for (std::size_t i = 1; i < problems.size() && i < 5; ++i) found += "; " + problems[i];
    if (problems.size() > 5) found += "; and " + std::to_string(problems.size() - 5) + " more";
    throw DataError({.what = "some subjects cannot be trained on",
                     .where = config.path.string(),
                     .found = found,
                     .remedy = "mend them, or list the others in [data] subjects"});
  }
  return std::make_shared<ImageFolder>(std::move(source));
}

std::shared_ptr<Trainer> make_site_trainer(const SiteConfig& site,
                                           std::shared_ptr<const Dataset> data,
                                           const Settings& network, LogSink log) {
  return std::make_shared<TorchTrainer>(NetworkConfig::read(network), std::move(data),
                                        Resources{.threads = static_cast<int>(site.threads),
                                                  .device = site.device,
                                                  .n_public = site.data.n_public.value_or(0),
                                                  .log = std::move(log)});
}

}  // namespace collegium
