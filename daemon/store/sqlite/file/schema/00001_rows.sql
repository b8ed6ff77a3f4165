-- +goose Up
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- One row a person. mac covers this row and all of the person's records.
CREATE TABLE subject (
	id      TEXT PRIMARY KEY,
	version INTEGER NOT NULL,
	invite  INTEGER NOT NULL,
	mac     BLOB NOT NULL
) WITHOUT ROWID;

-- A person's records lie side by side. Times are nanoseconds, 0 is never.
CREATE TABLE record (
	subject TEXT NOT NULL, id TEXT NOT NULL UNIQUE, factor TEXT NOT NULL, label TEXT NOT NULL,
	services TEXT NOT NULL, created INTEGER NOT NULL, pending INTEGER NOT NULL,
	revoked INTEGER NOT NULL, expires INTEGER NOT NULL, uses INTEGER NOT NULL,
	last_used INTEGER NOT NULL, last_from TEXT NOT NULL, last_agent TEXT NOT NULL, last_service TEXT NOT NULL,
	format INTEGER NOT NULL, payload BLOB NOT NULL,
	PRIMARY KEY (subject, id)
) WITHOUT ROWID;
CREATE INDEX record_revoked ON record (revoked) WHERE revoked > 0;
CREATE INDEX record_pending ON record (expires) WHERE pending = 1;

-- Tokens, in a table for each family, so that no query can take one for another.
CREATE TABLE grants (kind TEXT NOT NULL, hash BLOB NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (kind, hash)) WITHOUT ROWID;
CREATE INDEX grants_subject ON grants (subject, kind);
CREATE INDEX grants_expires ON grants (expires);
CREATE TABLE setups (kind TEXT NOT NULL, hash BLOB NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (kind, hash)) WITHOUT ROWID;
CREATE INDEX setups_subject ON setups (subject, kind);
CREATE INDEX setups_expires ON setups (expires);
CREATE TABLE sessions (kind TEXT NOT NULL, hash BLOB NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (kind, hash)) WITHOUT ROWID;
CREATE INDEX sessions_subject ON sessions (subject, kind);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE TABLE sources (kind TEXT NOT NULL, hash BLOB NOT NULL, subject TEXT NOT NULL, data BLOB NOT NULL,
	created INTEGER NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (kind, hash)) WITHOUT ROWID;
CREATE INDEX sources_subject ON sources (subject, kind);
CREATE INDEX sources_expires ON sources (expires);

-- Counted tries. AUTOINCREMENT: a number is never used again, so a late refund
-- cannot take back somebody else's try.
CREATE TABLE attempt (number INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX attempt_bucket ON attempt (bucket, at);
CREATE INDEX attempt_at ON attempt (at);

-- What the support screen shows beside the audit.
CREATE TABLE try (number INTEGER PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX try_subject ON try (subject, number);
CREATE INDEX try_at ON try (at);

-- The audit, and its end.
CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, mac BLOB NOT NULL);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, mac BLOB NOT NULL, seal BLOB NOT NULL);
