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
  update_hash TEXT NOT NULL, epsilon REAL, delta REAL, code TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY(round, site));
CREATE TABLE IF NOT EXISTS metric(
  round INTEGER NOT NULL, site TEXT NOT NULL, name TEXT NOT NULL, value REAL, count INTEGER NOT NULL,
  PRIMARY KEY(round, site, name));
CREATE TABLE IF NOT EXISTS event(
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, level TEXT NOT NULL, site TEXT NOT NULL, text TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS round_stays_closed BEFORE INSERT ON round
WHEN NEW.state = 'abandoned' AND EXISTS(SELECT 1 FROM round WHERE number = NEW.number AND state = 'closed')
BEGIN SELECT RAISE(ABORT, 'a closed round stays closed'); END;
)sql";

}  // namespace collegium
