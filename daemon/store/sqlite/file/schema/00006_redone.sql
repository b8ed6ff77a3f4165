-- +goose Up

-- An event that has lost an address, or all about a person: redone is the
-- signature of what is left, in its place in the chain. Empty where the event is
-- as it was written first.
ALTER TABLE event ADD COLUMN redone BLOB NOT NULL DEFAULT x'';

-- Where the audit begins, once its oldest events have had their time: the number
-- and link of the last one that went.
CREATE TABLE foot (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, mac BLOB NOT NULL, seal BLOB NOT NULL);
