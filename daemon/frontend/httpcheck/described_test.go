package httpcheck_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// section is what stands in the description below a line, as far as it is indented
// more than that.
func section(t *testing.T, yaml, head string) string {
	t.Helper()
	_, rest, ok := strings.Cut(yaml, "\n"+head+"\n")
	if !ok {
		t.Fatalf("the description has no line %q", head)
	}
	indent := len(head) - len(strings.TrimLeft(head, " "))
	if end := regexp.MustCompile(fmt.Sprintf(`(?m)^ {0,%d}\S`, indent)).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return rest
}

func found(pattern, text string) (all []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The written description and the code name the same places, keys and reasons.
func TestTheDescriptionNamesWhatIsThere(t *testing.T) {
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	yaml := read("../../../contrib/openapi/check.yaml")
	for what, c := range map[string]struct{ described, there []string }{
		"places":            {found(`(?m)^  (/v1/[a-z/]+):$`, strings.ReplaceAll(yaml, "/v1/session", "")), found(`case "(/v1/[a-z/]+)":`, read("httpcheck.go"))},
		"places of a visit": {found(`(?m)^  (/(?:v1/session[a-z/-]*|\.sallyport[a-z/]+)):$`, yaml), found(`"(/v1/session(?:/[a-z-]+)?|/\.sallyport/[a-z]+)"`, read("browser/browser.go"))},
		"keys of a question": {found(`(?m)^        ([a-z]+):`, section(t, yaml, "    Question:")),
			found(`case "([a-z]+)":`, read("check.go"))},
		"keys of a client": {found(`(?m)^            ([a-z]+):`, section(t, yaml, "    Question:")),
			found(`case "client\.([a-z]+)":`, read("check.go"))},
		"keys of an answer": {found(`(?m)^ {8,12}([a-z_]+):`, strings.NewReplacer("required:", "", "description:", "", "type:", "", "properties:", "", " de:", "", " en:", "").Replace(section(t, yaml, "    Verdict:\n      type: object\n      required: [verdict, reason, text]\n      properties:"))),
			found("`json:\"([a-z_]+)[,\"]", strings.Replace(read("reply.go"), `json:"status"`, "", 1))},
		"reasons": {found(`([a-z_]+)[,\]]`, section(t, yaml, "    Reason:")), found(`Reason = "([a-z_]+)"`, read("../../account/reason.go"))},
	} {
		if !slices.Equal(c.described, c.there) || len(c.there) < 2 {
			t.Errorf("%s: described are\n%q\nand there are\n%q", what, c.described, c.there)
		}
	}
	// What may stand in a question is taken, all at once.
	resp, body := post(t, serve(t, &fake{answer: alice()}, nil),
		`{"service":"dav","username":"alice","password":"x","code":"1","client":{"ip":"192.0.2.1","agent":"a"}}`)
	if resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
