#include "federation/bodies.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "collegium/error.h"
#include "federation/secure_terms.h"

namespace collegium {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::uint64_t count_of(const Settings& body, const char* key, std::int64_t fallback) {
  return static_cast<std::uint64_t>(body.integer_in(key, fallback, 0, kMost));
}

Digest digest_of(const Settings& body, const char* key) {
  Digest digest{};
  const std::string hex = body.text(key);
  if (!from_hex(hex, digest)) {
    throw ConfigError({.what = std::string("'") + key + "' is not a digest",
                       .where = body.where(key),
                       .expected = "64 hex digits",
                       .found = hex.substr(0, 80)});
  }
  return digest;
}

// Three arrays side by side: {name = [...], value = [...], count = [...]}.
void write_metrics(Settings& body, const std::vector<Metric>& metrics) {
  if (metrics.empty()) return;
  std::vector<std::string> names;
  std::vector<double> values;
  std::vector<std::int64_t> counts;
  for (const Metric& metric : metrics) {
    names.push_back(metric.name);
    values.push_back(metric.value);
    counts.push_back(metric.count);
  }
  Settings table;
  table.set("name", names);
  table.set("value", values);
  table.set("count", counts);
  body.set("metrics", table);
}

std::vector<Metric> read_metrics(const Settings& body) {
  const Settings table = body.table("metrics");
  const auto names = table.texts("name");
  const auto values = table.numbers("value");
  const auto counts = table.integers("count");
  if (names.size() != values.size() || names.size() != counts.size()) {
    throw ConfigError({.what = "the metrics' names, values and counts do not match",
                       .where = body.where("metrics"),
                       .expected = "three arrays of one length",
                       .found = std::to_string(names.size()) + ", " +
                                std::to_string(values.size()) + " and " +
                                std::to_string(counts.size())});
  }
  std::vector<Metric> metrics;
  for (std::size_t i = 0; i < names.size(); ++i)
    metrics.push_back({names[i], values[i], counts[i]});
  return metrics;
}

void write_position(Settings& body, const char* key, const std::optional<LedgerPosition>& at) {
  if (!at) return;
  Settings table;
  table.set("seq", at->seq);
  table.set("head", to_hex(at->head));
  body.set(key, table);
}

std::optional<LedgerPosition> read_position(const Settings& body, const char* key) {
  if (!body.contains(key)) return {};
  const Settings table = body.table(key);
  return LedgerPosition{table.integer_in("seq", 0, 0, kMost), digest_of(table, "head")};
}

// Keys and signatures.
template <class Bytes>
void write_bytes(Settings& body, const char* key, const std::optional<Bytes>& bytes) {
  if (bytes) body.set(key, to_hex(*bytes));
}

template <class Bytes>
std::optional<Bytes> read_bytes(const Settings& body, const char* key) {
  if (!body.contains(key)) return {};
  Bytes bytes;
  const std::string hex = body.text(key);
  if (from_hex(hex, bytes)) return bytes;
  throw ConfigError({.what = std::string("'") + key + "' cannot be read",
                     .where = body.where(key),
                     .expected = std::to_string(2 * bytes.size()) + " hex digits",
                     .found = hex.substr(0, 80)});
}

std::optional<double> maybe_number(const Settings& body, const char* key) {
  if (!body.contains(key)) return {};
  return body.number(key);
}

}  // namespace

Settings BlobNote::write() const {
  Settings table = id.to_settings();
  if (is_inline) table.set("inline", true);
  return table;
}

BlobNote BlobNote::read(const Settings& body, const char* key) {
  const Settings table = body.table(key);
  const auto id = BlobId::from_settings(table);
  if (!id) {
    throw ConfigError({.what = std::string("'") + key + "' does not name a blob",
                       .where = body.where(key),
                       .expected = "{digest = 64 hex digits, size = bytes}"});
  }
  return {*id, table.boolean("inline", false)};
}

std::optional<BlobId> network_file_of(const Settings& network) {
  if (!network.contains("graph")) return {};
  return BlobNote::read(network, "graph").id;
}

void Instructions::write(Settings& body) const {
  body.set("network", network);
  body.set("training", training);
  body.set("privacy", privacy);
  body.set("mechanism", mechanism);
  if (!secure_aggregation.keys().empty()) body.set("secure_aggregation", secure_aggregation);
}

Digest Instructions::hash() const {
  Settings tables;
  write(tables);
  return hash_text(tables.to_toml());
}

Instructions Instructions::read(const Settings& body) {
  return {body.table("network"), body.table("training"), body.table("privacy"),
          body.table("mechanism"), body.table("secure_aggregation")};
}

bool Instructions::operator==(const Instructions& other) const {
  const auto same = [](const Settings& one, const Settings& two) {
    return one.to_toml() == two.to_toml();
  };
  // Which process of the coordinator asks makes no difference.
  const auto terms = [](const Settings& table) {
    if (table.keys().empty()) return table;
    SecureTerms terms = SecureTerms::read(table);
    terms.life.clear();
    return terms.write();
  };
  return same(network, other.network) && same(training, other.training) &&
         same(privacy, other.privacy) && same(mechanism, other.mechanism) &&
         same(terms(secure_aggregation), terms(other.secure_aggregation));
}

Settings JoinBody::write() const {
  Settings body;
  body.set("protocol", protocol);
  body.set("software", software);
  body.set("layout", layout);
  write_bytes(body, "signing", signing);
  return body;
}

JoinBody JoinBody::read(const Settings& body) {
  return {body.integer("protocol"), body.text("software", ""), body.text("layout", ""),
          read_bytes<VerifyKey>(body, "signing")};
}

Settings WelcomeBody::write() const {
  Settings body;
  body.set("name", name);
  body.set("layout", layout);
  body.set("rounds", static_cast<std::int64_t>(rounds));
  instructions.write(body);
  write_position(body, "ledger", ledger);
  write_bytes(body, "signing", signing);
  return body;
}

WelcomeBody WelcomeBody::read(const Settings& body) {
  return {body.text("name", ""),         body.text("layout"),
          count_of(body, "rounds", 0),   Instructions::read(body),
          read_position(body, "ledger"), read_bytes<VerifyKey>(body, "signing")};
}

Settings ReasonBody::write() const {
  Settings body;
  if (!code.empty()) body.set("code", code);
  if (!reason.empty()) body.set("reason", reason);
  if (attempt != 0) body.set("attempt", static_cast<std::int64_t>(attempt));
  if (!fatal) body.set("fatal", false);
  if (update) body.set("update", to_hex(*update));
  write_metrics(body, metrics);
  write_position(body, "recorded", recorded);
  write_bytes(body, "signature", signature);
  return body;
}

ReasonBody ReasonBody::read(const Settings& body) {
  ReasonBody read{.code = body.text("code", ""),
                  .reason = body.text("reason", ""),
                  .attempt = count_of(body, "attempt", 0),
                  .fatal = body.boolean("fatal", true),
                  .update = {},
                  .metrics = read_metrics(body),
                  .recorded = read_position(body, "recorded"),
                  .signature = read_bytes<Signature>(body, "signature")};
  if (body.contains("update")) read.update = digest_of(body, "update");
  return read;
}

bool TaskBody::asks_the_same(const TaskBody& other) const {
  return rounds == other.rounds && seed == other.seed && evaluate == other.evaluate &&
         instructions == other.instructions;
}

Settings TaskBody::write(std::uint64_t round) const {
  Settings body;
  body.set("round", static_cast<std::int64_t>(round));
  body.set("attempt", static_cast<std::int64_t>(attempt));
  body.set("rounds", static_cast<std::int64_t>(rounds));
  body.set("seed", std::to_string(seed));  // 64 bits without a sign do not fit a TOML integer
  body.set("evaluate", evaluate);
  body.set("deadline", deadline);
  body.set("model", model.write());
  instructions.write(body);
  return body;
}

TaskBody TaskBody::read(const Settings& body) {
  TaskBody task{.attempt = count_of(body, "attempt", 1),
                .rounds = count_of(body, "rounds", 1),
                .seed = 0,
                .evaluate = body.boolean("evaluate", false),
                .deadline = body.number("deadline", 0.0),
                .model = BlobNote::read(body, "model"),
                .instructions = Instructions::read(body)};
  const std::string seed = body.text("seed");
  const auto [end, error] = std::from_chars(seed.data(), seed.data() + seed.size(), task.seed);
  if (error != std::errc() || end != seed.data() + seed.size()) {
    throw ConfigError({.what = "the seed is not a number",
                       .where = body.where("seed"),
                       .expected = "decimal digits of a number below 2^64",
                       .found = seed.substr(0, 80)});
  }
  return task;
}

Settings ResultBody::write() const {
  Settings body;
  body.set("attempt", static_cast<std::int64_t>(attempt));
  body.set("model", to_hex(model));
  body.set("steps", steps);
  body.set("weight", weight);
  if (loss) body.set("loss", *loss);
  write_metrics(body, metrics);
  if (!note.empty()) body.set("note", note);
  if (epsilon && delta) {
    Settings spent;
    spent.set("delta", *delta);  // numbers of a message are finite: one without a bound is left out
    if (std::isfinite(*epsilon)) spent.set("epsilon", *epsilon);
    if (lifetime && std::isfinite(*lifetime)) spent.set("lifetime", *lifetime);
    body.set("spent", spent);
  }
  write_position(body, "ledger", ledger);
  write_position(body, "recorded", recorded);
  body.set("update", update.write());
  write_bytes(body, "signature", signature);
  return body;
}

ResultBody ResultBody::read(const Settings& body) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Settings spent = body.table("spent");
  const std::optional<double> delta = maybe_number(spent, "delta");
  const auto of_spent = [&](const char* key) {
    return delta ? std::optional(spent.number(key, kInfinity)) : std::nullopt;
  };
  return {.attempt = count_of(body, "attempt", 1),
          .model = digest_of(body, "model"),
          .steps = body.integer("steps"),
          .weight = body.number_in("weight", 0.0, -kInfinity, kInfinity),
          .loss = maybe_number(body, "loss"),
          .metrics = read_metrics(body),
          .note = body.text("note", ""),
          .epsilon = of_spent("epsilon"),
          .lifetime = of_spent("lifetime"),
          .delta = delta,
          .ledger = read_position(body, "ledger"),
          .recorded = read_position(body, "recorded"),
          .update = BlobNote::read(body, "update"),
          .signature = read_bytes<Signature>(body, "signature")};
}

Settings PongBody::write() const {
  Settings body;
  body.set("attempt", static_cast<std::int64_t>(attempt));
  body.set("state", state);
  body.set("busy", busy);
  if (steps > 0) {
    body.set("step", step);
    body.set("steps", steps);
  }
  return body;
}

PongBody PongBody::read(const Settings& body) {
  return {count_of(body, "attempt", 0), body.text("state", ""), body.boolean("busy", false),
          body.integer("step", 0), body.integer("steps", 0)};
}

Settings SecureBody::write() const {
  Settings body;
  body.set("attempt", static_cast<std::int64_t>(attempt));
  body.set("step", std::string(name_of(step)));
  if (update) body.set("update", update->write());
  return body;
}

SecureBody SecureBody::read(const Settings& body) {
  SecureBody read{.attempt = count_of(body, "attempt", 0)};
  const std::string step = body.one_of("step", "", {"share", "mask", "sign", "unmask"});
  for (const auto one : {secagg::Step::share, secagg::Step::mask, secagg::Step::sign})
    if (step == name_of(one)) read.step = one;
  if (step == name_of(secagg::Step::unmask)) read.step = secagg::Step::unmask;
  if (body.contains("update")) read.update = BlobNote::read(body, "update");
  return read;
}

Settings FinishedBody::write() const {
  Settings body;
  body.set("outcome", outcome);
  if (!reason.empty()) body.set("reason", reason);
  body.set("evaluate", evaluate);
  if (model) body.set("model", model->write());
  return body;
}

FinishedBody FinishedBody::read(const Settings& body) {
  FinishedBody read{
      body.text("outcome"), body.text("reason", ""), body.boolean("evaluate", false), {}};
  if (body.contains("model")) read.model = BlobNote::read(body, "model");
  return read;
}

}  // namespace collegium
