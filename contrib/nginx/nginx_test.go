package nginx

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// front is an nginx with the server block of a recipe.
type front struct {
	// Recipe is the file, Moved the old and new texts of what is put elsewhere:
	// the address first.
	Recipe string
	Moved  []string
	// Check is the check socket; empty means the site's own.
	Check string
	// HTTP are further lines of the http block.
	HTTP string
}

// start runs nginx and returns its address as a URL.
func (f front) start(t *testing.T, s *servertest.Site) string {
	t.Helper()
	nginx := run.Need(t, "nginx", "nginx-light")
	dir, address := s.Dir+"/nginx", f.Moved[1]
	if f.Check == "" {
		f.Check = s.HTTP
	}
	run.Own(t, dir, "www-data")
	run.Write(t, dir+"/sallyport.conf", run.Config(t, "sallyport.conf", "/run/sallyport/check.sock", f.Check), 0o644)
	run.Write(t, dir+"/check.conf", run.Config(t, "check.conf"), 0o644)
	run.Write(t, dir+"/server.conf", run.Config(t, f.Recipe, f.Moved...), 0o644)
	run.Write(t, dir+"/nginx.conf", fmt.Sprintf(`user www-data;
daemon off;
error_log stderr warn;
pid %[1]s/pid;
include /etc/nginx/modules-enabled/*.conf;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[2]s
	include %[1]s/sallyport.conf;
	include %[1]s/server.conf;
}
`, dir, f.HTTP), 0o644)
	run.Background(t, run.Command{Path: nginx, Args: []string{"-c", dir + "/nginx.conf", "-p", "/usr/share/nginx"}})
	if err := run.Listening(address); err != nil {
		t.Fatal(err)
	}
	return "http://" + address
}

func loopback(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
}
