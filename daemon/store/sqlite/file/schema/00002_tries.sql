-- +goose Up

-- The writer numbers tries itself and reads them by bucket: a row of its own for
-- the next number and an index by time, which only the hourly sweep has a use
-- for, would be written twice a login.
CREATE TABLE counted (number INTEGER PRIMARY KEY, bucket TEXT NOT NULL, at INTEGER NOT NULL);
INSERT INTO counted (number, bucket, at) SELECT number, bucket, at FROM attempt;
DROP TABLE attempt;
ALTER TABLE counted RENAME TO attempt;
CREATE INDEX attempt_bucket ON attempt (bucket, at);
