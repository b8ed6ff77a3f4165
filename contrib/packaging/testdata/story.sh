# The life of the package on one machine, told as root by a shell that ends at
# the first thing that is not as it should be.

config=/etc/sallyport/sallyport.toml
fail() { echo "STORY: $*"; journalctl --no-pager -u sallyport -n 60; exit 1; }
chapter() { echo "CHAPTER $*"; }
as() { user=$1; shift; setpriv --reuid="$user" --regid="$user" --init-groups "$@"; }
well() { sallyport status | tee /story/status && grep -q ': all well' /story/status || fail "not well"; }
code() { as "$1" curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/sallyport/check.sock http://sallyport/v1/health/live || true; }
page() { curl -s -o /dev/null -w '%{http_code}' -H 'Host: login.example.org' "http://127.0.0.1:${1:-8080}/" || true; }
soon() { for n in $(seq 100); do if "$@"; then return; fi; sleep 0.1; done; fail "not within ten seconds: $*"; }
logs() { journalctl --no-pager -o cat -u sallyport | grep -e "$1" | grep -F "${2-}"; } # it is written beside the work: soon
units="sallyport sallyport-check.socket sallyport-admin.socket sallyport-page.socket"

chapter "a directory is there"
mkdir -p /srv/ldap/db
cat >/srv/ldap/slapd.conf <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory /srv/ldap/db
END
slapadd -f /srv/ldap/slapd.conf <<END
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Alice
userPassword: alice-password
END
slapd -f /srv/ldap/slapd.conf -h ldap://127.0.0.1:3389

chapter "installing starts nothing, and makes user, key and state"
apt-get install -y ./old.deb
if systemctl is-active $units || systemctl is-enabled $units; then fail "it runs without having been asked"; fi
[ "$(stat -c '%U %a' /etc/sallyport/kek)" = "sallyport 400" ]
[ "$(stat -c '%U %a' /var/lib/sallyport)" = "sallyport 700" ]
[ "$(stat -c '%U %a' /run/sallyport)" = "sallyport 755" ]
key=$(sha256sum /etc/sallyport/kek)

chapter "filled in, it runs"
sed -i 's|ldaps://ldap.example.org|ldap://127.0.0.1:3389|' "$config"
printf secret | install -o sallyport -m 0400 /dev/stdin /etc/sallyport/ldap-password
sed -i -e 's|^#bind_dn = .*|bind_dn = "cn=admin,dc=example,dc=org"|' -e 's|^#bind_password_file|bind_password_file|' "$config"
as sallyport sallyportd check-config
systemctl enable --now sallyport
[ "$(systemctl is-active $units | sort -u)" = active ]
well
soon logs '"msg":"ready"'
[ "$(page)" = 200 ] || fail "there is no page"
pid=$(systemctl show -P MainPID sallyport)
ps -o user=,args= -p "$pid"
grep -qx 'NoNewPrivs:	1' "/proc/$pid/status"
grep -qx 'Seccomp:	2' "/proc/$pid/status"
grep -qx 'CapEff:	0000000000000000' "/proc/$pid/status"
plugins=0
for plugin in $(pgrep -P "$pid"); do
	[ "$(ps -o user= -p "$plugin")" = sallyport ] || fail "a plugin runs as somebody else"
	plugins=$((plugins + 1))
done
[ "$plugins" = 3 ] || fail "$plugins plugins run"
if journalctl --no-pager -u sallyport | grep -E '"level":"(WARN|ERROR)"'; then fail "it complains"; fi

chapter "who may ask"
[ "$(stat -c '%U %G %a' /run/sallyport/check.sock)" = "sallyport sallyport-check 660" ]
[ "$(stat -c '%U %G %a' /run/sallyport/admin.sock)" = "sallyport sallyport-support 660" ]
useradd --system desk
web=www-data
[ "$(code $web)" = 000 ] || fail "somebody may ask who may not"
usermod -aG sallyport-check www-data
[ "$(code $web)" = 200 ] || fail "somebody may not ask who may"
if as $web sallyport status; then fail "a web server is support"; fi
usermod -aG sallyport-support desk
as desk sallyport user alice
answer=$(printf 'alice-password' | sallyport check web alice 2>&1 || true)
echo "$answer"
echo "$answer" | grep -q enroll_required || fail "the directory is not asked"

chapter "a reload"
systemctl reload sallyport
# It has been told; the daemon itself says when it is done.
while [ "$(systemctl is-active sallyport || true)" = reloading ]; do sleep 0.1; done
[ "$(systemctl is-active sallyport)" = active ]
[ "$(systemctl show -P MainPID sallyport)" = "$pid" ]

chapter "a daemon that hangs is started again"
mkdir -p /etc/systemd/system/sallyport.service.d
printf '[Service]\nWatchdogSec=2\n' >/etc/systemd/system/sallyport.service.d/soon.conf
systemctl daemon-reload
systemctl restart sallyport
pid=$(systemctl show -P MainPID sallyport)
kill -STOP "$pid"
[ "$(code $web)" = 200 ] || fail "who asks a daemon that hangs does not get the answer of the next one"
[ "$(page)" = 200 ]
[ "$(systemctl show -P MainPID sallyport)" != "$pid" ] || fail "it is still the one that hangs"
soon logs 'Watchdog timeout'
rm -r /etc/systemd/system/sallyport.service.d
systemctl daemon-reload
systemctl restart sallyport

chapter "the page is on another port, which the daemon may not open itself"
listen() { sed -i "s|^listen = \"127.0.0.1:.*\"  *# page|listen = \"127.0.0.1:$1\" # page|" "$config"; }
sed -i 's|^listen = "127.0.0.1:8080"|& # page|' "$config"
listen 80
mkdir -p /etc/systemd/system/sallyport-page.socket.d
printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:80\n' >/etc/systemd/system/sallyport-page.socket.d/override.conf
systemctl daemon-reload
systemctl stop 'sallyport-*.socket' sallyport
systemctl start sallyport
[ "$(page 80)" = 200 ] || fail "there is no page on port 80"
listen 8080
systemctl restart sallyport
[ "$(page)" = 200 ] || fail "the daemon does not open what systemd does not hold"
soon logs 'nothing in the config asks for' 'sallyport-page.socket (127.0.0.1:80)'
rm -r /etc/systemd/system/sallyport-page.socket.d
systemctl daemon-reload
systemctl stop 'sallyport-*.socket' sallyport
systemctl start sallyport
[ "$(page)" = 200 ]

chapter "the database is lost, and the backup put back; then all keys change"
install -d -o sallyport -m 0700 /backup
as sallyport sallyportd backup --to /backup/sallyport-2027-01-31
systemctl stop 'sallyport-*.socket' sallyport
rm /var/lib/sallyport/state.db*
as sallyport sallyportd restore --from /backup/sallyport-2027-01-31
systemctl start sallyport
sallyport audit verify
as sallyport sallyportd backup --to /backup/sallyport-2027-01-31-restored
as sallyport sallyportd keys rotate
systemctl stop 'sallyport-*.socket' sallyport
as sallyport sallyportd keys rewrap --to /var/lib/sallyport/kek.new
install -o sallyport -m 0400 /var/lib/sallyport/kek.new /etc/sallyport/kek.new
mv /etc/sallyport/kek.new /etc/sallyport/kek
rm /var/lib/sallyport/kek.new
systemctl start sallyport
well
[ "$(sha256sum /etc/sallyport/kek)" != "$key" ]
key=$(sha256sum /etc/sallyport/kek)
rm -r /backup

chapter "the master key is encrypted, and the one in clear lies elsewhere"
systemd-creds encrypt --with-key=host --name=kek /etc/sallyport/kek /etc/sallyport/kek.encrypted
mkdir -p /etc/systemd/system/sallyport.service.d
printf '[Service]\nLoadCredential=\nLoadCredentialEncrypted=kek:/etc/sallyport/kek.encrypted\n' >/etc/systemd/system/sallyport.service.d/override.conf
systemctl daemon-reload
mv /etc/sallyport/kek /srv/kek
systemctl restart sallyport
well
mv /srv/kek /etc/sallyport/kek
rm -r /etc/systemd/system/sallyport.service.d /etc/sallyport/kek.encrypted
systemctl daemon-reload
systemctl restart sallyport

chapter "the log, the metrics and the alerts are where the documents say"
journalctl -u sallyport -o cat | sallyport audit verify --anchor - | tee /story/said
grep -q 'Anchors that agree: ' /story/said
curl -s http://127.0.0.1:9464/metrics | grep ^sallyport
sees() { curl -s --get --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query | grep -q '"1"'; }
systemctl start prometheus
soon curl -sf -o /dev/null http://127.0.0.1:9090/-/ready
printf 'global: {scrape_interval: 1s}\nrule_files: [sallyport.yaml]\nscrape_configs:\n  - job_name: sallyport\n    static_configs: [targets: ["127.0.0.1:9464"]]\n' >/etc/prometheus/prometheus.yml
cp /usr/share/doc/sallyport/examples/alerts.yaml /etc/prometheus/sallyport.yaml
promtool check config /etc/prometheus/prometheus.yml
systemctl reload prometheus
soon sees 'up{job="sallyport"} == 1'
curl -s http://127.0.0.1:9090/api/v1/rules | grep -q SallyportDown
systemctl stop prometheus
rm /etc/prometheus/sallyport.yaml

chapter "an upgrade keeps an edited config, and nobody waits in vain"
echo '# mine' >>"$config"
cp "$config" /story/edited
before=$(systemctl show -P MainPID sallyport)
as sallyport sallyportd backup --to /var/lib/sallyport/before-upgrade
( while [ ! -e /story/upgraded ]; do code $web; echo; page; echo; sleep 0.1; done ) >/story/asked &
asking=$!
# The package's own config has changed: it asks, and the answer is just Enter.
echo | apt-get install -y ./new.deb
systemctl is-active sallyport
touch /story/upgraded
wait "$asking"
[ "$(sort -u /story/asked)" = 200 ] || fail "during the upgrade: $(sort /story/asked | uniq -c)"
cmp "$config" /story/edited
grep -q 'of the later version' "$config.dpkg-dist"
[ "$(systemctl show -P MainPID sallyport)" != "$before" ] || fail "the old daemon goes on"
well

chapter "a config that the new daemon does not take leaves the old one at work"
before=$(systemctl show -P MainPID sallyport)
echo 'nonsense = 1' >>"$config"
dpkg -i new.deb 2>&1 | tee /story/said
grep -q 'the daemon was not restarted' /story/said
[ "$(systemctl show -P MainPID sallyport)" = "$before" ]
well
cp /story/edited "$config"

chapter "back to the old version"
systemctl stop 'sallyport-*.socket' sallyport
echo | apt-get install -y --allow-downgrades ./old.deb
as sallyport sallyportd restore --from /var/lib/sallyport/before-upgrade
systemctl start sallyport
well
cmp "$config" /story/edited
echo | dpkg -i new.deb

chapter "removing keeps config, key and state"
apt-get remove -y sallyport
if systemctl is-active $units; then fail "it still runs"; fi
cmp "$config" /story/edited
[ -e /var/lib/sallyport/state.db ]
[ "$(sha256sum /etc/sallyport/kek)" = "$key" ]

chapter "installed again, it goes on where it was"
dpkg -i new.deb
[ "$(sha256sum /etc/sallyport/kek)" = "$key" ]
systemctl enable --now sallyport
well
[ "$(page)" = 200 ]

chapter "purging keeps what nobody could bring back, and says how to remove it"
apt-get purge -y sallyport 2>&1 | tr -d '\r' | tee /story/said
[ ! -e "$config" ]
[ -e /var/lib/sallyport/state.db ]
[ "$(sha256sum /etc/sallyport/kek)" = "$key" ]
$(sed -n 's/.*To remove them for good: //p' /story/said)
# In /upper lies what this story has made: what else the machine has, or gets
# meanwhile, is not its doing. What was deleted is a device there.
clean() {
	find /upper \( -path /upper/story -o -path /upper/var/log -o -path /upper/var/lib/systemd/catalog \) -prune -o \
		! -type c -name '*sallyport*' -print | grep .
}
if clean; then fail "that is left"; fi

chapter "without state, purging leaves nothing"
dpkg -i new.deb
dpkg -P sallyport
if clean; then fail "that is left"; fi
echo "THE END"
