// Package mailtest asks mail servers as real clients do, with the mail library
// of the language.
//
// It is no mail server and knows no server's habits. Only the tests of the
// recipes may import it.
package mailtest

import (
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// host is where all servers of these tests are.
const host = "127.0.0.1"

// Server is a mail server at "host:port". Everything is asked once with each of
// the mechanisms PLAIN and LOGIN, which the server must offer, and must be
// answered alike.
type Server struct{ Address string }

// Send logs in and sends a mail from the login's own address.
func (s Server) Send(l servertest.Login) error { return each(l, s.send(l.Name)) }

// Foreign tries to send from the owner's address and returns the code of the
// refusal, or the one of a login that is let in: "235".
func (s Server) Foreign(l servertest.Login, owner string) (string, error) {
	return code(each(l, s.send(owner)), "235")
}

// Ask logs in and returns the code: "235", "535", "454" ...
func (s Server) Ask(l servertest.Login) (string, error) {
	return code(each(l, s.login), "235")
}

// Refusal logs in and returns the whole sentence of a server that says no.
func (s Server) Refusal(l servertest.Login) (string, error) {
	err := each(l, s.login)
	said, isReply := err.(*textproto.Error) //nolint:errorlint // net/smtp returns it as it is
	if !isReply {
		return "", fmt.Errorf("no refusal: %w", err)
	}
	return fmt.Sprintf("%d %s", said.Code, said.Msg), nil
}

// each does the same with every mechanism. Answers that differ are no answer.
func each(l servertest.Login, do func(smtp.Auth) error) error {
	// smtp.PlainAuth sends a password without TLS to this machine only.
	plain, other := do(smtp.PlainAuth("", l.Name, l.Password, host)), do(loginAuth{l})
	if fmt.Sprint(plain) != fmt.Sprint(other) {
		return fmt.Errorf("PLAIN ended with %v, LOGIN with %v", plain, other)
	}
	return plain
}

// loginAuth is the mechanism LOGIN, which the library lacks: the server asks for
// the name, then for the password.
type loginAuth struct{ servertest.Login }

// Start implements smtp.Auth.
func (l loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !slices.Contains(server.Auth, "LOGIN") {
		return "", nil, fmt.Errorf("the server offers %v", server.Auth)
	}
	return "LOGIN", nil, nil
}

// Next implements smtp.Auth.
func (l loginAuth) Next(question []byte, more bool) ([]byte, error) {
	switch asked := strings.ToLower(string(question)); {
	case !more:
		return nil, nil
	case strings.HasPrefix(asked, "user"):
		return []byte(l.Name), nil
	case strings.HasPrefix(asked, "pass"):
		return []byte(l.Password), nil
	default:
		return nil, fmt.Errorf("the server asks %q", question)
	}
}

func (s Server) send(sender string) func(smtp.Auth) error {
	return func(auth smtp.Auth) error {
		return s.session(auth, func(c *smtp.Client) error {
			if err := c.Mail(sender + "@example.org"); err != nil {
				return err
			}
			if err := c.Rcpt("somebody@elsewhere.example"); err != nil {
				return err
			}
			w, err := c.Data()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "From: %s@example.org\r\nSubject: Two doors\r\n\r\nHello.\r\n", sender); err != nil {
				return err
			}
			return w.Close()
		})
	}
}

func (s Server) login(auth smtp.Auth) error {
	return s.session(auth, func(*smtp.Client) error { return nil })
}

// Dial connects, for as long as a test waits for anything.
func (s Server) Dial() (*smtp.Client, error) {
	conn, err := net.DialTimeout("tcp", s.Address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(run.Patience))
	return smtp.NewClient(conn, host)
}

// session logs in, and does something as long as that goes well.
func (s Server) session(auth smtp.Auth, do func(*smtp.Client) error) error {
	c, err := s.Dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Auth(auth); err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	return c.Quit()
}

// code is the status that an answer of the server holds.
func code(err error, ok string) (string, error) {
	said, isReply := err.(*textproto.Error) //nolint:errorlint // net/smtp returns it as it is
	switch {
	case err == nil:
		return ok, nil
	case isReply:
		return strconv.Itoa(said.Code), nil
	default:
		return "", err
	}
}
