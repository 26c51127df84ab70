// The median of every coordinate over the sites (Yin et al. 2018, "Byzantine-robust distributed
// learning"). One site, however far off, moves no coordinate beyond its neighbours. Weights are
// ignored: a weight is a claim that a dishonest site could inflate. There is no useful bound on
// what one site changes, so it allows no central privacy.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collegium/aggregator.h"
#include "collegium/error.h"
#include "collegium/plugin.h"

namespace {

using collegium::ConfigError;

struct Comparator {  // rows low and high become their minimum and maximum
  std::size_t low;
  std::size_t high;
};

// Batcher's merge exchange (Knuth, The Art of Computer Programming 5.2.2, Algorithm M) for `rows`
// rows, without the comparators that no path leads from to the middle rows.
std::vector<Comparator> median_network(std::size_t rows) {
  std::vector<Comparator> sort;
  const std::size_t top = rows < 2 ? 0 : std::bit_ceil(rows) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t q = top, r = 0, d = p;
    for (;;) {
      for (std::size_t i = 0; i + d < rows; ++i) {
        if ((i & p) == r) sort.push_back({i, i + d});
      }
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
  std::vector<bool> needed(rows, false);
  needed[(rows - 1) / 2] = needed[rows / 2] = true;
  std::vector<Comparator> network;
  for (auto each = sort.rbegin(); each != sort.rend(); ++each) {
    if (needed[each->low] || needed[each->high]) {
      needed[each->low] = needed[each->high] = true;
      network.push_back(*each);
    }
  }
  std::reverse(network.begin(), network.end());
  return network;
}

// Two conditions instead of one, so that the compiler takes vector minima and maxima and not
// branches.
void exchange(float* __restrict low, float* __restrict high, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    const float a = low[i], b = high[i];
    low[i] = a < b ? a : b;
    high[i] = a > b ? a : b;
  }
}

class CoordinateMedian final : public collegium::Aggregator {
 public:
  explicit CoordinateMedian(const collegium::Settings&) {}

  Traits traits() const override { return {.linear = false, .retains_updates = true}; }

  void accumulate(const collegium::Update& update) override {
    if (!updates_.empty() && update.values.size() != updates_.front().size()) {
      throw ConfigError({.what = "an update has another size than the ones before",
                         .where = "site " + std::string(update.site),
                         .expected = std::to_string(updates_.front().size()) + " values",
                         .found = std::to_string(update.values.size())});
    }
    updates_.push_back(update.values);
  }

  void merge(Aggregator& other) override {
    auto* partial = dynamic_cast<CoordinateMedian*>(&other);
    if (!partial || partial == this)
      throw ConfigError({.what = "only another coordinate_median can be merged"});
    for (const std::span<const float> values : std::exchange(partial->updates_, {}))
      accumulate({.values = values, .site = "merged"});
  }

  void finish(std::span<float> delta) override {
    if (updates_.empty() || updates_.front().size() != delta.size()) {
      throw ConfigError(
          {.what = "the median has no update of the model's size",
           .expected = std::to_string(delta.size()) + " values",
           .found = updates_.empty() ? "no update" : std::to_string(updates_.front().size())});
    }
    const std::size_t rows = updates_.size();
    const std::vector<Comparator> network = median_network(rows);
    // A block of all sites stays in the first-level cache while the network runs over it, all its
    // columns at once.
    const std::size_t width = std::clamp<std::size_t>(kCacheFloats / rows / 16 * 16, 16, 1024);
    std::vector<float> block(rows * width);
    for (std::size_t start = 0; start < delta.size(); start += width) {
      const std::size_t count = std::min(width, delta.size() - start);
      for (std::size_t row = 0; row < rows; ++row) {
        std::copy_n(updates_[row].data() + start, count, block.data() + row * width);
      }
      for (const Comparator& each : network)
        exchange(&block[each.low * width], &block[each.high * width], width);
      const float* low = &block[(rows - 1) / 2 * width];
      const float* high = &block[rows / 2 * width];
      for (std::size_t i = 0; i < count; ++i) delta[start + i] = 0.5F * low[i] + 0.5F * high[i];
    }
  }

 private:
  static constexpr std::size_t kCacheFloats = 6144;  // 24 KiB

  std::vector<std::span<const float>> updates_;  // alive until finish(), by the traits
};

}  // namespace

COLLEGIUM_PLUGIN(coordinate_median, "0.1.0") {
  registrar.aggregator<CoordinateMedian>("coordinate_median");
}
