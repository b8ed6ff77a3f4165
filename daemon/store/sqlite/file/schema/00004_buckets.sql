-- +goose Up

-- A try lies in its bucket: one tree is written at a login where there were a
-- table and an index. The time of a try that support sees is looked at by the
-- hourly sweep alone, which can as well walk.
CREATE TABLE counted (bucket TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (bucket, number)) WITHOUT ROWID;
INSERT INTO counted (bucket, number, at) SELECT bucket, number, at FROM attempt;
DROP TABLE attempt;
ALTER TABLE counted RENAME TO attempt;
DROP INDEX try_at;
