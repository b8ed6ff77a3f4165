package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/daemon/config/files"
	"github.com/sallyport/sallyport/daemon/config/strict"
	"github.com/sallyport/sallyport/plugins/hook"
)

// Machine says whether what a config names is there, and fit, on the machine
// that the daemon runs on. This package may not ask the parts that know, so the
// main passes their answers in. An error gives the reason and, after "; ", what
// mends it. A nil function is not asked.
type Machine struct {
	// Program is asked for each plugin, with its pin or an empty one.
	Program func(path, pin string) error
	// Key is asked for the master key, by its path or "credential:NAME".
	Key func(kek string) error
	// Peer is asked for everybody who may connect or administer, as written.
	Peer func(name string) error
	// Group is asked for the group of each socket.
	Group func(name string) error
	// Socket is asked for the path of each socket, State for the folders of what is
	// kept, Store for the database.
	Socket, State, Store func(path string) error
	// Texts is asked for the folder of the page's texts.
	Texts func(path string) error
	// Hook is asked for each hook whose program can be started, whether it takes
	// its settings; a hook.Unfit says what it does not take.
	Hook func(h Hook, s hook.Setup) error
	// DN is asked for each distinguished name, Filter for each search filter, with
	// what may stand in braces there.
	DN     func(dn string) error
	Filter func(filter string, places ...string) error
	// Factors is asked at last, where nothing else is wrong: whether the factors
	// start, take their settings, and go together as the services have them. It
	// tells what does not by the whole key.
	Factors func(c *Config) hook.Unfit
}

// examination holds a config to a machine. What was refused for its form is
// not asked for again.
type examination struct {
	Machine
	doc     *strict.Document
	refused map[string]bool
}

func (m Machine) examine(doc *strict.Document, c *Config) {
	x := examination{m, doc, doc.Refused()}
	x.ask("state", c.State, m.State)
	// What is wrong with the state folder is wrong with all below it, and said once.
	fine := m.State == nil || m.State(c.State) == nil
	if fine || !strings.HasPrefix(c.Journal, c.State+"/") {
		x.ask("store.journal", c.Journal, m.State)
	}
	if fine || !strings.HasPrefix(c.Store, c.State+"/") {
		x.ask("store.path", c.Store, m.Store)
	}
	x.ask("keys.kek", c.KEK, m.Key)
	x.file("directory.bind_password_file", c.Directory.BindPasswordFile, files.Secret)
	x.file("directory.ca_file", c.Directory.CAFile, files.Certificates)
	for i, f := range c.Factors {
		x.program(fmt.Sprintf("factor[%d]", i), f.Path, f.SHA256)
	}
	for i, h := range c.Hooks {
		x.hook(fmt.Sprintf("hook[%d]", i), h, c.Setup())
	}
	for i, l := range c.Listeners {
		at := fmt.Sprintf("listen[%d]", i)
		x.ask(at+".path", l.Path, m.Socket)
		x.ask(at+".group", l.Group, m.Group)
		x.ask(at+".allow", "", m.Peer, l.Allow...)
	}
	x.page(c.Page)
	x.ask("metrics.listen", socketOf(c.Metrics), m.Socket)
	x.ask("admin.support", "", m.Peer, c.Admin.Support...)
	x.ask("admin.operators", "", m.Peer, c.Admin.Operators...)
	x.search(c.Directory)
	if m.Factors != nil && len(doc.Refused()) == 0 {
		for _, p := range m.Factors(c) {
			doc.Add(p.Key, p.Reason, p.Fix)
		}
	}
}

// search asks about what the directory will be asked with.
func (x examination) search(d Directory) {
	for key, dn := range d.Names() {
		x.ask("directory."+key, dn, x.DN)
	}
	for key, f := range d.Filters() {
		if x.Filter != nil {
			x.ask("directory."+key, f.Text, func(text string) error { return x.Filter(text, f.Places...) })
		}
	}
}

// ask notes what the machine says of one value, or of several.
func (x examination) ask(key, value string, know func(string) error, more ...string) {
	for _, v := range append([]string{value}, more...) {
		if v == "" || know == nil || x.refused[key] {
			continue
		}
		if err := know(v); err != nil {
			reason, fix, ok := strings.Cut(err.Error(), "; ")
			if !ok {
				fix = "write one that is there"
			}
			x.doc.Add(key, reason, fix)
		}
	}
}

// program asks for the file first, then for the pin, so that each has its line.
func (x examination) program(table, path, pin string) {
	if x.Program == nil {
		return
	}
	before := len(x.doc.Refused())
	x.ask(table+".path", path, func(p string) error { return x.Program(p, "") })
	if pin != "" && !x.refused[table+".path"] && len(x.doc.Refused()) == before {
		x.ask(table+".sha256", pin, func(pin string) error { return x.Program(path, pin) })
	}
}

func (x examination) page(p Page) {
	x.ask("page.listen", socketOf(p.Listen), x.Socket)
	x.ask("page.texts", p.Texts, x.Texts)
	x.pair("page.tls_cert", p.TLSCert, "page.tls_key", p.TLSKey)
	x.file("page.logo", p.Brand.Logo, files.Logo)
	x.pair("page.profile_cert", p.ProfileCert, "page.profile_key", p.ProfileKey)
}

// pair looks at a certificate and its key.
func (x examination) pair(certKey, cert, keyKey, key string) {
	good := x.file(certKey, cert, files.Certificates)
	good = x.file(keyKey, key, files.Secret) && good
	if good && cert != "" && key != "" {
		x.file(keyKey, key, func(key string) files.Fault { return files.Pair(cert, key) })
	}
}

// file notes the fault of a file, and tells whether there is none.
func (x examination) file(key, path string, judge func(string) files.Fault) bool {
	if path == "" || x.refused[key] {
		return true
	}
	f := judge(path)
	if f != (files.Fault{}) {
		x.doc.Add(key, f.Reason, f.Fix)
	}
	return f == files.Fault{}
}

// socketOf is the path of a Unix socket, or empty for "host:port".
func socketOf(address string) string {
	if filepath.IsAbs(address) {
		return address
	}
	return ""
}
