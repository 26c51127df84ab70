#include "federation/statements.h"

#include <array>
#include <charconv>

namespace collegium {
namespace {

// The shortest digits that give the same double again, whatever the locale.
std::string digits(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string digits(const std::optional<double>& value) { return value ? digits(*value) : "none"; }

std::string position(const std::optional<LedgerPosition>& at) {
  return at ? std::to_string(at->seq) + " " + to_hex(at->head) : "none";
}

}  // namespace

std::string contribution_statement(const RunId& run, std::string_view site, std::uint64_t round,
                                   const ResultBody& body) {
  return "collegium/contribution/v1\nrun " + to_hex(run) + "\nsite " + std::string(site) +
         "\nround " + std::to_string(round) + "\nattempt " + std::to_string(body.attempt) +
         "\nmodel " + to_hex(body.model) + "\nupdate " + to_hex(body.update.id.digest) +
         "\nsteps " + std::to_string(body.steps) + "\nweight " + digits(body.weight) +
         "\nepsilon " + digits(body.epsilon) + "\nlifetime " + digits(body.lifetime) + "\ndelta " +
         digits(body.delta) + "\nledger " + position(body.ledger) + "\nrecorded " +
         position(body.recorded) + "\n";
}

std::string acceptance_statement(const RunId& run, std::string_view site, std::uint64_t round,
                                 const Digest& update,
                                 const std::optional<LedgerPosition>& recorded) {
  return "collegium/acceptance/v1\nrun " + to_hex(run) + "\nsite " + std::string(site) +
         "\nround " + std::to_string(round) + "\nupdate " + to_hex(update) + "\nrecorded " +
         position(recorded) + "\n";
}

}  // namespace collegium
