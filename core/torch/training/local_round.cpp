#include "torch/training/local_round.h"

#include "collegium/error.h"
#include "torch/data/draw_key.h"

namespace collegium {

Example LocalRound::example(std::size_t index, std::int64_t step, std::uint64_t number,
                            std::vector<std::uint64_t>& dropout_keys) const {
  const auto who = task.site + "/" + data.name(data.subject(index));
  const auto draws_for = [&](const char* purpose) {
    return Draws(task.seed, task.round, draw_key(purpose, who, number),
                 static_cast<std::uint64_t>(step));
  };
  dropout_keys.push_back(draws_for("dropout").bits());
  auto draws = draws_for("example");
  return make_example(data.sample(index), training, data.as_scanned(), draws, network.divisor());
}

void LocalRound::step(std::span<const float> gradient, std::int64_t at, std::int64_t steps) const {
  std::vector<float> copy;
  auto values = model.flat().is_cpu() ? model.values() : std::span<float>();
  if (values.empty()) {
    copy.resize(layout.size());
    model.store(copy);
    values = copy;
  }
  optimizer.step(values, gradient, rate);
  if (!copy.empty()) model.load(copy);
  if (mean) mean->add(values, at, steps);
}

void LocalRound::report(std::int64_t step, std::int64_t steps, double loss) const {
  if (progress && !progress(step, steps, loss))
    throw Error({.what = "training was stopped",
                 .where = "site " + task.site + ", round " + std::to_string(task.round)});
}

}  // namespace collegium
