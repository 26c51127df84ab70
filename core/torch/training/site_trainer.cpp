#include "torch/training/site_trainer.h"

#include "collegium/error.h"
#include "config/privacy_config.h"
#include "torch/data/image_folder.h"
#include "torch/training/built_network.h"

namespace collegium {
namespace {

constexpr std::int64_t kMebibyte = 1024 * 1024;

SubjectSource source_of(const DataConfig& config) {
  SubjectSource source;
  source.format = config.format;
  source.path = config.path;
  source.labels = config.labels;
  source.subjects = config.subjects;
  return source;
}

}  // namespace

SubjectSet open_subjects(const DataConfig& config) { return SubjectSet(source_of(config)); }

std::shared_ptr<const VolumeDataset> open_data(const DataConfig& config) {
  SubjectSource source = source_of(config);
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
                                           const at_site::Prepare& run, LogSink log) {
  const auto privacy = PrivacyConfig::read(run.privacy);
  const GraphPolicyConfig& limits = site.policy.graph;
  const GraphPolicy policy{.parameters = limits.parameters,
                           .nodes = limits.nodes,
                           .refused_operators = limits.operators,
                           .patient_privacy = privacy && !privacy->protects_sites()};
  const auto network = NetworkConfig::read(run.network);
  BuiltNetwork built =
      build_network(network, run.file.view, policy, "the run's network, under [policy.graph]");
  return std::make_shared<TorchTrainer>(
      std::move(built.network), std::move(built.layout), std::move(data),
      Resources{.threads = static_cast<int>(site.threads),
                .device = site.device,
                .n_public = site.data.n_public.value_or(0),
                .memory = network.is_graph() ? limits.memory * kMebibyte : 0,
                .log = std::move(log)},
      std::move(built.loss));
}

}  // namespace collegium
