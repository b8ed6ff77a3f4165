-- +goose Up

-- Which phone a record is on, by the id of the phone's own record. Empty is none,
-- and leaves the fingerprints of before as they were.
ALTER TABLE record ADD COLUMN device TEXT NOT NULL DEFAULT '';
