package nginx

import (
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/contrib/servertest/webtest"
)

// TestWebApplication: browsers without a visit go to the page and come back.
func TestWebApplication(t *testing.T) {
	run.NeedRoot(t)
	s := servertest.Start(t, webtest.Options("www-data"))
	address := loopback(t)
	run.Write(t, s.Dir+"/nginx/browser.conf", run.Config(t, "browser.conf"), 0o644)
	front{Recipe: "web.conf", Moved: []string{"127.0.0.1:8011", address, "127.0.0.1:5000", webtest.Application(t)}}.start(t, s)
	webtest.Prove(t, s, address)
}
