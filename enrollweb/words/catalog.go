package words

import (
	"time"

	"github.com/go-playground/locales"

	"github.com/sallyport/sallyport/plugins/hook/wording"
)

// Catalog is one language.
type Catalog struct {
	// Lang is the BCP 47 tag, for the lang attribute.
	Lang string
	// Only means that there is no other to switch to.
	Only   bool
	msg    map[string]message
	locale locales.Translator
}

// message is the text of each plural form by its CLDR name; a message that
// counts nothing has only the form "other".
type message map[string]string

// plain is the form that every message has.
const plain = "other"

// T is a message; pairs of name and value fill its {name} places.
func (c *Catalog) T(key string, pairs ...any) string {
	m, ok := c.msg[key]
	if !ok {
		return key
	}
	return wording.Fill(m[plain], pairs...)
}

// Count is a message that tells how many, in the form that the language has for
// this number; n fills its {n} places, pairs the others.
func (c *Catalog) Count(key string, n int, pairs ...any) string {
	m, ok := c.msg[key]
	if !ok {
		return key
	}
	text, ok := m[formOf(c.locale.CardinalPluralRule(float64(n), 0))]
	if !ok {
		text = m[plain]
	}
	return wording.Fill(text, append([]any{"n", n}, pairs...)...)
}

// ServiceName is the word for a service, or its name where we have none.
func (c *Catalog) ServiceName(name string) string {
	if m, ok := c.msg["service."+name]; ok {
		return m[plain]
	}
	return name
}

// Day is a date as people say it.
func (c *Catalog) Day(t time.Time) string { return c.locale.FmtDateLong(t) }

// Drift tells how far the phone's clock is off, or "" where it is not.
func (c *Catalog) Drift(d time.Duration) string {
	if d == 0 {
		return ""
	}
	key := "drift.slow"
	if d > 0 {
		key = "drift.fast"
	}
	return c.Count(key, max(1, int(d.Abs().Round(time.Minute)/time.Minute)))
}

// Wait says how long to wait, rounded up so that nobody comes too early.
func (c *Catalog) Wait(d time.Duration) string {
	switch s := int((d + time.Second - 1) / time.Second); {
	case s <= 0:
		return c.T("throttled")
	case s < 90:
		return c.Count("throttled.seconds", s)
	default:
		return c.Count("throttled.minutes", (s+59)/60)
	}
}
