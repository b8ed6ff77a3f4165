package endtoend

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// gateWalk is somebody who opens a web application that knows nothing of signing
// in: the real nginx asks about the real browser, with the recipe as it is, and
// browsers' own rules for cookies decide whether it works.
func (o *owner) gateWalk() {
	v := o.visitor
	v.visit(v.app + "/mail?folder=1")
	v.must("coming to the sign-in", within(patience, func() error { return v.at("/") }))
	v.password(v.name + "-password")
	key := v.settle()
	v.look("wish-with-way-back")
	v.press(`.onward a`)
	v.arrives("/mail?folder=1")
	v.greeted()
	v.again(key)
}

// again opens the application without its cookie, which costs nothing, and after
// signing out, which costs the password and a code.
func (v *visitor) again(key string) {
	v.do("forgetting the visit", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.DeleteCookies, network.DeleteCookiesParams{Name: "sallyport-visit", URL: v.app + "/"})
		return chromedp.Void{}, err
	})
	v.visit(v.app + "/mail?folder=2")
	v.arrives("/mail?folder=2")
	v.greeted()
	v.open("/home")
	v.press(`form[action="/sign-out"] button`)
	v.visit(v.app + "/mail?folder=3")
	v.must("coming to the sign-in", within(patience, func() error { return v.at("/") }))
	v.password(v.name + "-password")
	v.must("coming to the code", within(patience, func() error { return v.at("/code") }))
	code, err := v.site.phones.code(key)
	v.must("computing a code", err)
	v.write("#code", code)
	v.press(`form[action="/code"] button.main`)
	v.arrives("/mail?folder=3")
	v.greeted()
}

func (v *visitor) greeted() {
	v.t.Helper()
	v.expect("#who", v.name)
	if keeps := ask[string](v.chromium, `document.cookie`); keeps != "" {
		v.t.Errorf("%s: a script of the application can read %s", v.dev.name, keeps)
	}
}

// behindNginx is a web application behind nginx and the recipe; it returns its
// origin.
func behindNginx(t *testing.T, s *site) string {
	t.Helper()
	need(t, "nginx", "nginx-light")
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=en><link rel=icon href=data:,><title>Mail</title><h1>Mail</h1><p id=who>%s</p><p id=at>%s</p><p id=from>%s</p>",
			html.EscapeString(r.Header.Get("X-Remote-User")), html.EscapeString(r.URL.RequestURI()), html.EscapeString(r.Referer()))
	}))
	t.Cleanup(backend.Close)
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	app := "http://localhost:" + address[len("127.0.0.1:"):]
	dir := s.path("nginx")
	s.must("making a folder", os.Mkdir(dir, 0o700))
	for name, moved := range map[string][]string{
		"sallyport.conf": {"/run/sallyport/check.sock", s.path("run/check.sock")}, "browser.conf": nil,
		"web.conf": {"127.0.0.1:8011", address, "https://app.example.org", app, "127.0.0.1:5000", backend.Listener.Addr().String()},
	} {
		text, err := os.ReadFile("../../../contrib/nginx/" + name)
		s.must("reading the recipe", err)
		s.must("writing the recipe", os.WriteFile(filepath.Join(dir, name), []byte(strings.NewReplacer(moved...).Replace(string(text))), 0o600))
	}
	// One process, which is gone when it is ended.
	main := fmt.Sprintf("daemon off;\nmaster_process off;\nerror_log stderr warn;\npid %[1]s/pid;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s/body;\nproxy_temp_path %[1]s/proxy;\n"+
		"fastcgi_temp_path %[1]s/fastcgi;\nuwsgi_temp_path %[1]s/uwsgi;\nscgi_temp_path %[1]s/scgi;\ninclude %[1]s/sallyport.conf;\ninclude %[1]s/web.conf;\n}\n", dir)
	s.must("writing the config of nginx", os.WriteFile(dir+"/nginx.conf", []byte(main), 0o600))
	path, err := exec.LookPath("nginx")
	s.must("finding nginx", err)
	p, err := startProcess(exec.Command(path, "-c", dir+"/nginx.conf", "-p", dir))
	s.must("starting nginx", err)
	t.Cleanup(p.kill)
	s.must("starting nginx", within(patience, func() error {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}))
	return app
}
