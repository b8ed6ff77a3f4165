package config

import (
	"strings"
	"testing"
)

// base is a good config. Each mutant changes one place in it.
const base = `issuer = "X"
state = "var"
[keys]
kek = "kek"
[directory]
servers = ["ldaps://a.example.org"]
base = "ou=people,dc=example,dc=org"
filter = "(uid={name})"
timeout = "1s"
total = "3s"
[[factor]]
kind = "totp"
timeout = "300ms"
[factor.settings]
digits = 6
[[factor]]
kind = "app-password"
standalone = true
[[factor]]
kind = "recovery"
[[hook]]
name = "notify"
path = "/usr/bin/notify"
on_error = "deny"
# comment [[service]]
# accept = "no"
[[service]]
name = "web"
accept = [
  ["totp", "directory"],
  ["recovery", "directory"],
]
[[service]]
name = "dav"
accept = [["app-password"]]
[[listen]]
protocol = "http"
path = "check.sock"
mode = "0660"
services = ["web", "dav"]
default_service = "web"
[[listen]]
protocol = "admin"
path = "admin.sock"
group = "helpdesk"
[page]
listen = "127.0.0.1:8080"
url = "https://login.example.org"
service = "web"
trusted_proxies = ["127.0.0.1"]
operator = "X"
[page.support]
mail = "a@example.org"
[metrics]
listen = "127.0.0.1:9464"
[log]
level = "info"
[throttle]
second_factor_per_day = 20
[admin]
operators = ["root"]
`

type mutant struct {
	old, new string
	at       string // the line that holds this is the one to be named
	key      string
	reason   string
	fix      string
}

func run(t *testing.T, ms []mutant) {
	t.Helper()
	for _, m := range ms {
		t.Run(m.new, func(t *testing.T) {
			if strings.Count(base, m.old) < 1 {
				t.Fatalf("%q is not in the base", m.old)
			}
			text := strings.Replace(base, m.old, m.new, 1)
			line := 1 + strings.Count(text[:max(strings.Index(text, m.at), 0)], "\n")
			_, ps := parse(t, text)
			for _, p := range ps {
				if p.File == "s.toml" && p.Line == line && p.Key == m.key && strings.Contains(p.Reason, m.reason) && strings.Contains(p.Fix, m.fix) {
					return
				}
			}
			t.Errorf("want line %d, key %s, reason %q, fix %q; got:\n%v", line, m.key, m.reason, m.fix, ps)
		})
	}
}

func TestMutantsOfForm(t *testing.T) {
	run(t, []mutant{
		{`issuer = "X"`, `isuer = "X"`, "isuer", "isuer", "unknown key", "did you mean issuer?"},
		{`issuer = "X"`, "", "", "issuer", "is missing", "issuer = "},
		{`issuer = "X"`, `issuer = ""`, "issuer", "issuer", "is missing", "issuer = "},
		{`issuer = "X"`, `issuer = 5`, "issuer", "issuer", "is a whole number, must be a text", "issuer = "},
		{`issuer = "X"`, `issuer = "X:Y"`, "issuer", "issuer", "colon", "without"},
		{`issuer = "X"`, "issuer = \"a\\nb\"", "issuer", "issuer", "control characters", "one line"},
		{`issuer = "X"`, "issuer = \"X\"\nissuer = \"Y\"", "issuer = \"Y\"", "issuer", "written twice", "keep one"},
		{`issuer = "X"`, `issuer = X`, "issuer", "issuer", "is not TOML", "quotes"},
		{`issuer = "X"`, `issuer = "X`, "issuer", "issuer", "is not TOML", "quotes"},
		{`issuer = "X"`, "issuer = \"X\"\ninstance = \"a\"", "instance", "instance", "unknown key", "remove it; known here are: admin, "},
		{"[keys]", "[kays]", "[kays]", "kays", "unknown key", "did you mean keys?"},
		{"[log]", "[logging.deep]", "[logging.deep]", "logging", "unknown key", "did you mean log"},
		{"[metrics]", "[[metrics]]", "[[metrics]]", "metrics", "is a list of tables, must be a table", "[metrics]"},
		{"[[service]]\nname = \"dav\"\naccept = [[\"app-password\"]]\n", "", "services = [", "listen[0].services", `unknown service "dav"`, "known are: web"},
		{"[[hook]]", "[hook]", "[hook]", "hook", "is a table, must be a list of tables", "[[hook]]"},
		{`level = "info"`, `level = "loud"`, "loud", "log.level", `"loud" is not a choice`, "debug, info, warn, error"},
		{`level = "info"`, `level = "inof"`, "inof", "log.level", "not a choice", `did you mean "info"?`},
		{`level = "info"`, `format = "xml"`, "xml", "log.format", "not a choice", "json, text"},
		{`level = "info"`, `level = true`, "level = true", "log.level", "is true or false, must be a text", "level = "},
		{"kek = \"kek\"", "", "[keys]", "keys.kek", "is missing", "kek = "},
		{"kek = \"kek\"", `kek = "var/state.db"`, "kek =", "keys.kek", "is the database", "/etc/sallyport/kek"},
		{"kek = \"kek\"", `kek = "credential:"`, "kek =", "keys.kek", "names no systemd credential", "credential:kek"},
		{"kek = \"kek\"", "kek = \"kek\"\nkey = \"aGVsbG8\"", "key = ", "keys.key", "unknown key", "did you mean kek?"},
	})
}

func TestMutantsOfDirectory(t *testing.T) {
	const servers = `servers = ["ldaps://a.example.org"]`
	run(t, []mutant{
		{servers, "", "[directory]", "directory.servers", "is missing", "ldaps://"},
		{servers, `servers = []`, "servers", "directory.servers", "is missing", "ldaps://"},
		{servers, `servers = "ldaps://a.example.org"`, "servers", "directory.servers", "is a text, must be a list of texts", "servers = ["},
		{servers, `servers = ["ldap://a.example.org"]`, "servers", "directory.servers", "in clear", "starttls = true"},
		{servers, `servers = ["http://a.example.org"]`, "servers", "directory.servers", "does not begin with ldaps://", "ldaps://"},
		{servers, `servers = ["a.example.org"]`, "servers", "directory.servers", "not the address of a server", "ldaps://"},
		{servers, `servers = ["ldaps://user:pw@a.example.org"]`, "servers", "directory.servers", "not the address", "ldaps://"},
		{servers, `servers = ["ldaps://a.example.org", "ldaps://a.example.org"]`, "servers", "directory.servers", "twice", "once"},
		{servers, servers + "\nstarttls = true", "starttls", "directory.starttls", "encrypted already", "remove starttls"},
		{servers, servers + "\nbind_password = \"hunter2\"", "bind_password", "directory.bind_password", "unknown key", "did you mean bind_password_file?"},
		{servers, servers + "\nbind_dn = \"cn=a\"", "bind_dn", "directory.bind_dn", "anonymous", "bind_password_file"},
		{servers, servers + "\nbind_password_file = \"/x\"", "bind_password_file", "directory.bind_password_file", "no bind_dn", "bind_dn = "},
		{servers, servers + "\nid_attribute = \"uid\"", "id_attribute", "directory.id_attribute", "recycled name", "entryUUID"},
		{servers, servers + "\nmail_attribute = \"m ail\"", "mail_attribute", "directory.mail_attribute", "not the name of an attribute", "letters"},
		{servers, servers + "\naccount_filter = \"(uid={name})\"", "account_filter", "directory.account_filter", "placeholder", "objectClass"},
		{servers, servers + "\ngroup_filter = \"(member={dn})\"", "group_filter", "directory.group_filter", "no group_base", "group_base = "},
		{servers, servers + "\ngroup_base = \"dc=a\"\ngroup_filter = \"(cn=all)\"", "group_filter", "directory.group_filter", "same groups", "{dn}"},
		{servers, servers + "\nlocked = [\"locked\"]", "locked", "directory.locked", "not a condition", "attribute=value"},
		{servers, servers + "\nlocked = [\"title=\"]", "locked", "directory.locked", "not a condition", "attribute=*"},
		{servers, servers + "\npool_size = 0", "pool_size", "directory.pool_size", "0 is out of range", "from 1 to 256; 32 is usual"},
		{servers, servers + "\npool_size = \"4\"", "pool_size", "directory.pool_size", "is a text, must be a whole number", "pool_size = 32"},
		{servers, servers + "\nfact_ttl = \"1h\"", "fact_ttl", "directory.fact_ttl", "out of range", "from 1s to 5m; 1m is usual"},
		{servers, servers + "\nmax_stale = \"2s\"", "max_stale", "directory.max_stale", "shorter than fact_ttl", `"0s"`},
		{`filter = "(uid={name})"`, `filter = "(uid=admin)"`, "filter", "directory.filter", "same entry for everybody", "(uid={name})"},
		{`filter = "(uid={name})"`, `filter = "(uid={name}"`, "filter", "directory.filter", "not a search filter", "balanced"},
		{`base = "ou=people,dc=example,dc=org"`, `base = "example.org"`, "base", "directory.base", "not a distinguished name", "ou=people"},
		{`timeout = "1s"`, `timeout = 1`, "timeout", "directory.timeout", "must be a duration in quotes", `timeout = "1s"`},
		{`timeout = "1s"`, `timeout = "1 second"`, "timeout", "directory.timeout", "not a duration", "ms, s, m or h"},
		{`timeout = "1s"`, `timeout = "-1s"`, "timeout", "directory.timeout", "out of range", "from 50ms to 10s"},
		{`total = "3s"`, `total = "500ms"`, "total", "directory.total", "shorter than timeout", "not below"},
	})
}

func TestMutantsOfFactorsAndServices(t *testing.T) {
	const dav = `accept = [["app-password"]]`
	run(t, []mutant{
		{`kind = "totp"`, `kind = "TOTP"`, `kind = "TOTP"`, "factor[0].kind", "not a name", "lower-case"},
		{`kind = "totp"`, `kind = "directory"`, `kind = "directory"`, "factor[0].kind", "built in", "remove"},
		{`kind = "recovery"`, `kind = "totp"`, "kind = \"totp\"\n[[hook]]", "factor[2].kind", "there already", "another name"},
		{`kind = "totp"`, "kind = \"totp\"\npath = \"sallyport-totp\"", "path = \"sally", "factor[0].path", "not an absolute path", "whole path"},
		{`kind = "totp"`, "kind = \"totp\"\npath = \"/usr/bin/../x\"", "path = \"/usr/bin/..", "factor[0].path", "not an absolute path", "without . and .."},
		{`kind = "totp"`, "kind = \"totp\"\nsha256 = \"abc\"", "sha256", "factor[0].sha256", "not a SHA-256", "64 hexadecimal"},
		{`kind = "totp"`, "kind = \"totp\"\nmtls = \"no\"", "mtls", "factor[0].mtls", "must be true or false", "mtls = true"},
		{`kind = "totp"`, "kind = \"totp\"\njail = 0", "jail", "factor[0].jail", "must be true or false", "jail = true"},
		{`kind = "totp"`, "kind = \"totp\"\nexportable = 1", "exportable", "factor[0].exportable", "must be true or false", "exportable = false"},
		{`timeout = "300ms"`, `timeout = "1m"`, `timeout = "1m"`, "factor[0].timeout", "out of range", "300ms is usual"},
		{`standalone = true`, `standalon = true`, "standalon", "factor[1].standalon", "unknown key", "did you mean standalone?"},
		{`standalone = true`, ``, dav, "service[1].accept[0]", `"app-password" alone is one factor`, "standalone = true"},
		{`digits = 6`, `lone_code = true`, "[factor.settings]", "factor[0].settings", "is the daemon's own", "remove it"},
		{`digits = 6`, `digits = [6]`, "digits", "factor[0].settings.digits", "is a list", "digits = "},
		{`on_error = "deny"`, ``, "[[hook]]", "hook[0].on_error", "no default", `"deny"`},
		{`on_error = "deny"`, `on_error = "ignore"`, "on_error", "hook[0].on_error", "not a choice", "deny, allow"},
		{`on_error = "deny"`, "on_error = \"deny\"\nbefore = false", "on_error", "hook[0].on_error", "has no meaning with before = false", "remove one"},
		{`on_error = "deny"`, "on_error = \"deny\"\nsettings = {a = 1.5}", "settings = {a", "hook[0].settings.a", "must be a text", `a = "..."`},
		{`path = "/usr/bin/notify"`, ``, "[[hook]]", "hook[0].path", "is missing", "path = "},
		{`name = "dav"`, `name = "web"`, "name = \"web\"\naccept = [[\"app", "service[1].name", "there already", "another name"},
		{`name = "dav"`, ``, "[[service]]\n\naccept = [[\"app", "service[1].name", "is missing", "name = "},
		{dav, `accept = []`, "accept = []", "service[1].accept", "is empty: there is no way in", "totp"},
		{dav, ``, "[[service]]\nname = \"dav\"", "service[1].accept", "is missing", "totp"},
		{dav, `accept = [[]]`, "accept = [[]]", "service[1].accept[0]", "would let everybody in", "name the factors"},
		{dav, `accept = "app-password"`, `accept = "app`, "service[1].accept", "must be a list of lists", "[["},
		{dav, `accept = ["app-password"]`, `accept = ["app`, "service[1].accept[0]", "must be a list of factors", "[["},
		{dav, `accept = [["app_password"]]`, `accept = [["app_`, "service[1].accept[0]", "unknown factor", `did you mean "app-password"?`},
		{dav, `accept = [["sms", "directory"]]`, `"sms"`, "service[1].accept[0]", "unknown factor", "[[factor]]"},
		{dav, `accept = [["directory"]]`, `accept = [["directory"]]`, "service[1].accept[0]", `"directory" alone`, "single_factor"},
		{dav, "accept = [[\"directory\"]]\nsingle_factor = \" \"", "single_factor", "service[1].single_factor", "gives no reason", "sentence"},
		{dav, "accept = [[\"directory\"]]\nsingle_factor = true", "single_factor", "service[1].single_factor", "must be a text", "single_factor = "},
		{`["recovery", "directory"]`, `["recovery", "recovery"]`, `["recovery", "rec`, "service[0].accept[1]", "twice", "once"},
		{`["recovery", "directory"]`, `["directory", "totp"]`, `["directory", "totp"]`, "service[0].accept[1]", "stands twice", "keep one"},
	})
}

func TestMutantsOfSockets(t *testing.T) {
	const url = `url = "https://login.example.org"`
	run(t, []mutant{
		{`protocol = "http"`, ``, "[[listen]]", "listen[0].protocol", "is missing", `"http"`},
		{`protocol = "http"`, `protocol = "htpp"`, "htpp", "listen[0].protocol", "not a choice", `did you mean "http"?`},
		{`path = "check.sock"`, ``, "[[listen]]", "listen[0].path", "is missing", "path = "},
		{`path = "admin.sock"`, `path = "check.sock"`, "path = \"check.sock\"\ngroup", "listen[1].path", "has it already", "own socket"},
		{`path = "check.sock"`, `path = "/` + strings.Repeat("x", 120) + `"`, "path = \"/xx", "listen[0].path", "has 121 bytes", "shorter"},
		{`mode = "0660"`, `mode = 660`, "mode", "listen[0].mode", "must be a text", "mode = "},
		{`mode = "0660"`, `mode = "rw-rw----"`, "mode", "listen[0].mode", "not the mode", `"0660"`},
		{`mode = "0660"`, `mode = "0666"`, "mode", "listen[0].mode", "every program on this machine", "allow"},
		{`group = "helpdesk"`, `mode = "0666"`, `mode = "0666"`, "listen[1].mode", "admin socket", "group"},
		{`group = "helpdesk"`, `services = ["web"]`, `services = ["web"]`, "listen[1].services", "no meaning", "remove"},
		{`services = ["web", "dav"]`, ``, "[[listen]]", "listen[0].services", "is missing", "services = "},
		{`services = ["web", "dav"]`, `services = []`, "services", "listen[0].services", "is missing", "services = "},
		{`services = ["web", "dav"]`, `services = ["webb", "dav"]`, "services", "listen[0].services", "unknown service", `did you mean "web"?`},
		{`default_service = "web"`, `default_service = "ssh"`, "default_service", "listen[0].default_service", "not one of services", "web, dav"},
		{`default_service = "web"`, `allow = ["a b"]`, "allow", "listen[0].allow", "neither a user nor a group", "@group"},
		{`operators = ["root"]`, `operators = []`, "operators", "admin.operators", "nobody could run this", "root"},
		{`operators = ["root"]`, `ticket_pattern = "INC["`, "ticket_pattern", "admin.ticket_pattern", "no regular expression", "INC[0-9]{5}"},
		{`operators = ["root"]`, `ticket_required = "yes"`, "ticket_required", "admin.ticket_required", "must be true or false", "ticket_required = "},
		{`operators = ["root"]`, `protected_groups = ["board", " "]`, "protected_groups", "admin.protected_groups", "empty or has blanks", "board"},
		{`operators = ["root"]`, `resets_per_hour = 0`, "resets_per_hour", "admin.resets_per_hour", "0 is out of range", "from 1 to 1000"},
		{`operators = ["root"]`, `codes_per_hour = 1001`, "codes_per_hour", "admin.codes_per_hour", "1001 is out of range", "from 1 to 1000"},
		{`operators = ["root"]`, `operators_own = 1`, "operators_own", "admin.operators_own", "must be true or false", "operators_own = "},
		{`operators = ["root"]`, `support = ["*"]`, "support = [", "admin.support", "neither a user nor a group", "uid"},
		{`listen = "127.0.0.1:8080"`, `listen = "8080"`, `"8080"`, "page.listen", "not an address", "127.0.0.1:8080"},
		{`listen = "127.0.0.1:8080"`, `listen = "0.0.0.0:8080"`, `0.0.0.0`, "page.listen", "in clear", "tls_cert"},
		{`listen = "127.0.0.1:8080"`, `listen = "127.0.0.1:99999"`, `99999`, "page.listen", "not an address", "port"},
		{`listen = "127.0.0.1:9464"`, `listen = "metrics"`, `"metrics"`, "metrics.listen", "not an address", "Unix socket"},
		{"[metrics]\nlisten = \"127.0.0.1:9464\"", "[metrics]\nlisten  = \"127.0.0.1:8080\"", "listen  =", "metrics.listen", "taken by another part", "its own"},
		{`listen = "127.0.0.1:9464"`, `listen = "./admin.sock"`, `listen = "./admin.sock"`, "metrics.listen", "taken by another part", "its own"},
		{`listen = "127.0.0.1:8080"`, `listen = "./check.sock"`, "listen = \"./check.sock\"", "page.listen", "taken by another part", "its own"},
		{url, `url = "http://login.example.org"`, "url", "page.url", "plain http", "https://"},
		{url, `url = "login.example.org"`, "url", "page.url", "not the address of a page", "https://"},
		{url, url + "\ntls_cert = \"/a\"", "tls_cert", "page.tls_cert", "go together", "both"},
		{`trusted_proxies = ["127.0.0.1"]`, ``, "[page]", "page.trusted_proxies", "like the proxy", "trusted_proxies = "},
		{`trusted_proxies = ["127.0.0.1"]`, `trusted_proxies = ["0.0.0.0/0"]`, "trusted_proxies", "page.trusted_proxies", "forge", "only"},
		{`trusted_proxies = ["127.0.0.1"]`, `trusted_proxies = ["proxy"]`, "trusted_proxies", "page.trusted_proxies", "not a network", "10.1.2.0/24"},
		{"service = \"web\"\ntrusted", "service = \"wep\"\ntrusted", `"wep"`, "page.service", "unknown service", `did you mean "web"?`},
		{"service = \"web\"\ntrusted", "service = \"dav\"\ntrusted", "service = \"dav\"", "page.service", "one factor", "asks for two"},
		// A written reason is one for the service, never for the page.
		{"accept = [\n  [\"totp\", \"directory\"],", "single_factor = \"a reason\"\naccept = [[\"directory\"], [\"totp\", \"directory\"],",
			"service = \"web\"\ntrusted", "page.service", "one factor", "asks for two"},
		{`operator = "X"`, ``, "[page]", "page.operator", "is missing", "operator = "},
		{`operator = "X"`, "operator = \"X\"\nlanguage = \"fr\"", "language", "page.language", "not a choice", "auto, de, en"},
		{`operator = "X"`, "operator = \"X\"\ngerman = \"Du\"", "german", "page.german", "not a choice", "sie, du"},
		{`services = ["web", "dav"]`, "services = [\"web\", \"dav\"]\norigins = [\"https://app.example.org/x\"]", "origins", "listen[0].origins", "has a path", "without the path"},
		{`services = ["web", "dav"]`, "services = [\"web\", \"dav\"]\norigins = [\"https://login.example.org\"]", "origins", "listen[0].origins", "would be sent its cookies", "a host of its own"},
		{`services = ["web", "dav"]`, "services = [\"web\", \"dav\"]\norigins = [\"https://login.example.org:8443\"]", "origins", "listen[0].origins", "would be sent its cookies", "another port is not enough"},
		{`services = ["web", "dav"]`, "services = [\"web\", \"dav\"]\norigins = [\"https://a.example.org\", \"https://a.example.org:8443\"]", "origins", "listen[0].origins", "would be sent its cookies", "another port is not enough"},
		{`path = "admin.sock"`, "path = \"admin.sock\"\norigins = [\"https://app.example.org\"]", "origins", "listen[1].origins", "no meaning for protocol", "remove"},
		{"[page.support]", "return_to = [\"http://app.example.org\"]\n[page.support]", "return_to", "page.return_to", "in clear", "https://"},
		{"[page.support]", "return_to = [\"https://*.example.org\"]\n[page.support]", "return_to", "page.return_to", "not the address of a web application", "return_to = ["},
		{"[page.support]", "return_to = \"https://app.example.org\"\n[page.support]", "return_to", "page.return_to", "is a text, must be a list of texts", "return_to = ["},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\n[page.support]", "[[page.server]]", "page.server[0].calendar", "nothing to show", "calendar ="},
		{"[page.support]", "[[page.server]]\nservice = \"dv\"\ncalendar = \"https://d\"\n[page.support]", `"dv"`, "page.server[0].service", "unknown service", `did you mean "dav"?`},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\ncalendar = \"http://dav.example.org/\"\n[page.support]", "http://dav", "page.server[0].calendar", "app passwords go there", "https://"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://a:b@d/\"\n[page.support]", "a:b@", "page.server[0].files", "not the address", "https://"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\nlogin = \"\"\n[page.support]", "login = \"\"", "page.server[0].login", "not a user name", "{name}"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\n[[page.server]]\nservice = \"dav\"\nfiles = \"https://e/\"\n[page.support]", "service = \"dav\"\nfiles = \"https://e/\"", "page.server[1].service", "has a server already", "one [[page.server]]"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\nlogin_flow = \"http://cloud.example.org\"\n[page.support]", "http://cloud", "page.server[0].login_flow", "not the address", "https://"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\nlogin_flow = \"https://cloud.example.org/{name}\"\n[page.support]", "https://cloud", "page.server[0].login_flow", "holds {name}", "https://"},
		{"[page.support]", "[[page.server]]\nservice = \"dav\"\nfiles = \"https://d/\"\nlogin_flow = \"https://d\"\n[[page.server]]\nservice = \"web\"\nfiles = \"https://e/\"\nlogin_flow = \"https://e\"\n[page.support]", "login_flow = \"https://e\"", "page.server[1].login_flow", "another server already", "keep one"},
		mail(`imap = ""`, "calendar", "nothing to show", `imap = "mail.example.org:993"`),
		mail(`imap = "imaps://mail.example.org"`, "imap", "not the name of a mail server", `imap = "mail.example.org:993"`),
		mail(`imap = "mail.example.org:0"`, "imap", "not the name of a mail server", "993"),
		mail(`imap = "mail.example.org:imaps"`, "imap", "not the name of a mail server", "993"),
		mail(`smtp = "mail.example.org:65536"`, "smtp", "not the name of a mail server", "465"),
		mail(`smtp = ":587"`, "smtp", "not the name of a mail server", "465"),
		mail(`smtp = "{name}.example.org"`, "smtp", "not the name of a mail server", "465"),
		mail(`imap = "Mail Server"`, "imap", "not the name of a mail server", "993"),
		mail(`imap = 993`, "imap", "must be a text", "imap ="),
		mail("imap = \"m.example.org:993\"\nimap_tls = \"starttls\"", "imap_tls", `"starttls" is not how port 993`, `"starttls" for port 143`),
		mail("imap = \"m.example.org:143\"\nimap_tls = \"implicit\"", "imap_tls", `"implicit" is not how port 143`, `"implicit" for port 993`),
		mail("smtp = \"m.example.org:465\"\nsmtp_tls = \"starttls\"", "smtp_tls", `"starttls" is not how port 465`, `"starttls" for port 587`),
		mail("smtp = \"m.example.org\"\nsmtp_tls = \"none\"", "smtp_tls", `"none" is not a choice`, "implicit, starttls"),
		mail(`smtp = "m.example.org:2525"`, "smtp_tls", "port 2525 does not say", `smtp_tls = "implicit" or "starttls"`),
		mail("imap = \"m.example.org\"\nsmtp_tls = \"starttls\"", "smtp_tls", "a server that is not named", "write smtp"),
		{url, url + "\nprofile_cert = \"/a\"", "profile_cert", "page.profile_cert", "go together", "both"},
		{`mail = "a@example.org"`, `fax = "1"`, "fax", "page.support.fax", "unknown key", "hours, hours_en, mail, phone"},
	})
}

// mail adds a table for a mail server, of which the last line is wrong.
func mail(lines, key, reason, fix string) mutant {
	last := lines[strings.LastIndex(lines, "\n")+1:]
	if key == "calendar" || key == "smtp_tls" && !strings.Contains(lines, "smtp_tls") {
		last = "[[page.server]]"
	}
	return mutant{"[page.support]", "[[page.server]]\nservice = \"dav\"\n" + lines + "\n[page.support]", last, "page.server[0]." + key, reason, fix}
}

func TestMutantsOfTranslation(t *testing.T) {
	// foreign turns the first socket into one of another protocol.
	foreign := func(protocol, more string) string {
		return `protocol = "` + protocol + "\"\nspelling = \"any\"\n" + more
	}
	const (
		http  = `protocol = "http"`
		admin = `protocol = "admin"`
		def   = `default_service = "web"`
	)
	run(t, []mutant{
		{http, http + "\nspelling = \"loose\"", "spelling", "listen[0].spelling", `"loose" is not a choice`, "strict, any"},
		{http, http + "\nspelling = true", "spelling", "listen[0].spelling", "must be a text", "spelling = "},
		{http, http + "\nproxies = 9", "proxies", "listen[0].proxies", "9 is out of range", "from 0 to 8; 0 is usual"},
		{http, http + "\nproxies = -1", "proxies", "listen[0].proxies", "-1 is out of range", "from 0 to 8"},
		{http, http + "\nproxies = [\"127.0.0.1\"]", "proxies", "listen[0].proxies", "is a list, must be a whole number", "proxies = 0"},
		{http, http + "\nservice_map = {imap = \"web\"}", "service_map", "listen[0].service_map", `no meaning for protocol "http"`, "remove"},
		{http, http + "\ndomains = [\"example.org\"]", "domains", "listen[0].domains", `no meaning for protocol "http"`, "remove"},
		{http, http + "\nignore_realms = [\"x\"]", "ignore_realms", "listen[0].ignore_realms", `no meaning for protocol "http"`, "remove"},
		{http, foreign("dovecot", `domains = ["example.org"]`), "domains", "listen[0].domains", `no meaning for protocol "dovecot"`, "remove"},
		{http, foreign("dovecot", `ignore_realms = ["x"]`), "ignore_realms", "listen[0].ignore_realms", `no meaning for protocol "dovecot"`, "remove"},
		{http, foreign("dovecot", `proxies = 1`), "proxies", "listen[0].proxies", `no meaning for protocol "dovecot"`, "remove"},
		{http, foreign("saslauthd", `proxies = 1`), "proxies", "listen[0].proxies", `no meaning for protocol "saslauthd"`, "remove"},
		{admin, admin + "\nspelling = \"any\"", "spelling", "listen[1].spelling", `no meaning for protocol "admin"`, "remove"},
		{admin, admin + "\nservice_map = {}", "service_map", "listen[1].service_map", `no meaning for protocol "admin"`, "remove"},
		{admin, admin + "\nproxies = 0", "proxies", "listen[1].proxies", `no meaning for protocol "admin"`, "remove"},
		{http, foreign("saslauthd", `service_map = {imap = "mail"}`), "service_map", "listen[0].service_map.imap", `"mail" is not one of services`, "web, dav"},
		{http, foreign("saslauthd", `service_map = {imap = ""}`), "service_map", "listen[0].service_map.imap", `"" is not one of services`, "web, dav"},
		{http, foreign("saslauthd", `service_map = {HTTP = "web", http = "dav"}`), "service_map", "listen[0].service_map.http", "stands twice", "keep one"},
		{http, foreign("saslauthd", `service_map = "dav"`), "service_map", "listen[0].service_map", "is a text, must be a table", "[listen[0].service_map]"},
		{http, foreign("saslauthd", `service_map = {imap = 5}`), "service_map", "listen[0].service_map.imap", "is a whole number, must be a text", `service_map = {imap = "web"}`},
		{http, foreign("dovecot", `service_map = {imap = ["web"]}`), "service_map", "listen[0].service_map.imap", "is a list, must be a text", "service_map = "},
		{http, foreign("saslauthd", `domains = "example.org"`), "domains", "listen[0].domains", "must be a list of texts", "domains = ["},
		{http, foreign("saslauthd", `domains = [""]`), "domains", "listen[0].domains", "empty or stands twice", "once"},
		{http, foreign("saslauthd", `ignore_realms = [5]`), "ignore_realms", "listen[0].ignore_realms", "must be a list of texts", "ignore_realms = ["},
		{http + "\npath = \"check.sock\"\nmode = \"0660\"\nservices = [\"web\", \"dav\"]\n" + def,
			"protocol = \"saslauthd\"\npath = \"check.sock\"\nservices = [\"web\", \"dav\"]", "[[listen]]", "listen[0].service_map", "which of the services", `{imap = "web"}`},
		{http + "\npath = \"check.sock\"\nmode = \"0660\"\nservices = [\"web\", \"dav\"]\n" + def,
			"protocol = \"dovecot\"\npath = \"check.sock\"\nservices = [\"web\", \"dav\"]", "[[listen]]", "listen[0].service_map", "which of the services", "one service only"},
	})
	// One mistake is told once.
	_, ps := parse(t, strings.Replace(base, http, foreign("saslauthd", `service_map = {imap = 5}`), 1))
	if len(ps) != 1 {
		t.Errorf("want one problem, got:\n%v", ps)
	}
}

func TestMutantsOfRetention(t *testing.T) {
	const admin = "[admin]"
	run(t, []mutant{
		{admin, "[retention]\naddresses = \"0s\"\n[admin]", "addresses", "retention.addresses", "out of range", "from 1h"},
		{admin, "[retention]\naddresses = \"2161h\"\n[admin]", "addresses", "retention.addresses", "out of range", "168h is usual"},
		{admin, "[retention]\naddresses = 7\n[admin]", "addresses", "retention.addresses", "number", "168h"},
		{admin, "[retention]\nlogins = \"12h\"\n[admin]", "logins", "retention.logins", "out of range", "from 24h"},
		{admin, "[retention]\nlogins = \"2161h\"\n[admin]", "logins", "retention.logins", "more than events", "not above"},
		{admin, "[retention]\nevents = \"24h\"\n[admin]", "events", "retention.events", "out of range", "from 168h"},
		{admin, "[retention]\naddresses = \"720h\"\nevents = \"700h\"\n[admin]", "events", "retention.events", "less than addresses", "not below"},
		{admin, "[retention]\ndays = 7\n[admin]", "days", "retention.days", "unknown key", "known here are"},
	})
}

func TestMutantsOfThrottle(t *testing.T) {
	const day = "second_factor_per_day = 20"
	run(t, []mutant{
		{day, "source_per_minute = 0", "source_per_minute", "throttle.source_per_minute", "0 is out of range", "from 1"},
		{day, "first_factor_quick = 0", "first_factor_quick", "throttle.first_factor_quick", "0 is out of range", "from 1"},
		{day, "first_factor_max_wait = \"0s\"", "first_factor_max_wait", "throttle.first_factor_max_wait", "out of range", "from 1s"},
		{day, "first_factor_per_hour = 0", "first_factor_per_hour", "throttle.first_factor_per_hour", "0 is out of range", "from 1"},
		{day, "first_factor_per_hour = 2", "first_factor_per_hour", "throttle.first_factor_per_hour", "less than first_factor_quick", "not below"},
		{day, "second_factor_quick = -1", "second_factor_quick", "throttle.second_factor_quick", "-1 is out of range", "from 1"},
		{day, "second_factor_per_day = 0", "second_factor_per_day", "throttle.second_factor_per_day", "0 is out of range", "20 is usual"},
		{day, "second_factor_per_day = 4", "second_factor_per_day", "throttle.second_factor_per_day", "less than second_factor_quick", "not below"},
		{day, "second_factor_per_month = 1000000", "second_factor_per_month", "throttle.second_factor_per_month", "out of range", "to 100"},
		{day, "second_factor_per_month = 10", "second_factor_per_month", "throttle.second_factor_per_month", "less than second_factor_per_day", "not below"},
		{day, "second_factor_per_month = 1.5", "second_factor_per_month", "throttle.second_factor_per_month", "is a fraction", "= 100"},
		{day, "failure_grid = \"0s\"", "failure_grid", "throttle.failure_grid", "out of range", "250ms is usual"},
		{day, "max_tries = 3", "max_tries", "throttle.max_tries", "unknown key", "known here are"},
	})
}
