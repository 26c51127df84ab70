#include "config/training_config.h"

#include <algorithm>

#include "config/check.h"
#include "config/network_config.h"

namespace collegium {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;

void check_divisible(const Settings& table, const char* key, const std::vector<std::int64_t>& edges,
                     const NetworkConfig& network) {
  const std::int64_t divisor = volume_divisor(network);
  std::vector<std::int64_t> nearest;
  for (const std::int64_t edge : edges)
    nearest.push_back(std::max(divisor, (edge + divisor / 2) / divisor * divisor));
  if (nearest == edges) return;
  refuse_value(
      table, key, "does not suit " + network.name,
      "edges divisible by " + std::to_string(divisor) + ": the network halves them until then",
      text_of(edges), "take " + text_of(nearest));
}

}  // namespace

LossConfig LossConfig::read(const Settings& table) {
  LossConfig config;
  config.name = table.one_of("name", config.name,
                             {"dice", "dice_bce", "cross_entropy", "mse", kGraphNetwork});
  config.squared_pred = table.boolean("squared_pred", config.squared_pred);
  config.smooth_nr = table.number_in("smooth_nr", config.smooth_nr, 0.0, 1e6);
  config.smooth_dr = table.number_in("smooth_dr", config.smooth_dr, 0.0, 1e6);
  config.batch = table.boolean("batch", config.batch);
  return config;
}

Settings LossConfig::to_settings() const {
  Settings table;
  table.set("name", name);
  table.set("squared_pred", squared_pred);
  table.set("smooth_nr", smooth_nr);
  table.set("smooth_dr", smooth_dr);
  table.set("batch", batch);
  return table;
}

TrainingConfig TrainingConfig::read(const Settings& table) {
  TrainingConfig config;
  config.optimizer = table.one_of("optimizer", config.optimizer, {"adam", "sgd"});
  config.lr = number_above(table, "lr", config.lr, 0.0);
  config.lr_schedule = table.one_of("lr_schedule", config.lr_schedule, {"constant", "linear"});
  config.beta1 = table.number_in("beta1", config.beta1, 0.0, 0.999999);
  config.beta2 = table.number_in("beta2", config.beta2, 0.0, 0.99999999);
  config.eps = number_above(table, "eps", config.eps, 0.0);
  config.weight_decay = table.number_in("weight_decay", config.weight_decay, 0.0, 1e6);
  config.moments = table.one_of("moments", config.moments, {"restart", "keep"});
  config.iterates = table.one_of("iterates", config.iterates, {"last", "mean"});
  config.batch_size = table.integer_in("batch_size", config.batch_size, 1, 65536);
  if (table.contains("local_epochs") && table.contains("local_steps")) {
    refuse_value(table, "local_steps", "and 'local_epochs' are both stated",
                 "exactly one of the two", "both",
                 "remove one: epochs follow the size of a site, steps are the same everywhere");
  }
  config.local_steps = table.integer_in("local_steps", 0, 1, kMany);
  config.local_epochs = table.integer_in("local_epochs", config.local_steps > 0 ? 0 : 2, 1, kMany);
  config.weighting =
      table.one_of("weighting", config.weighting, {"iterations", "subjects", "equal"});
  config.loss = LossConfig::read(table.table("loss"));
  config.crop = read_volume(table, "crop");
  config.flip = table.boolean("flip", config.flip);
  config.intensity_scale = table.number_in("intensity_scale", config.intensity_scale, 0.0, 0.99);
  config.intensity_shift = table.number_in("intensity_shift", config.intensity_shift, 0.0, 100.0);
  config.crop_foreground = table.number_in("crop_foreground", config.crop_foreground, 0.0, 1.0);
  if (config.crop_foreground > 0 && config.crop.empty()) {
    refuse_value(table, "crop_foreground", "needs crops", "'crop' with three edge lengths",
                 "no crop", "state 'crop', or leave out 'crop_foreground'");
  }
  config.device = table.one_of("device", config.device, {"auto", "cpu", "cuda"});
  config.channels_last = table.boolean("channels_last", config.channels_last);
  config.validation = table.integer_in("validation", config.validation, 0, kMany);
  config.roi = read_volume(table, "roi");
  config.overlap = table.number_in("overlap", config.overlap, 0.0, 0.95);
  return config;
}

Settings TrainingConfig::to_settings() const {
  Settings table;
  table.set("optimizer", optimizer);
  table.set("lr", lr);
  table.set("lr_schedule", lr_schedule);
  table.set("beta1", beta1);
  table.set("beta2", beta2);
  table.set("eps", eps);
  table.set("weight_decay", weight_decay);
  table.set("moments", moments);
  table.set("iterates", iterates);
  table.set("batch_size", batch_size);
  if (local_steps > 0) {
    table.set("local_steps", local_steps);
  } else {
    table.set("local_epochs", local_epochs);
  }
  table.set("weighting", weighting);
  table.set("loss", loss.to_settings());
  table.set("crop", crop);
  table.set("flip", flip);
  table.set("intensity_scale", intensity_scale);
  table.set("intensity_shift", intensity_shift);
  table.set("crop_foreground", crop_foreground);
  table.set("device", device);
  table.set("channels_last", channels_last);
  table.set("validation", validation);
  table.set("roi", roi);
  table.set("overlap", overlap);
  return table;
}

std::int64_t TrainingConfig::steps_for(std::int64_t subjects) const {
  if (local_steps > 0) return local_steps;
  const std::int64_t a_epoch = (subjects + batch_size - 1) / batch_size;
  return local_epochs * a_epoch;
}

double TrainingConfig::lr_in(std::uint64_t round, std::uint64_t rounds) const {
  if (lr_schedule == "constant" || rounds == 0) return lr;
  const double half = static_cast<double>(rounds) / 2;
  const double left = static_cast<double>(rounds) -
                      static_cast<double>(round - 1);  // rounds to go, this one included
  return lr * std::clamp(left / half, 0.0, 1.0);
}

void check_volumes(const Settings& table, const TrainingConfig& training,
                   const NetworkConfig& network) {
  check_divisible(table, "crop", training.crop, network);
  check_divisible(table, "roi", training.roi, network);
}

}  // namespace collegium
