#include "model/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "collegium/error.h"

namespace collegium {
namespace {

constexpr std::size_t kMaxTensors = 20000;
constexpr std::size_t kMaxDimensions = 16;
constexpr std::size_t kMaxName = 1024;
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kFrozen = "collegium.frozen";
constexpr const char* kBuffers = "collegium.buffers";

struct Entry {
  std::string name = {};
  std::string dtype = {};
  std::vector<std::int64_t> shape = {};
  std::vector<std::uint64_t> range = {};
  bool has_dtype = false, has_shape = false, has_range = false;
};

// Takes the header as it is read, so that nothing is built that the format does not have: two
// levels of objects, one of arrays. A handler returns false to stop; `problem` then says why.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string problem, tensor, found;

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return move_to(Place::root);
    if (place_ != Place::root) return stop("an object where none belongs");
    if (key_ == kMetadata) return move_to(Place::metadata);
    entries.push_back({.name = key_});
    return move_to(Place::tensor);
  }

  bool end_object() override {
    if (place_ == Place::root) return move_to(Place::outside);
    if (place_ == Place::tensor) {
      const Entry& entry = entries.back();
      if (!entry.has_dtype || !entry.has_shape || !entry.has_range) {
        return stop("a tensor without dtype, shape or data_offsets");
      }
    }
    tensor.clear();
    return move_to(Place::root);
  }

  bool key(std::string& name) override {
    key_ = name;
    if (place_ == Place::metadata) {
      return metadata.emplace(name, std::string()).second || stop("a key that stands twice", name);
    }
    if (place_ != Place::root) return true;
    if (!names_.insert(name).second) return stop("a key that stands twice", name);
    if (name == kMetadata) return true;
    tensor = name;
    if (names_.size() > kMaxTensors)
      return stop("too many tensors", "more than " + std::to_string(kMaxTensors));
    const bool printable = std::all_of(name.begin(), name.end(),
                                       [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
    if (name.empty() || name.size() > kMaxName || !printable)
      return stop("a tensor name that cannot be printed");
    return true;
  }

  bool start_array(std::size_t) override {
    Entry* entry = place_ == Place::tensor ? &entries.back() : nullptr;
    if (entry != nullptr && key_ == "shape" && !std::exchange(entry->has_shape, true))
      return move_to(Place::shape);
    if (entry != nullptr && key_ == "data_offsets" && !std::exchange(entry->has_range, true)) {
      return move_to(Place::range);
    }
    return stop("an array where none belongs", key_);
  }

  bool end_array() override {
    if (place_ == Place::range && entries.back().range.size() != 2)
      return stop("data_offsets are not two numbers");
    return move_to(Place::tensor);
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      metadata[key_] = std::move(value);
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype" ||
        std::exchange(entries.back().has_dtype, true)) {
      return stop("a text where none belongs", key_);
    }
    entries.back().dtype = std::move(value);
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
          entries.back().shape.size() == kMaxDimensions) {
        return stop("an impossible shape", std::to_string(value));
      }
      entries.back().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ != Place::range || entries.back().range.size() == 2)
      return stop("a number where none belongs");
    entries.back().range.push_back(value);
    return true;
  }

  bool null() override { return stop("null where a value belongs"); }
  bool boolean(bool) override { return stop("true or false where another value belongs"); }
  bool number_integer(std::int64_t value) override {
    return stop("a negative number", std::to_string(value));
  }
  bool number_float(double, const std::string& text) override {
    return stop("a number that is not whole", text);
  }
  bool binary(nlohmann::json::binary_t&) override { return stop("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    return stop("a header that is not JSON", "byte " + std::to_string(position));
  }

 private:
  enum class Place { outside, root, metadata, tensor, shape, range };

  bool move_to(Place place) {
    place_ = place;
    return true;
  }
  bool stop(std::string what, std::string value = {}) {
    problem = std::move(what);
    found = value.substr(0, 200);
    return false;
  }

  Place place_ = Place::outside;
  std::string key_;
  std::set<std::string> names_;
};

[[noreturn]] void refuse(const std::string& source, const std::string& tensor, std::string what,
                         std::string expected, std::string found) {
  throw DataError(
      Problem{.what = "not a model we can read: " + std::move(what),
              .where = tensor.empty() ? source : source + ", tensor '" + tensor + "'",
              .expected = std::move(expected),
              .found = std::move(found),
              .remedy = "write the file again with the safetensors library, as float32"});
}

// The bytes of a shape as float32, or nothing when they do not fit 64 bits.
bool byte_size(const std::vector<std::int64_t>& shape, std::uint64_t& bytes) {
  bytes = sizeof(float);
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  if (empty) bytes = 0;
  for (const std::int64_t extent : shape) {
    if (empty) break;
    if (bytes > std::numeric_limits<std::uint64_t>::max() / static_cast<std::uint64_t>(extent))
      return false;
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return true;
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.insert(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_size,
                                           const std::string& source) {
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) {
    refuse(source, reader.tensor, reader.problem, "", reader.found);
  }
  std::stable_sort(reader.entries.begin(), reader.entries.end(),
                   [](const Entry& a, const Entry& b) { return a.range < b.range; });
  const auto frozen = lines_of(reader.metadata[kFrozen]);
  const auto buffers = lines_of(reader.metadata[kBuffers]);
  SafetensorsHeader header;
  std::uint64_t end = 0;
  for (Entry& entry : reader.entries) {
    if (entry.dtype != "F32") {
      refuse(source, entry.name, "its numbers are not float32", "dtype F32",
             "dtype " + entry.dtype.substr(0, 40));
    }
    std::uint64_t size = 0;
    if (entry.range[1] < entry.range[0] || !byte_size(entry.shape, size) ||
        entry.range[1] - entry.range[0] != size) {
      refuse(source, entry.name, "its shape and its bytes disagree",
             std::to_string(size) + " bytes",
             "bytes " + std::to_string(entry.range[0]) + " to " + std::to_string(entry.range[1]));
    }
    if (entry.range[0] != end) {
      refuse(source, entry.name, "a gap or an overlap before it",
             "bytes from " + std::to_string(end), "bytes from " + std::to_string(entry.range[0]));
    }
    if (entry.range[1] > data_size) {
      refuse(source, entry.name, "the file ends before it",
             std::to_string(entry.range[1]) + " bytes of data", std::to_string(data_size));
    }
    end = entry.range[1];
    const bool trainable = !frozen.contains(entry.name);
    if (buffers.contains(entry.name))
      header.layout.add_buffer(std::move(entry.name), std::move(entry.shape));
    else
      header.layout.add(std::move(entry.name), std::move(entry.shape), trainable);
  }
  if (end != data_size) {
    refuse(source, "", "bytes behind the last tensor", std::to_string(end) + " bytes of data",
           std::to_string(data_size));
  }
  header.metadata = std::move(reader.metadata);
  header.metadata.erase(kFrozen);
  header.metadata.erase(kBuffers);
  return header;
}

std::string write_safetensors_header(const Layout& layout,
                                     const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  nlohmann::ordered_json notes = metadata;
  std::string frozen, buffers;
  for (const Slot& slot : layout.slots()) {
    if (!slot.trainable) (slot.buffer ? buffers : frozen) += slot.name + "\n";
  }
  if (!frozen.empty()) notes[kFrozen] = frozen;
  if (!buffers.empty()) notes[kBuffers] = buffers;
  if (!notes.empty()) header[kMetadata] = std::move(notes);
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.pop_back();  // tensors are written behind it one by one: an ordered object would look each
                    // name up
  for (const Slot& slot : layout.slots()) {
    if (text.size() > 1) text += ',';
    text +=
        nlohmann::json(slot.name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text += R"(:{"dtype":"F32","shape":)" + nlohmann::json(slot.shape).dump() +
            R"(,"data_offsets":[)" + std::to_string(slot.offset * sizeof(float)) + "," +
            std::to_string((slot.offset + slot.size) * sizeof(float)) + "]}";
  }
  text += '}';
  text.append((8 - text.size() % 8) % 8,
              ' ');  // the data starts on a multiple of 8, as the format asks
  return text;
}

}  // namespace collegium
