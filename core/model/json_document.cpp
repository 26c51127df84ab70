#include "model/json_document.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "collegium/error.h"

namespace collegium {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxElements = 2'000'000;  // a network of 1,000 calls has 20,000

[[noreturn]] void refuse(const std::string& source, std::string what, std::string found) {
  throw DataError(Problem{.what = std::move(what),
                          .where = source,
                          .expected = "canonical JSON",
                          .found = std::move(found),
                          .remedy = "capture the model again; the text is not meant to be edited"});
}

void check_characters(std::string_view text, const std::string& source) {
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c > 0x7e || (c == ' ' && !in_string))
      refuse(source, "a character that does not belong there", "byte " + std::to_string(i));
    if (c == '"') in_string = !in_string;
    if (c == '\\' && in_string) ++i;
  }
}

}  // namespace

json parse_canonical_json(std::string_view text, std::size_t nesting, const std::string& source) {
  check_characters(text, source);
  std::vector<std::optional<std::string>> last_keys;  // of the objects that are open
  std::size_t elements = 0;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (static_cast<std::size_t>(depth) > nesting)
      refuse(source, "it is nested too deeply", "more than " + std::to_string(nesting) + " levels");
    if (++elements > kMaxElements) refuse(source, "it has too many elements", "");
    if (event == Event::object_start) last_keys.emplace_back();
    if (event == Event::object_end) last_keys.pop_back();
    if (event == Event::key) {
      auto key = parsed.get<std::string>();
      if (last_keys.back() && key <= *last_keys.back())
        refuse(source, "keys are not in order, or stand twice", "'" + key.substr(0, 100) + "'");
      last_keys.back() = std::move(key);
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::parse_error& error) {
    refuse(source, "it is not JSON", "byte " + std::to_string(error.byte));
  } catch (const json::exception& error) {
    refuse(source, "it is not JSON", error.what());
  }
}

}  // namespace collegium
