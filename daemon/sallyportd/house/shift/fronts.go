package shift

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/config/pageform"
	"github.com/sallyport/sallyport/daemon/frontend/admin"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck"
	"github.com/sallyport/sallyport/daemon/frontend/httpcheck/browser"
	"github.com/sallyport/sallyport/daemon/frontend/saslauthd"
	"github.com/sallyport/sallyport/daemon/listen/servicemap"
	"github.com/sallyport/sallyport/daemon/listen/stream"
	"github.com/sallyport/sallyport/enrollweb"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/recipe"
	"github.com/sallyport/sallyport/enrollweb/words"
)

// buildFrontEnds makes what answers on each socket.
func (s *Shift) buildFrontEnds(context.Context, *Shift) (err error) {
	s.http, s.streams, s.dovecot = map[string]http.Handler{}, map[string]stream.Handler{}, map[string]*dovecotauth.Front{}
	if s.text, err = words.Reasons(s.Config.Page.Texts, s.Config.Page.German); err != nil {
		return err
	}
	for _, l := range s.Config.Listeners {
		if err := s.frontEnd(l); err != nil {
			return fmt.Errorf("%s: building the %s front end: %w", l.Config, l.Protocol, err)
		}
	}
	return nil
}

func (s *Shift) frontEnd(l config.Listen) (err error) {
	switch l.Protocol {
	case "admin":
		s.http[l.Path], err = admin.New(admin.Config{
			Support: s.Support, Issuer: s.Support, Engine: s.Engine, System: s.System, Keeper: s.Keeper, Text: s.text,
			Ledger: s.ledger(),
			Desk:   s.Config.Admin.Support, Operators: s.Config.Admin.Operators, Now: s.Clock.Now, Log: s.Log,
		})
	case "http":
		door, problem := s.door(l)
		if problem != nil {
			return problem
		}
		s.http[l.Path], err = httpcheck.New(httpcheck.Config{
			Browsers: door,
			Checker:  s.Engine, Health: s.System, Text: s.text, Services: l.Services, DefaultService: l.DefaultService,
			Strict: l.Strict, Proxies: l.Proxies, Realm: "sallyport", PageURL: s.Config.Page.URL, Log: s.Log,
		})
	default:
		err = s.foreign(l)
	}
	return err
}

// door answers for browsers, where the config names web applications.
func (s *Shift) door(l config.Listen) (*browser.Door, error) {
	if len(l.Origins) == 0 {
		return nil, nil //nolint // this socket is not asked about any
	}
	return browser.New(browser.Config{
		Visits: s.visits, Origins: l.Origins, PageURL: s.Config.Page.URL, Rand: rand.Reader, Log: s.Log,
	})
}

// origins are all web applications whose web servers ask about browsers.
func (s *Shift) origins() (all []string) {
	for _, l := range s.Config.Listeners {
		all = append(all, l.Origins...)
	}
	return all
}

// foreign builds what answers in a protocol that is not HTTP.
func (s *Shift) foreign(l config.Listen) error {
	services, err := servicemap.New(l.Services, l.DefaultService, l.ServiceMap)
	if err != nil {
		return err
	}
	switch l.Protocol {
	case "saslauthd":
		s.streams[l.Path], err = saslauthd.New(saslauthd.Config{
			Checker: s.Engine, Services: services, Strict: l.Strict,
			Domains: l.Domains, IgnoreRealms: l.IgnoreRealms, Log: s.Log,
		})
	case "dovecot":
		s.dovecot[l.Path], err = dovecotauth.New(dovecotauth.Config{
			Checker: s.Engine, Services: services, Strict: l.Strict,
			PageURL: s.Config.Page.URL, Text: s.text, German: s.Config.Page.Language == "de",
			PID: os.Getpid(), Rand: rand.Reader, Log: s.Log,
		})
	default:
		err = fmt.Errorf("no front end speaks %q", l.Protocol)
	}
	return err
}

// buildPage makes the enrollment page, and reads all files that it is made of.
func (s *Shift) buildPage(context.Context, *Shift) error {
	p := s.Config.Page
	if p.Listen == "" {
		return nil
	}
	public, err := url.Parse(p.URL)
	if err != nil {
		return fmt.Errorf("reading the page's url: %w", err)
	}
	lang := p.Language
	if lang == "auto" {
		lang = "" // the browser chooses
	}
	var signer *tls.Certificate
	if p.ProfileCert != "" {
		pair, err := tls.LoadX509KeyPair(p.ProfileCert, p.ProfileKey)
		if err != nil {
			return fmt.Errorf("reading the certificate for profiles: %w", err)
		}
		signer, s.Ends["profile"] = &pair, pair.Leaf.NotAfter
	}
	var logo []byte
	if p.Brand.Logo != "" {
		if logo, err = os.ReadFile(p.Brand.Logo); err != nil {
			return fmt.Errorf("reading the logo: %w", err)
		}
	}
	s.Page, err = enrollweb.New(enrollweb.Config{
		Judge: s.Engine, Desk: s.Desk,
		Service: p.Service, Operator: p.Operator, Brand: look.Brand{Accent: p.Brand.Accent, Logo: logo}, Support: look.Support(p.Support),
		Servers: servers(p.Servers), Signer: signer,
		BaseURL: p.URL, Insecure: public.Scheme == "http" && loopback(public.Hostname()),
		ReturnTo: p.ReturnTo, Visits: s.visits, Origins: s.origins(), TrustedProxies: p.TrustedProxies, TextsDir: p.Texts, Lang: lang, German: p.German,
		Now: s.Clock.Now, Rand: rand.Reader, Log: s.Log,
	})
	if err != nil {
		return err
	}
	if p.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(p.TLSCert, p.TLSKey)
		if err != nil {
			return fmt.Errorf("reading the page's certificate: %w", err)
		}
		s.Cert, s.Ends["page"] = &cert, cert.Leaf.NotAfter
	}
	return nil
}

// servers are what the page tells people to give their programs.
func servers(from []pageform.Server) []recipe.Server {
	var all []recipe.Server
	for _, s := range from {
		all = append(all, recipe.Server(s))
	}
	return all
}

// loopback tells whether the name of a URL is this machine's own.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
