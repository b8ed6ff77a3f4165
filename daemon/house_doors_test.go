package daemon_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// door is one library from outside, why it is here, and where it may come in.
type door struct {
	module string
	why    string
	dirs   []string // path.Match patterns; everything below a match is meant too
	tests  []string // the same, for test files only; "*" means any
}

// doors is the list of everything from outside that the house uses directly.
// A new dependency is added here, with its reason, or not at all.
func doors() []door {
	plugin := []string{"plugins/wire", "daemon/pluginhost"}
	mains := []string{"daemon/sallyportd", "contrib/sallyport", "plugins/cmd/*"}
	whole := []string{"enrollweb", "daemon/sallyportd"}
	return []door{
		{"github.com/go-ldap/ldap/v3", "the directory's protocol; tests of the whole measure a bare bind beside it", []string{"daemon/directory"}, []string{"daemon/sallyportd", "contrib/servertest"}},
		{"github.com/go-asn1-ber/asn1-ber", "BER, beside go-ldap", []string{"daemon/directory"}, nil},
		{"github.com/go-ldap/ldif", "reads the LDIF of the demo", []string{"daemon/directory"}, nil},
		{"github.com/hashicorp/go-plugin", "plugin processes", plugin, nil},
		{"github.com/hashicorp/go-hclog", "go-plugin's logger", plugin, nil},
		{"google.golang.org/grpc", "the wire of the plugins", plugin, nil},
		{"google.golang.org/protobuf", "the wire of the plugins", plugin, nil},
		{"github.com/elastic/go-seccomp-bpf", "the jail that plugins without network put themselves into", []string{"plugins/wire"}, nil},
		{"github.com/prometheus/client_golang", "metrics", []string{"daemon/metrics"}, nil},
		{"github.com/BurntSushi/toml", "the config file", []string{"daemon/config"}, nil},
		{"github.com/smallstep/pkcs7", "the signature of profiles for Apple's devices", []string{"enrollweb"}, nil},
		{"github.com/skip2/go-qrcode", "the QR image of the page", []string{"enrollweb"}, nil},
		{"github.com/wneessen/go-mail", "SMTP over TLS, and mail that other programs can read", []string{"plugins/notify/post"}, []string{"plugins/notify", "daemon/sallyportd"}},
		{"github.com/pquerna/otp", "RFC 4226 and 6238 codes", []string{"plugins/totp"}, nil},
		{"modernc.org/sqlite", "SQLite without C", []string{"daemon/store"}, []string{"daemon/sallyportd"}},
		{"github.com/jackc/pgx/v5", "PostgreSQL", []string{"daemon/store"}, nil},
		{"github.com/pressly/goose/v3", "migrations of the store", []string{"daemon/store"}, nil},
		{"github.com/tink-crypto/tink-go/v2", "keysets and AEAD", []string{"daemon/seal"}, nil},
		{"github.com/coreos/go-systemd/v22", "socket activation and sd_notify", []string{"daemon/listen", "daemon/sallyportd"}, nil},
		{"golang.org/x/sys", "what the syscall package lacks", []string{"daemon/listen", "daemon/pluginhost", "daemon/sallyportd"}, []string{"daemon/frontend"}},
		{"github.com/go-playground/locales", "plural forms and dates as the CLDR has them, on the page and in mail", []string{"enrollweb/words", "plugins/notify/letter"}, nil},
		{"howett.net/plist", "profiles for Apple's devices; tests of the whole read one", []string{"enrollweb"}, []string{"contrib/nginx", "daemon/sallyportd"}},
		{"golang.org/x/text", "RFC 8265 names, and which language a browser wants", []string{"daemon/directory", "enrollweb"}, nil},
		{"golang.org/x/crypto", "argon2: emergency codes at rest, and a directory that hashes with it", []string{"plugins/recovery"}, []string{"daemon/directory"}},
		{"github.com/hashicorp/golang-lru/v2", "memory of bounded size", []string{"daemon/directory", "daemon/store"}, nil},
		{"github.com/google/uuid", "entryUUID of the embedded directory", []string{"daemon/directory/embedded"}, nil},
		{"golang.org/x/term", "passwords typed at a terminal", mains, nil},
		{"github.com/schollz/progressbar/v3", "how far a long report or import is", []string{"contrib/sallyport", "daemon/sallyportd"}, nil},
		{"charm.land/bubbletea/v2", "the form of the support desk on a terminal", []string{"contrib/sallyport"}, nil},
		{"charm.land/bubbles/v2", "fields to type in, beside bubbletea", []string{"contrib/sallyport"}, nil},
		{"github.com/creack/pty", "a terminal for tests of the form", nil, []string{"daemon/sallyportd", "contrib/sallyport"}},
		{"github.com/charmbracelet/x/vt", "reads a terminal's screen as a person sees it", nil, []string{"daemon/sallyportd", "contrib/sallyport"}},
		{"github.com/spf13/cobra", "commands, completion and man pages", mains, nil},
		{"golang.org/x/sync", "errgroup", append(mains, "daemon/directory", "daemon/pluginhost", "daemon/store"), []string{"*"}},
		{"pgregory.net/rapid", "property tests", nil, []string{"*"}},
		{"github.com/rogpeppe/go-internal", "testscript", nil, []string{"daemon/sallyportd", "contrib"}},
		{"github.com/chromedp/chromedp", "drives Chromium", nil, whole},
		{"github.com/chromedp/cdproto", "beside chromedp", nil, whole},
		{"github.com/makiuchi-d/gozxing", "reads the QR image independently", nil, whole},
		{"golang.org/x/net", "what a header of HTTP may hold; reads the page's HTML as a browser does", []string{"daemon/listen/http1"}, whole},
		{"honnef.co/go/tools", "staticcheck, a tool", nil, nil},
		{"golang.org/x/vuln", "govulncheck, a tool", nil, nil},
	}
}

func doorOf(imp string) (door, bool) {
	for _, d := range doors() {
		if imp == d.module || strings.HasPrefix(imp, d.module+"/") {
			return d, true
		}
	}
	return door{}, false
}

// within tells whether dir is, or lies below, what one of the patterns means.
func within(dir string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		for d := dir; d != "."; d = path.Dir(d) {
			if ok, err := path.Match(p, d); err == nil && ok {
				return true
			}
		}
		return p == "*"
	})
}

func isStd(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

func checkDoors(h *house) []string {
	var out []string
	for _, f := range h.files {
		if f.ast == nil || f.gen {
			continue
		}
		for _, imp := range f.imports() {
			// SO_PEERGROUPS, the groups of a peer by the kernel's word, has no
			// safe call in golang.org/x/sys; this one file makes it.
			if imp == "unsafe" && f.path != "daemon/listen/peer.go" {
				out = append(out, fmt.Sprintf("%s: imports unsafe: find a way without it", f.path))
			}
			if isStd(imp) || imp == module || strings.HasPrefix(imp, module+"/") {
				continue
			}
			d, ok := doorOf(imp)
			switch {
			case !ok:
				out = append(out, fmt.Sprintf("%s: imports %s, which is not in the list of doors: use the standard library, or add it there with its reason", f.path, imp))
			case within(f.dir(), d.dirs), f.test && within(f.dir(), d.tests):
			default:
				out = append(out, fmt.Sprintf("%s: imports %s, which comes in only at %s (tests: %s): go through that package", f.path, imp,
					strings.Join(d.dirs, ", "), strings.Join(d.tests, ", ")))
			}
		}
	}
	return out
}

// leastVersions are the first without known holes that could be reached here: in
// grpc through the plugins, in the others by what strangers send.
func leastVersions() map[string]string {
	return map[string]string{
		"google.golang.org/grpc": "v1.82.1", "github.com/jackc/pgx/v5": "v5.9.2",
		"golang.org/x/text": "v0.39.0", "golang.org/x/net": "v0.56.0", "golang.org/x/crypto": "v0.52.0",
	}
}

// older compares the numbers of two versions; what is none is older than any.
func older(version, than string) bool {
	numbers := func(v string) (n [3]int) {
		_, _ = fmt.Sscanf(v, "v%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	v, least := numbers(version), numbers(than)
	return slices.Compare(v[:], least[:]) < 0
}

// checkModules holds go.mod to the list of doors, and to versions without known
// holes.
func checkModules(h *house) []string {
	var out []string
	for _, f := range h.files {
		if f.path != "go.mod" {
			continue
		}
		in := false
		for _, line := range strings.Split(f.src, "\n") {
			fields := strings.Fields(line)
			switch {
			case len(fields) == 0:
				continue
			case fields[0] == "replace" || fields[0] == "exclude":
				out = append(out, fmt.Sprintf("go.mod: %q: builds must not depend on this clone: take a released version", line))
				continue
			case fields[0] == "require":
				in, fields = len(fields) > 1 && fields[1] == "(", fields[1:]
				if in {
					continue
				}
			case fields[0] == ")":
				in = false
				continue
			case !in:
				continue
			}
			if least := leastVersions()[fields[0]]; least != "" && older(fields[1], least) {
				out = append(out, fmt.Sprintf("go.mod: %s %s has known holes: take %s or later", fields[0], fields[1], least))
			}
			if strings.HasSuffix(line, "// indirect") {
				continue
			}
			if _, ok := doorOf(fields[0]); !ok {
				out = append(out, fmt.Sprintf("go.mod: %s is not in the list of doors: remove it, or add it there with its reason", fields[0]))
			}
		}
	}
	return out
}
