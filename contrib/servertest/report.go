package servertest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Update is the environment variable that makes the proofs write their rows
// instead of comparing them.
const Update = "SALLYPORT_UPDATE"

const (
	tableBegin = "<!-- made by the tests of the recipes: begin -->\n"
	tableEnd   = "<!-- made by the tests of the recipes: end -->\n"
	tableHead  = "| server | mechanism | client in the test | remote address | canonical login | while the daemon or the directory is away | revoked app password | note |\n|---|---|---|---|---|---|---|---|\n"
)

// row is what the proof has shown, as a line of the table.
func (p Proof) row() string {
	address, login, lag, outage := "no", "refused unless canonical", "refused at once", p.Outage
	if p.Address != "" {
		address = "yes"
	}
	if p.Canonical {
		login = "yes"
	}
	if p.Lag != "" {
		lag = p.Lag
	}
	if p.Away != "" {
		outage = p.Away + " or " + p.Outage
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", p.Server, p.Mechanism, p.Client, address, login, outage, lag, p.Note)
}

// report holds the row against the table in contrib/README.md, or writes it
// there.
func (p Proof) report(t *testing.T) {
	t.Helper()
	top, err := run.Top()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(top, "contrib", "README.md")
	if os.Getenv(Update) == "" {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("reading the table: %v", err)
		}
		if !strings.Contains(string(b), p.row()) {
			t.Errorf("contrib/README.md does not say so; run the tests with %s=1 to write this row:\n%s", Update, p.row())
		}
		return
	}
	unlock, err := run.Lock(shared(top)) // other proofs write their rows, too
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the table: %v", err)
	}
	head, rest, found := strings.Cut(string(b), tableBegin)
	table, tail, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatal("contrib/README.md has no place for the table")
	}
	rows := strings.SplitAfter(strings.TrimPrefix(table, tableHead), "\n")
	key := fmt.Sprintf("| %s | %s |", p.Server, p.Mechanism)
	rows = slices.DeleteFunc(rows, func(r string) bool { return r == "" || strings.HasPrefix(r, key) })
	rows = append(rows, p.row())
	slices.SortFunc(rows, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	if err := os.WriteFile(path, []byte(head+tableBegin+tableHead+strings.Join(rows, "")+tableEnd+tail), 0o644); err != nil {
		t.Fatalf("writing the table: %v", err)
	}
}
