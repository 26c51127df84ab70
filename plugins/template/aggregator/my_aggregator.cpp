// The trimmed mean of every coordinate (Yin et al. 2018): the largest and the smallest `trim` of
// the sites' values are left out. While fewer sites are wrong, it stays among the others' values.
#include <algorithm>
#include <utility>
#include <vector>

#include "collegium/plugin.h"

namespace {

using collegium::ConfigError;

class MyAggregator final : public collegium::Aggregator {
 public:
  explicit MyAggregator(const collegium::Settings& settings)
      : trim_(settings.number_in("trim", 0.2, 0.0, 0.49)) {}

  Traits traits() const override { return {.linear = false, .retains_updates = true}; }

  void accumulate(const collegium::Update& update) override {
    if (!updates_.empty()) require_size(update.values.size());
    updates_.push_back(update.values);  // it lives until finish(): traits() asks for that
  }

  void merge(collegium::Aggregator& other) override {
    auto* part = dynamic_cast<MyAggregator*>(&other);
    if (!part || part == this) throw ConfigError({.what = "only another my_aggregator merges"});
    for (const auto values : std::exchange(part->updates_, {})) accumulate({values, 1.0, {}});
  }

  void finish(std::span<float> delta) override {
    if (updates_.empty()) throw ConfigError({.what = "there is no update to combine"});
    require_size(delta.size());
    const auto cut = static_cast<std::ptrdiff_t>(trim_ * static_cast<double>(updates_.size()));
    std::vector<float> column(updates_.size());
    for (std::size_t i = 0; i < delta.size(); ++i) {
      for (std::size_t k = 0; k < column.size(); ++k) column[k] = updates_[k][i];
      std::sort(column.begin(), column.end());
      double sum = 0;
      for (auto each = column.begin() + cut; each != column.end() - cut; ++each) sum += *each;
      delta[i] = static_cast<float>(sum / static_cast<double>(column.size() - 2 * cut));
    }
  }

 private:
  void require_size(std::size_t size) const {
    if (size != updates_.front().size())
      throw ConfigError({.what = "a vector has another size than the updates before",
                         .expected = std::to_string(updates_.front().size()) + " values",
                         .found = std::to_string(size)});
  }

  double trim_;
  std::vector<std::span<const float>> updates_;
};

}  // namespace

COLLEGIUM_PLUGIN(my_aggregator, "0.1.0") { registrar.aggregator<MyAggregator>("my_aggregator"); }
