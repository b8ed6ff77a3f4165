package config

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/config/wayform"
	"github.com/sallyport/sallyport/plugins/factor"
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
		f.Exportable = t.Flag("exportable", false)
		f.Settings = t.settings()
		if _, set := f.Settings[factor.LoneCode]; set {
			// Emergency codes would be made by ones, and nobody have a sheet.
			t.Refuse("settings", factor.LoneCode+" is the daemon's own word to a factor", "remove it")
		}
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

func readServices(t table, c *Config) []Service {
	var out []Service
	taken, factors := map[string]bool{}, []wayform.Factor{}
	for _, f := range c.Factors {
		factors = append(factors, wayform.Factor{Kind: f.Kind, Standalone: f.Standalone})
	}
	for _, t := range t.subs("service") {
		s := Service{Name: t.name("name", taken), SingleFactor: t.Text("single_factor", ""), Config: t.Where("")}
		if t.Has("single_factor") && strings.TrimSpace(s.SingleFactor) == "" {
			if _, isText := t.All()["single_factor"].(string); isText {
				t.Refuse("single_factor", "gives no reason", "write in a sentence why one factor is enough here")
			}
		}
		form := wayform.Form{Table: t.Table, Factors: factors, Single: s.SingleFactor != ""}
		s.Accept = form.Accept()
		s.Groups, s.Bridge = form.Groups(s.Accept), form.Bridge(s.Accept, c.Policy.Last())
		t.Close()
		out = append(out, s)
	}
	return out
}

// Every are all ways of the service, those of groups too.
func (s Service) Every() []Way {
	all := slices.Clone(s.Accept)
	for _, g := range s.Groups {
		all = append(all, g.Accept...)
	}
	return all
}
