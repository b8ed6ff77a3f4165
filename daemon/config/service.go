package config

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

// directoryFactor is the factor that no plugin brings.
const directoryFactor = "directory"

// isWord tells whether the text is a name for a factor, hook or service.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

// name reads the name of a table, which none before it may have.
func (t table) name(k string, taken map[string]bool) string {
	n := t.Need(k, "web")
	switch {
	case n == "":
	case !isWord(n):
		t.Refuse(k, fmt.Sprintf("%q is not a name", n), "write lower-case letters, digits and hyphens, at most 32")
	case taken[n]:
		t.Refuse(k, fmt.Sprintf("%q is there already", n), "keep one of the two, or choose another name")
	}
	taken[n] = true
	return n
}

// program reads the path of a plugin, which must be absolute: it is checked all
// the way up, and a relative one would begin somewhere else every time.
func (t table) program(def string) (file, pin string) {
	file = t.Text("path", def)
	switch {
	case file == "" && def == "":
		t.Refuse("path", "is missing", `write for example: path = "/usr/local/bin/my-hook"`)
	case file != "" && (!filepath.IsAbs(file) || filepath.Clean(file) != file):
		t.Refuse("path", fmt.Sprintf("%q is not an absolute path", file), "write the whole path, without . and ..")
	}
	pin = strings.ToLower(t.Text("sha256", ""))
	if sum, err := hex.DecodeString(pin); pin != "" && (err != nil || len(sum) != 32) {
		t.Refuse("sha256", "is not a SHA-256 sum", "write the 64 hexadecimal digits that sha256sum prints")
	}
	return file, pin
}

func readFactors(ts []table) []Factor {
	var out []Factor
	taken := map[string]bool{}
	for _, t := range ts {
		f := Factor{Kind: t.name("kind", taken)}
		if f.Kind == directoryFactor {
			t.Refuse("kind", "the directory is built in, not a plugin", "remove this [[factor]]")
		}
		f.Path, f.SHA256 = t.program(filepath.Join(t.bin, "sallyport-"+f.Kind))
		f.MTLS = t.Flag("mtls", true)
		f.Jail = t.Flag("jail", true)
		f.Timeout = t.Duration("timeout", 300*time.Millisecond, 50*time.Millisecond, 10*time.Second)
		f.Standalone = t.Flag("standalone", false)
		f.Settings = t.settings()
		t.Close()
		out = append(out, f)
	}
	return out
}

// settings reads what is passed on to a plugin, which alone understands it.
func (t table) settings() map[string]string {
	out, settings := map[string]string{}, t.sub("settings")
	for k, v := range settings.All() {
		switch v.(type) {
		case string, int64, bool:
			out[k] = fmt.Sprint(v)
		default:
			settings.WrongType(k, v, "a text, a whole number, or true or false", k+` = "..."`)
		}
	}
	return out
}

func readServices(ts []table, factors []Factor) []Service {
	var out []Service
	taken := map[string]bool{}
	for _, t := range ts {
		s := Service{Name: t.name("name", taken), SingleFactor: t.Text("single_factor", ""), Config: t.Where("")}
		if t.Has("single_factor") && strings.TrimSpace(s.SingleFactor) == "" {
			if _, isText := t.All()["single_factor"].(string); isText {
				t.Refuse("single_factor", "gives no reason", "write in a sentence why one factor is enough here")
			}
		}
		s.Accept = t.ways(s, factors)
		t.Close()
		out = append(out, s)
	}
	return out
}

// ways reads accept, and refuses what would be weaker than it looks.
func (t table) ways(s Service, factors []Factor) []Way {
	const example = `accept = [["totp", "directory"]]`
	v, ok := t.Value("accept")
	if !ok {
		t.Refuse("accept", "is missing: there is no way in", "write for example: "+example)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		t.WrongType("accept", v, "a list of lists", example)
		return nil
	}
	if len(list) == 0 {
		t.Refuse("accept", "is empty: there is no way in", "write for example: "+example)
	}
	var out []Way
	seen := map[string]bool{}
	for i, e := range list {
		k := fmt.Sprintf("accept[%d]", i)
		way, ok := strict.Texts(e)
		if !ok {
			t.Refuse(k, "is "+strict.KindOf(e)+", must be a list of factors", "write for example: "+example)
			continue
		}
		sorted := slices.Sorted(slices.Values(way))
		if id := strings.Join(sorted, " "); seen[id] && len(way) > 0 {
			t.Refuse(k, "stands twice: the order of factors has no meaning", "keep one of the two")
		} else {
			seen[id] = true
		}
		t.admit(k, way, factors)
		if len(way) == 1 {
			t.admitSingle(k, way[0], s, factors)
		}
		out = append(out, Way{Factors: way, Config: t.Where(k)})
	}
	return out
}

func (t table) admit(k string, way []string, factors []Factor) {
	if len(way) == 0 {
		t.Refuse(k, "is empty: it would let everybody in", "name the factors that must all accept")
	}
	known := []string{directoryFactor}
	for _, f := range factors {
		known = append(known, f.Kind)
	}
	for i, f := range way {
		if slices.Contains(way[:i], f) {
			t.Refuse(k, fmt.Sprintf("names %q twice", f), "name each factor once")
		}
		if slices.Contains(known, f) {
			continue
		}
		fix := "known are: " + strings.Join(known, ", ") + "; every other needs a [[factor]]"
		if near := strict.Nearest(f, known); near != "" {
			fix = fmt.Sprintf("did you mean %q?", near)
		}
		t.Refuse(k, fmt.Sprintf("unknown factor %q", f), fix)
	}
}

func (t table) admitSingle(k, kind string, s Service, factors []Factor) {
	i := slices.IndexFunc(factors, func(f Factor) bool { return f.Kind == kind })
	known := i >= 0 || kind == directoryFactor
	if !known || s.SingleFactor != "" || i >= 0 && factors[i].Standalone {
		return
	}
	fix := `name a second one, for example ["totp", "directory"], or write single_factor = "the reason"`
	if i >= 0 {
		fix += "; a factor that is strong enough alone has standalone = true in its [[factor]]"
	}
	t.Refuse(k, fmt.Sprintf("%q alone is one factor", kind), fix)
}
