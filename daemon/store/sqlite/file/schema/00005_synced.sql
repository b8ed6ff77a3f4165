-- +goose Up

-- That an app password of the person has let somebody in, ever. Where it never
-- has, fingerprints are as they were before.
ALTER TABLE subject ADD COLUMN synced INTEGER NOT NULL DEFAULT 0;
