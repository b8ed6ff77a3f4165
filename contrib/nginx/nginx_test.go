package nginx

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// start runs nginx with a recipe's server block; old and new texts say what is
// put elsewhere.
func start(t *testing.T, s *servertest.Site, recipe string, oldnew ...string) {
	t.Helper()
	nginx := run.Need(t, "nginx", "nginx-light")
	dir := s.Dir + "/nginx"
	run.Own(t, dir, "www-data")
	run.Write(t, dir+"/sallyport.conf", run.Config(t, "sallyport.conf", "/run/sallyport/check.sock", s.HTTP), 0o644)
	run.Write(t, dir+"/check.conf", run.Config(t, "check.conf"), 0o644)
	run.Write(t, dir+"/server.conf", run.Config(t, recipe, oldnew...), 0o644)
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
	include %[1]s/sallyport.conf;
	include %[1]s/server.conf;
}
`, dir), 0o644)
	run.Background(t, run.Command{Path: nginx, Args: []string{"-c", dir + "/nginx.conf", "-p", "/usr/share/nginx"}})
	if err := run.Listening(oldnew[1]); err != nil {
		t.Fatal(err)
	}
}
