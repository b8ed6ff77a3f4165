package look

import (
	"encoding/json"
	"strings"
)

// maxFirst is how many bytes HTML and CSS of a first paint have together.
const maxFirst = 60 << 10

// loads: the browser asks our own host and nobody else, but for the page that
// sends people back where they came from. One HTML and one CSS are all that it
// waits for.
func (b *tab) loads(sc scene) {
	b.t.Helper()
	for _, u := range b.requests() {
		if !strings.HasPrefix(u, b.st.url+"/") && !(sc.leaves && u == app+"/inbox") {
			b.t.Errorf("%s: asks for %s", sc.name, u)
		}
	}
	// What the last page alone wanted, and what its first paint had to wait for.
	var got []struct {
		Name, Kind, Blocking string
		Size                 int
	}
	text := ask[string](b, `JSON.stringify([...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
		.filter(e => !e.name.startsWith("data:")).map(e => ({Name: e.name, Kind: e.initiatorType, Blocking: e.renderBlockingStatus || "", Size: e.decodedBodySize})))`)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		b.t.Fatal(err)
	}
	blocking, size := 0, 0
	for _, r := range got {
		switch {
		case r.Kind == "navigation":
			size += r.Size
		case r.Blocking == "blocking" && strings.HasSuffix(r.Name, ".css"):
			blocking++
			size += r.Size
		case r.Blocking == "blocking":
			b.t.Errorf("%s: the first paint waits for %s", sc.name, r.Name)
		case r.Kind == "script" && strings.HasSuffix(r.Name, ".js"), r.Kind == "other" && strings.Contains(r.Name, "favicon"):
		default:
			b.t.Errorf("%s: loads %s (%s)", sc.name, r.Name, r.Kind)
		}
	}
	if blocking != 1 || size < 5000 || size > maxFirst {
		b.t.Errorf("%s: the first paint waits for %d files beside the page, %d bytes together", sc.name, blocking, size)
	}
}
