package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
)

// everyReason is the closed list, as its package writes it down.
func everyReason(t *testing.T) []account.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../daemon/account/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []account.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, account.Reason(word))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d reasons were found", len(all))
	}
	return all
}

func reasons(t *testing.T, dir, german string) func(account.Reason) account.Text {
	t.Helper()
	text, err := Reasons(dir, german)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Each reason of the closed list has a sentence, and each sentence a reason.
func TestEveryReasonHasItsSentence(t *testing.T) {
	said := map[string]bool{}
	for _, r := range everyReason(t) {
		key := ofChecks + string(sentence(r))
		if load(t)["de"].msg[key] == nil {
			t.Errorf("%s has no message %s", r, key)
		}
		said[key] = true
	}
	for lang, c := range load(t) {
		for key, m := range c.msg {
			if strings.HasPrefix(key, ofChecks) && (!said[key] || len(m) != 1 || travels(key, m[plain]) != nil) {
				t.Errorf("%s: no reason has the message %s, or it cannot travel: %v", lang, key, m)
			}
		}
	}
}

// Sentences that a stranger could tell accounts apart by are one, whatever the
// operator writes.
func TestReasonsThatLookAlike(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "de.json"), []byte(`{"check.bad_credentials": "Nein."}`), 0o600); err != nil {
		t.Fatal(err)
	}
	text := reasons(t, dir, "")
	for _, r := range []account.Reason{account.BadCredentials, account.UnknownUser, account.AccountDisabled, account.AccountLockedByDirectory, "what nobody knows"} {
		if got, want := text(r), (account.Text{DE: "Nein.", EN: "The login name or the password is not right."}); got != want {
			t.Errorf("%s says %v", r, got)
		}
	}
	for _, r := range []account.Reason{account.DirectoryUnavailable, account.StoreUnavailable, account.PluginUnavailable, account.ClockUnsafe} {
		if got := text(r); !strings.Contains(got.DE, "nicht an Ihrem Passwort.") || !strings.Contains(got.EN, "it is not your password.") {
			t.Errorf("%s says %v", r, got)
		}
	}
	if text(account.Vetoed) != text(account.NotAllowed) || text(account.OK).EN != "Signed in." {
		t.Errorf("%v, %v, %v", text(account.Vetoed), text(account.NotAllowed), text(account.OK))
	}
	for _, r := range everyReason(t)[:4] {
		name := "check." + string(r)
		if err := os.WriteFile(filepath.Join(dir, "de.json"), []byte(`{"`+name+`": "x"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Reasons(dir, ""); (err != nil) != (sentence(r) != r) {
			t.Errorf("%s for itself: %v", name, err)
		}
	}
}

// The answers of a check speak as the page does: in the form of address that the
// operator chose, and with the operator's own texts on top of both.
func TestReasonsInEitherForm(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"de.json":    `{"check.code_wrong": "Falsch.", "check.throttled": "Langsam, bitte."}`,
		"de-du.json": `{"check.code_wrong": "Du liegst falsch."}`,
		"en.json":    `{"check.code_wrong": "Wrong."}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir, german string
		reason      account.Reason
		want        account.Text
	}{
		{"", "", account.CodeUsed, account.Text{DE: "Dieser Code wurde schon benutzt. Warten Sie auf den nächsten Code.", EN: "This code has been used already. Wait for the next code."}},
		{"", "du", account.CodeUsed, account.Text{DE: "Dieser Code wurde schon benutzt. Warte auf den nächsten Code.", EN: "This code has been used already. Wait for the next code."}},
		{dir, "sie", account.CodeWrong, account.Text{DE: "Falsch.", EN: "Wrong."}},
		{dir, "du", account.CodeWrong, account.Text{DE: "Du liegst falsch.", EN: "Wrong."}},
		{dir, "du", account.Throttled, account.Text{DE: "Langsam, bitte.", EN: "Too many tries. Please wait a moment, then try again."}},
		{dir, "du", account.AppPasswordTypo, account.Text{DE: "In diesem App-Passwort ist ein Tippfehler.", EN: "There is a typing mistake in this app password."}},
	} {
		if got := reasons(t, c.dir, c.german)(c.reason); got != c.want {
			t.Errorf("%s %q: %v, want %v", c.reason, c.german, got, c.want)
		}
	}
}

// What goes into one line of a foreign protocol is held to that.
func TestTextsThatCannotTravel(t *testing.T) {
	for text, want := range map[string]string{
		`"{\"check.code_wrong\": \"one\\nTwo\"}"`:                              `message "check.code_wrong" holds a line break`,
		`"{\"check.code_wrong\": \"one\\u0085two\"}"`:                          `holds a line break`,
		`"{\"check.code_wrong\": \"one\\u2028two\"}"`:                          `holds a line break`,
		`"{\"check.code_wrong\": \"` + strings.Repeat("ä", 301) + `\"}"`:       `message "check.code_wrong" is longer than 300 characters`,
		`"{\"check.code_wrong\": \"Call {phone}\"}"`:                           `must have the places none, and has {phone}`,
		`"{\"check.code_worng\": \"x\"}"`:                                      `there is no message "check.code_worng"`,
		`"{\"check.code_wrong\": \"` + strings.Repeat("ä", 300) + `\"}"`:       "",
		`"{\"signin.hint\": \"` + strings.Repeat("ä", 301) + `\"}"`:            "",
		`"{\"check.code_wrong\": {\"one\": \"x\", \"other\": \"{n} of us\"}}"`: `counts nothing`,
	} {
		dir := t.TempDir()
		plain, err := strconv.Unquote(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "en.json"), []byte(plain), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Reasons(dir, "")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "en.json")) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
	if _, err := Reasons("", "Du"); err == nil {
		t.Error("a third form was taken")
	}
}
