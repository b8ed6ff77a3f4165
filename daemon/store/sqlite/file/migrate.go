package file

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// migrate brings the schema up to date, each step in a transaction of its own,
// and returns its number.
//
// goose was chosen because it is a library that works on an open database and
// embedded files, keeps no global state in this form, and speaks to both of
// the databases that this store will have. golang-migrate opens its own
// connections by URL and would bring its own SQLite driver.
func migrate(ctx context.Context, db *sql.DB) (schema int64, err error) {
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return 0, fmt.Errorf("reading the schema steps: %w", err)
	}
	steps, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return 0, fmt.Errorf("reading the schema steps: %w", err)
	}
	current, target, err := steps.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the schema version: %w", err)
	}
	if current > target {
		return 0, fmt.Errorf("its schema %d is newer than the %d that this program knows; "+
			"install the newer program again, or restore a backup made by this one", current, target)
	}
	if _, err := steps.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) {
			err = partial.Err
		}
		return 0, fmt.Errorf("bringing the schema from %d to %d: %w", current, target, err)
	}
	return target, nil
}
