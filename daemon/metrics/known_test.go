package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Another config brings labels and takes those that would look like an outage;
// what was counted goes on.
func TestAnotherConfigHasOtherLabels(t *testing.T) {
	m := New(Build{Services: []string{"dav"}, Plugins: []string{"totp", "old"}, Servers: 2})
	m.PluginRestarted("totp")
	m.DirectoryUp(1, true)
	m.Know(Build{Services: []string{"dav", "web"}, Plugins: []string{"totp", "new"}, Servers: 1})
	m.PluginUp("new", true)
	m.PluginUp("old", false) // its last word comes late
	m.DirectoryUp(1, false)
	m.Reloaded(true, time.Unix(1000, 0))
	m.Reloaded(false, time.Unix(2000, 0))
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`sallyport_plugin_restarts_total{plugin="totp"} 1`, `sallyport_plugin_up{plugin="new"} 1`,
		`sallyport_app_password_required_total{service="web"} 0`, `sallyport_directory_server_up{server="0"}`,
		"sallyport_config_reload_success 0\n", "sallyport_config_reload_timestamp_seconds 1000\n",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, gone := range []string{`plugin="old"`, `server="1"`} {
		if strings.Contains(w.Body.String(), gone) {
			t.Errorf("there is still %s", gone)
		}
	}
}
