package caddy

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/contrib/servertest/webtest"
)

// TestWebApplication: browsers without a visit go to the page and come back.
func TestWebApplication(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, webtest.Options("caddy"))
	address := fmt.Sprintf("127.0.0.1:%d", run.FreePort(t))
	serve(t, s, address, run.Config(t, "web.Caddyfile", "\napp.example.org {", "\nhttp://app.example.org:"+address[len("127.0.0.1:"):]+" {\n\tbind 127.0.0.1",
		"/run/sallyport/check.sock", s.HTTP, "127.0.0.1:5000", webtest.Application(t)))
	webtest.Prove(t, s, address)
}
