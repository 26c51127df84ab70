#pragma once
#include <cstdint>

namespace collegium {

// site.db. The triggers make the table append-only for every program, not only for this one: a
// charge is inserted as `reserved` behind the last one and afterwards moves once, to `released` or
// `void`; a schedule stays as it is. Python reads all of it with its own sqlite3, so the names are
// part of the interface.
inline constexpr std::int64_t kLedgerFormat = 2;  // PRAGMA user_version
inline constexpr const char* kLedgerSchema = R"sql(
CREATE TABLE IF NOT EXISTS dataset(
  id TEXT PRIMARY KEY, unit TEXT NOT NULL CHECK(unit IN ('patient', 'site')), delta REAL NOT NULL,
  budget REAL, n_public INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS run(
  id TEXT PRIMARY KEY, dataset TEXT NOT NULL REFERENCES dataset(id), rounds INTEGER NOT NULL,
  simulation INTEGER NOT NULL CHECK(simulation IN (0, 1)), config_hash TEXT NOT NULL, config TEXT NOT NULL,
  created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS charge(
  seq INTEGER PRIMARY KEY, dataset TEXT NOT NULL REFERENCES dataset(id), run TEXT NOT NULL REFERENCES run(id),
  kind TEXT NOT NULL CHECK(kind IN ('schedule', 'drawn', 'extra')), round INTEGER NOT NULL, purpose TEXT NOT NULL,
  attempt INTEGER NOT NULL, events TEXT NOT NULL, filter_order REAL NOT NULL, epsilon_after REAL,
  state TEXT NOT NULL CHECK(state IN ('reserved', 'released', 'void')), output_hash TEXT,
  prev_hash TEXT NOT NULL, row_hash TEXT NOT NULL, at TEXT NOT NULL,
  UNIQUE(run, round, purpose, attempt));
CREATE TABLE IF NOT EXISTS note(seq INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);

CREATE TRIGGER IF NOT EXISTS charge_is_appended BEFORE INSERT ON charge
WHEN NEW.state <> 'reserved' OR NEW.output_hash IS NOT NULL
  OR NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM charge)
  OR EXISTS(SELECT 1 FROM charge WHERE run = NEW.run AND round = NEW.round AND purpose = NEW.purpose
            AND attempt = NEW.attempt)
BEGIN SELECT RAISE(ABORT, 'a charge is appended once, as reserved'); END;

CREATE TRIGGER IF NOT EXISTS charge_moves_once BEFORE UPDATE ON charge
WHEN OLD.kind = 'schedule' OR OLD.state <> 'reserved' OR NEW.state = 'reserved'
  OR (NEW.state = 'released') <> (NEW.output_hash IS NOT NULL)
  OR NEW.seq IS NOT OLD.seq OR NEW.dataset IS NOT OLD.dataset OR NEW.run IS NOT OLD.run OR NEW.kind IS NOT OLD.kind
  OR NEW.round IS NOT OLD.round OR NEW.purpose IS NOT OLD.purpose OR NEW.attempt IS NOT OLD.attempt
  OR NEW.events IS NOT OLD.events OR NEW.filter_order IS NOT OLD.filter_order
  OR NEW.epsilon_after IS NOT OLD.epsilon_after OR NEW.prev_hash IS NOT OLD.prev_hash
  OR NEW.row_hash IS NOT OLD.row_hash OR NEW.at IS NOT OLD.at
BEGIN SELECT RAISE(ABORT, 'a charge only moves from reserved to released or void'); END;

CREATE TRIGGER IF NOT EXISTS charge_stays BEFORE DELETE ON charge
BEGIN SELECT RAISE(ABORT, 'a charge is never deleted'); END;
)sql";

}  // namespace collegium
