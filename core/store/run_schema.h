#pragma once

namespace collegium {

// run.db: docs say what a column means, Python reads it with its own sqlite3. Empty text stands for
// "none"; NULL for a number that nobody stated. Times are UTC text (store/timestamp.h).
inline constexpr const char* kRunSchema = R"sql(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS site(
  name TEXT PRIMARY KEY, public_key TEXT NOT NULL, state TEXT NOT NULL, first_seen TEXT NOT NULL,
  last_seen TEXT NOT NULL, software TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS round(
  number INTEGER PRIMARY KEY, state TEXT NOT NULL CHECK(state IN ('closed', 'abandoned')), attempts INTEGER NOT NULL,
  opened TEXT NOT NULL, closed TEXT NOT NULL, seconds REAL NOT NULL, model TEXT NOT NULL, model_hash TEXT NOT NULL,
  bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS contribution(
  round INTEGER NOT NULL, site TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('accepted', 'rejected', 'missing', 'failed')), reason TEXT NOT NULL,
  weight REAL, steps INTEGER NOT NULL, loss REAL, seconds REAL NOT NULL, bytes INTEGER NOT NULL,
  update_hash TEXT NOT NULL, epsilon REAL, lifetime REAL, delta REAL, ledger_seq INTEGER, ledger_head TEXT,
  code TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY(round, site));
CREATE TABLE IF NOT EXISTS metric(
  round INTEGER NOT NULL, site TEXT NOT NULL, name TEXT NOT NULL, value REAL, count INTEGER NOT NULL,
  PRIMARY KEY(round, site, name));
CREATE TABLE IF NOT EXISTS release(
  round INTEGER PRIMARY KEY, event TEXT NOT NULL, epsilon REAL NOT NULL, delta REAL NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('reserved', 'released')), model_hash TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event(
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT NOT NULL, site TEXT NOT NULL, text TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS round_stays_closed BEFORE INSERT ON round
WHEN NEW.state = 'abandoned' AND EXISTS(SELECT 1 FROM round WHERE number = NEW.number AND state = 'closed')
BEGIN SELECT RAISE(ABORT, 'a closed round stays closed'); END;
CREATE TRIGGER IF NOT EXISTS release_is_made_once BEFORE INSERT ON release
WHEN NEW.state <> 'reserved' OR NEW.model_hash <> '' OR EXISTS(SELECT 1 FROM release WHERE round = NEW.round)
BEGIN SELECT RAISE(ABORT, 'a round is charged once, as reserved'); END;
CREATE TRIGGER IF NOT EXISTS release_moves_once BEFORE UPDATE ON release
WHEN OLD.state <> 'reserved' OR NEW.state <> 'released' OR NEW.round IS NOT OLD.round OR NEW.event IS NOT OLD.event
  OR NEW.epsilon IS NOT OLD.epsilon OR NEW.delta IS NOT OLD.delta OR NEW.at IS NOT OLD.at
BEGIN SELECT RAISE(ABORT, 'a charge only moves from reserved to released'); END;
CREATE TRIGGER IF NOT EXISTS release_stays BEFORE DELETE ON release
BEGIN SELECT RAISE(ABORT, 'a charge is never deleted'); END;
)sql";

}  // namespace collegium
