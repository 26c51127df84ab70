#include <cmath>

#include "bindings.h"
#include "collegium/error.h"
#include "collegium/vector_ops.h"
#include "plugin/loader.h"
#include "plugin/registry.h"

namespace collegium::python {
namespace {

// Loads what `paths`, the environment and installed packages offer. What is loaded already costs
// the reading of its file: a package may have been installed since.
std::vector<PluginListing> search(const std::vector<std::string>& paths) {
  return load_plugins(registry(), {.paths = paths});
}

// One row a name; a refused file is one row with its reason.
py::list rows(const std::vector<PluginListing>& listings) {
  py::list table;
  const auto add = [&table](const PluginListing& listing, const std::string& kind,
                            const std::string& name) {
    py::dict row;
    row["name"] = name;
    row["kind"] = kind;
    row["plugin"] = listing.name;
    row["version"] = listing.version;
    row["file"] = listing.file;
    row["hash"] = listing.hash;
    row["refused"] = listing.refused_reason;
    table.append(row);
  };
  for (const PluginListing& listing : listings) {
    if (listing.offers.empty()) add(listing, "", "");
    for (const auto& offer : listing.offers) add(listing, offer.kind, offer.name);
  }
  return table;
}

py::array_t<float> aggregate(const std::string& name, const std::vector<FloatArray>& updates,
                             const std::vector<double>& weights, const py::dict& settings) {
  if (weights.size() != updates.size())
    throw ConfigError({.what = "as many weights as updates are needed",
                       .expected = std::to_string(updates.size()),
                       .found = std::to_string(weights.size())});
  const Settings table = settings_from(settings, "aggregate");
  std::vector<std::span<const float>> spans;
  for (const FloatArray& update : updates) spans.push_back(span_of(update));
  py::array_t<float> result(updates.at(0).size());
  const std::span<float> out(result.mutable_data(), static_cast<std::size_t>(result.size()));

  py::gil_scoped_release unlocked;
  search({});
  auto aggregator = registry().make_aggregator(name, table);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::string site = "update " + std::to_string(i);
    if (!(weights[i] > 0) || !std::isfinite(weights[i]))
      throw ConfigError({.what = "a weight that is not positive and finite",
                         .where = site,
                         .found = std::to_string(weights[i])});
    if (!all_finite(spans[i]))
      throw ConfigError({.what = "a value that is not finite", .where = site});
    aggregator->accumulate({.values = spans[i], .weight = weights[i], .site = site});
  }
  aggregator->finish(out);
  return result;
}

}  // namespace

void def_plugins(py::module_& m) {
  m.def("plugins", [](const std::vector<std::string>& paths) {
    const auto found = search(paths);
    std::vector<PluginListing> listings =
        registry().listings();  // everything loaded, the built-ins first
    for (const PluginListing& listing : found)
      if (!listing.refused_reason.empty()) listings.push_back(listing);
    return rows(listings);
  });
  m.def("set_plugin_folders",
        [](std::vector<std::string> folders) { registry().set_folders(std::move(folders)); });
  m.def("aggregate", &aggregate, py::arg("name"), py::arg("updates"), py::arg("weights"),
        py::arg("settings"));
}

}  // namespace collegium::python
