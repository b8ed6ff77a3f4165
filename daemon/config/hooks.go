package config

import (
	"errors"
	"strings"
	"time"

	"github.com/sallyport/sallyport/plugins/hook"
)

func readHooks(ts []table) []Hook {
	var out []Hook
	taken := map[string]bool{}
	for _, t := range ts {
		h := Hook{Name: t.name("name", taken), Config: t.Where("")}
		h.Path, h.SHA256 = t.program("")
		h.Before, h.Mail = t.Flag("before", true), t.Flag("mail", false)
		switch {
		case t.Has("on_error"):
			h.AllowOnError = t.OneOf("on_error", "deny", "deny", "allow") == "allow"
			if !h.Before {
				t.Refuse("on_error", "has no meaning with before = false: no login waits for this hook", "remove one of the two")
			}
		case h.Before:
			t.Know("on_error")
			t.Refuse("on_error", "is missing: it has no default", `write on_error = "deny" (safe) or "allow" (available), or before = false where the hook only hears of what happened`)
		}
		h.Timeout = t.Duration("timeout", 200*time.Millisecond, 50*time.Millisecond, 10*time.Second)
		h.Settings = t.settings()
		t.Close()
		out = append(out, h)
	}
	return out
}

// hook asks the hook itself, if it can be started at all.
func (x examination) hook(table string, h Hook, s hook.Setup) {
	before := len(x.doc.Refused())
	x.program(table, h.Path, h.SHA256)
	if x.Hook == nil || x.refused[table+".path"] || x.refused[table+".sha256"] || len(x.doc.Refused()) > before {
		return
	}
	s.Settings = h.Settings
	err := x.Hook(h, s)
	var unfit hook.Unfit
	switch {
	case errors.As(err, &unfit):
		for _, p := range unfit {
			x.doc.Add(strings.TrimSuffix(table+".settings."+p.Key, "."), p.Reason, p.Fix)
		}
	case err != nil:
		x.doc.Add(table+".path", "the hook does not start: "+err.Error(), "run serve, whose log may say more")
	}
}

// Setup is what every hook is told at its start, without settings of its own.
func (c *Config) Setup() hook.Setup {
	s := hook.Setup{Operator: c.Page.Operator, Phone: c.Page.Support.Phone, Hours: c.Page.Support.Hours, Mail: c.Page.Support.Mail, German: c.Page.German, Texts: c.Page.Texts}
	if s.Operator == "" {
		s.Operator = c.Issuer
	}
	return s
}
