package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

// read collects name, yes and nest.inner.
func read(body string) (map[string]any, error) {
	got := map[string]any{}
	err := strictjson.Decode([]byte(body), func(key string, value any) error {
		switch key {
		case "name", "nest.inner":
			s, err := strictjson.Text(key, value, 8)
			got[key] = s
			return err
		case "yes":
			if _, ok := value.(bool); !ok {
				return errors.New(`"yes" must be true or false`)
			}
			got[key] = value
			return nil
		case "nest":
			if _, ok := value.(strictjson.Object); !ok {
				return errors.New(`"nest" must be an object`)
			}
			return nil
		default:
			return strictjson.Unknown(key)
		}
	})
	return got, err
}

func TestOneReadingOrNone(t *testing.T) {
	cases := []struct{ name, body, want string }{
		{"empty object", `{}`, ""},
		{"all keys", ` {"name":"ü\u00fc","yes":true,"nest":{"inner":"x"}} `, ""},
		{"case variant", `{"Name":"x"}`, "unknown key"},
		{"long s folds to s nowhere", `{"yeſ":true}`, "unknown key"},
		{"duplicate", `{"name":"a","name":"b"}`, "twice"},
		{"duplicate by escape", `{"name":"a","n\u0061me":"b"}`, "twice"},
		{"duplicate inside", `{"nest":{"inner":"a","inner":"b"}}`, `"nest.inner" stands there twice`},
		{"unknown inside", `{"nest":{"outer":"a"}}`, "unknown key \"nest.outer\""},
		{"key that looks nested", `{"nest.inner":"x"}`, "unknown key"},
		{"trailing object", `{"name":"a"}{}`, "not one JSON object"},
		{"trailing word", `{"name":"a"} x`, "not one JSON object"},
		{"trailing comma", `{"name":"a",}`, "not one JSON object"},
		{"missing comma", `{"name":"a" "yes":true}`, "not one JSON object"},
		{"number", `{"name":1}`, "must be a string"},
		{"null", `{"name":null}`, "must be a string"},
		{"list", `{"name":["a"]}`, "must be a string"},
		{"object for string", `{"name":{"inner":"a"}}`, "must be a string"},
		{"string for object", `{"nest":"a"}`, "must be an object"},
		{"too deep", `{"nest":{"inner":{}}}`, "must be a string"},
		{"string for bool", `{"yes":"true"}`, "true or false"},
		{"too long", `{"name":"123456789"}`, "longer than 8 bytes"},
		{"not an object", `["name"]`, "not a JSON object"},
		{"empty", ``, "not one JSON object"},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", "not UTF-8"},
		{"half a surrogate", `{"name":"\ud800"}`, "broken character"},
		{"byte order mark", "\ufeff{}", "not one JSON object"},
		{"long unknown key", `{"` + strings.Repeat("k", 5000) + `":"x"}`, "kkk..."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := read(c.body)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("want a word about %q, got %v", c.want, err)
			case err != nil && len(err.Error()) > 200:
				t.Errorf("the error is as long as the peer wanted: %d bytes", len(err.Error()))
			}
		})
	}
}

// Whatever is taken here reads the same for a lenient reader of JSON.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `{"name":"x","yes":false,"nest":{"inner":"y"}}`, `{"name":"\ud800"}`,
		`{"name":"a","name":"b"}`, `{"Name":"x"}`, `{"nest":{"nest":{}}}`, "{\"name\":\"\xff\"}", `[{}]`, `{"name":"a",}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := read(body)
		if err != nil {
			return
		}
		var other struct {
			Name *string `json:"name"`
			Yes  *bool   `json:"yes"`
			Nest *struct {
				Inner *string `json:"inner"`
			} `json:"nest"`
		}
		if err := json.Unmarshal([]byte(body), &other); err != nil {
			t.Fatalf("taken, but no JSON: %v", err)
		}
		if name, ok := got["name"]; ok != (other.Name != nil) || ok && *other.Name != name {
			t.Errorf("two readings of name in %q", body)
		}
		if yes, ok := got["yes"]; ok != (other.Yes != nil) || ok && *other.Yes != yes {
			t.Errorf("two readings of yes in %q", body)
		}
	})
}
