package davtest

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Nginx runs Debian's nginx until the test ends, in front of a server that is
// not a web server by itself. Blocks are the texts of a recipe's files for the
// http block, with everything put elsewhere already; one of them listens at the
// address.
func Nginx(t testing.TB, s *servertest.Site, address string, blocks ...string) {
	t.Helper()
	nginx := run.Need(t, "nginx", "nginx-light")
	dir := s.Dir + "/nginx"
	run.Own(t, dir, "www-data")
	text := fmt.Sprintf(`user www-data;
daemon off;
error_log stderr warn;
pid %[1]s/pid;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
`, dir)
	for i, block := range blocks {
		file := fmt.Sprintf("%s/block%d.conf", dir, i)
		run.Write(t, file, block, 0o644)
		text += "\tinclude " + file + ";\n"
	}
	run.Write(t, dir+"/nginx.conf", text+"}\n", 0o644)
	run.Background(t, run.Command{Path: nginx, Args: []string{"-c", dir + "/nginx.conf", "-p", dir}})
	if err := run.Listening(address); err != nil {
		t.Fatal(err)
	}
}
