#pragma once
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "collegium/error.h"

namespace collegium {

// A place in a JSON document that knows the way there, for messages. Everything that is not as
// asked for is a DataError. Readers point at their parents: keep those alive.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& json, const std::string& source)
      : json_(json), source_(source) {}

  JsonReader operator[](const char* key) const {
    const auto found = json_.is_object() ? json_.find(key) : json_.end();
    if (found == json_.end()) refuse("an object with '" + std::string(key) + "'");
    return {*found, *this, key};
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key); }

  // Every key is one of these.
  void check_keys(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : object(known.size()).items()) {
      bool found = false;
      for (const auto& name : known) found |= key == name;
      if (!found) JsonReader(value, *this, key.c_str()).refuse("no such key");
    }
  }

  // visit(key, reader) for every member, in the order of the keys.
  template <class Visit>
  void each_member(std::size_t limit, Visit visit) const {
    for (const auto& [key, value] : object(limit).items()) {
      check_text(key, kMaxName);
      visit(key, JsonReader(value, *this, key.c_str()));
    }
  }

  template <class Visit>
  void each(std::size_t limit, Visit visit) const {
    if (!json_.is_array() || json_.size() > limit)
      refuse("a list of at most " + std::to_string(limit));
    for (std::size_t i = 0; i < json_.size(); ++i) visit(JsonReader(json_[i], *this, i));
  }

  // A list of exactly two, as [a, b].
  std::pair<JsonReader, JsonReader> pair() const {
    if (!json_.is_array() || json_.size() != 2) refuse("a list of two");
    return {JsonReader(json_[0], *this, std::size_t{0}),
            JsonReader(json_[1], *this, std::size_t{1})};
  }

  std::int64_t integer(std::int64_t low, std::int64_t high) const {
    const bool fits = json_.is_number_integer() &&
                      (!json_.is_number_unsigned() || json_.get<std::uint64_t>() <= INT64_MAX);
    const auto value = fits ? json_.get<std::int64_t>() : 0;
    if (!fits || value < low || value > high)
      refuse("a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return value;
  }
  std::size_t index(std::size_t end) const {
    if (end == 0) refuse("nothing: there are no values");
    return static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(end) - 1));
  }
  std::string text(std::size_t limit = kMaxName) const {
    if (!json_.is_string()) refuse("a text");
    const auto& value = json_.get_ref<const std::string&>();
    check_text(value, limit);
    return value;
  }

  const nlohmann::json& json() const { return json_; }

  [[noreturn]] void refuse(std::string expected, std::string remedy = {}) const {
    auto found = json_.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (found.size() > 120) found = found.substr(0, 120) + "...";
    throw DataError(Problem{.what = "the graph cannot be read",
                            .where = where(),
                            .expected = std::move(expected),
                            .found = std::move(found),
                            .remedy = std::move(remedy)});
  }

  static constexpr std::size_t kMaxName = 1024;

 private:
  JsonReader(const nlohmann::json& json, const JsonReader& parent, const char* key)
      : json_(json), source_(parent.source_), parent_(&parent), key_(key) {}
  JsonReader(const nlohmann::json& json, const JsonReader& parent, std::size_t index)
      : json_(json), source_(parent.source_), parent_(&parent), index_(index) {}

  const nlohmann::json& object(std::size_t limit) const {
    if (!json_.is_object() || json_.size() > limit)
      refuse("an object of at most " + std::to_string(limit) + " members");
    return json_;
  }

  void check_text(const std::string& text, std::size_t limit) const {
    bool printable = text.size() <= limit;
    for (const unsigned char c : text) printable &= c >= 0x20 && c != 0x7f;
    if (!printable) refuse("printable text of at most " + std::to_string(limit) + " bytes");
  }

  std::string path() const {
    if (parent_ == nullptr) return {};
    const auto before = parent_->path();
    if (key_ == nullptr) return before + "[" + std::to_string(index_) + "]";
    return before.empty() ? key_ : before + "." + key_;
  }
  std::string where() const {
    const auto place = path();
    return place.empty() ? source_ : source_ + ", " + place;
  }

  const nlohmann::json& json_;
  const std::string& source_;
  const JsonReader* parent_ = nullptr;
  const char* key_ = nullptr;
  std::size_t index_ = 0;
};

}  // namespace collegium
