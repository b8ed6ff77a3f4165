package reading

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// columns of a CSV file, in the order in which Heading writes them.
func columns() []string { return []string{"login", "secret", "algorithm", "digits", "period", "label"} }

// Heading is the first line of a CSV file, which names its columns.
func Heading() []string { return columns() }

// Row writes an otpauth URI as a line of a table with that heading. What is no URI
// of that kind is an error.
func Row(login, uri, label string) ([]string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		return nil, errors.New("the record is no otpauth URI, which a table could hold; export it as otpauth")
	}
	q := u.Query()
	return []string{login, q.Get("secret"), q.Get("algorithm"), q.Get("digits"), q.Get("period"), label}, nil
}

// Line writes an otpauth URI as a line of a list, behind the login where its label
// alone would lead to somebody else.
func Line(login, uri string) string {
	if u, err := url.Parse(uri); err == nil && account(u) == login {
		return uri
	}
	return login + "\t" + uri
}

// CSV reads a table with a heading that names its columns: login and secret (in
// base32), and where they are not the usual, algorithm, digits, period and label.
// Columns may come in any order, between commas, semicolons or tabs. The error
// says what is wrong with the table as a whole.
func CSV(file, text string) ([]Entry, error) {
	r := csv.NewReader(strings.NewReader(text))
	first, _, _ := strings.Cut(text, "\n")
	for _, separator := range ";\t" {
		if strings.ContainsRune(first, separator) && !strings.ContainsRune(first, ',') {
			r.Comma = separator
		}
	}
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, r.Comma != '\t'
	heading, err := r.Read()
	if err != nil {
		return nil, errors.New("has no heading; its first line must name the columns: " + strings.Join(columns(), ","))
	}
	for i, name := range heading {
		heading[i] = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(columns(), heading[i]):
			return nil, fmt.Errorf("has a column that nobody knows, %.40q; there are %s", heading[i], strings.Join(columns(), ", "))
		case slices.Contains(heading[:i], heading[i]):
			return nil, fmt.Errorf("has the column %s twice", heading[i])
		}
	}
	if !slices.Contains(heading, "login") || !slices.Contains(heading, "secret") {
		return nil, errors.New("lacks the columns login or secret; its first line must name the columns: " + strings.Join(columns(), ","))
	}
	var all []Entry
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		e := Entry{File: file}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			e.Line, e.Refused = broken.StartLine, "the line cannot be read as CSV: "+broken.Err.Error()
			all = append(all, e)
			continue
		}
		if err != nil {
			return nil, err
		}
		e.Line, _ = r.FieldPos(0)
		all = append(all, fromRow(e, heading, row))
	}
}

func fromRow(e Entry, heading, row []string) Entry {
	cells := map[string]string{}
	size := 0
	for i, name := range heading {
		if i < len(row) {
			cells[name] = strings.TrimSpace(row[i])
			size += len(row[i])
		}
	}
	e.Login, e.Label = cells["login"], cells["label"]
	switch {
	case size > maxLine:
		e.Refused = fmt.Sprintf("the line is longer than %d bytes", maxLine)
	case len(row) != len(heading):
		e.Refused = fmt.Sprintf("the line has %d columns, and the heading %d", len(row), len(heading))
	case cells["secret"] == "":
		e.Refused = "it has no secret"
	}
	return e.with(Key{Kind: "totp", Secret: cells["secret"], Algorithm: cells["algorithm"], Digits: cells["digits"], Period: cells["period"]}.URI(e.Login))
}
