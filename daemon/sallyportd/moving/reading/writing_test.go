package reading

import (
	"bytes"
	"encoding/csv"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// What is written as a table or as a list is read again as the same, whatever the
// login and the label are.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	uri := func(label string) string {
		return "otpauth://totp/" + url.PathEscape(label) + "?secret=" + secret + "&algorithm=SHA256&digits=8&period=60&issuer=House"
	}
	type one struct{ login, label string }
	all := []one{{"alice", "My, \"phone\""}, {"müller", ""}, {"a:b", "x"}, {"House:x", "y"}, {"a b", "z"}, {"#carla", "w"}}
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	rows, list := [][]string{Heading()}, ""
	for _, o := range all {
		row, err := Row(o.login, uri("House:"+o.login), o.label)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
		list += Line(o.login, uri("House:"+o.login)) + "\n"
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	read, err := CSV("f", table.String())
	if err != nil || len(read) != len(all) {
		t.Fatalf("%v, %v", read, err)
	}
	lines := URIs("f", list)
	if len(lines) != len(all) {
		t.Fatalf("%v", lines)
	}
	for i, o := range all {
		if got := (one{read[i].Login, read[i].Label}); got != o {
			t.Errorf("as a table %+v became %+v", o, got)
		}
		if lines[i].Login != o.login || lines[i].Refused != "" {
			t.Errorf("as a line %q became %v, %s", o.login, lines[i], lines[i].Refused)
		}
		for _, e := range []Entry{read[i], lines[i]} {
			u, err := url.Parse(e.Text)
			q := u.Query()
			if got := []string{q.Get("secret"), q.Get("algorithm"), q.Get("digits"), q.Get("period")}; err != nil || !reflect.DeepEqual(got, []string{secret, "SHA256", "8", "60"}) {
				t.Errorf("%q has %q, %v", o.login, got[1:], err)
			}
		}
	}
	// Alone where its label leads to the same person, and else behind the login.
	if got := Line("alice", uri("House:alice")); strings.Contains(got, "\t") {
		t.Errorf("%q", strings.ReplaceAll(got, secret, ""))
	}
	if got := Line("alice", uri("House:al")); !strings.HasPrefix(got, "alice\totpauth://") {
		t.Errorf("%q", strings.ReplaceAll(got, secret, ""))
	}
	for _, bad := range []string{"otpauth://hotp/a?secret=" + secret, "https://totp/a", "%zz"} {
		if row, err := Row("a", bad, ""); err == nil || row != nil {
			t.Errorf("%.12q became a row", bad)
		}
	}
}

// A cell that is empty stays one, between tabs as well; and a row may not be longer
// than a line may.
func TestEmptyAndEndlessCells(t *testing.T) {
	all, err := CSV("f", "algorithm\tdigits\tlogin\tsecret\tlabel\n\t\talice\t"+secret+"\t\nSHA512\t\tbert\t"+secret+"\tPhone\n")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, all, "2 alice totp:"+secret, "3 bert totp:"+secret+" SHA512 Phone")
	all, err = CSV("f", "login,secret,label\nalice,"+secret+","+strings.Repeat("x", maxLine)+"\n")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, all, "2 alice refused: the line is longer than")
}
