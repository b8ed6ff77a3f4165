// Package mailtest asks mail servers as real clients do, with the mail library
// of the language.
//
// It is no mail server and knows no server's habits. Only the tests of the
// recipes may import it.
package mailtest

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Server is a mail server at "host:port".
type Server struct{ Address string }

// Send logs in and sends a mail from the login's own address.
func (s Server) Send(l servertest.Login) error { return s.send(l, l.Name) }

// Foreign tries to send from the owner's address and returns the code of the
// refusal, or the one of a login that is let in: "235".
func (s Server) Foreign(l servertest.Login, owner string) (string, error) {
	return code(s.send(l, owner), "235")
}

func (s Server) send(l servertest.Login, sender string) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	// smtp.PlainAuth sends a password without TLS to this machine only.
	if err := c.Auth(smtp.PlainAuth("", l.Name, l.Password, "127.0.0.1")); err != nil {
		return err
	}
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
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

func (s Server) dial() (*smtp.Client, error) {
	conn, err := net.DialTimeout("tcp", s.Address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(run.Patience))
	return smtp.NewClient(conn, "127.0.0.1")
}

// Ask logs in with PLAIN and returns the code: "235", "535", "454" ...
func (s Server) Ask(l servertest.Login) (string, error) {
	reply, err := s.Reply(l)
	if err != nil {
		return "", err
	}
	return reply[:3], nil
}

// Reply logs in with PLAIN and returns the server's whole answer.
func (s Server) Reply(l servertest.Login) (string, error) {
	c, err := s.dial()
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.Hello("client.example"); err != nil {
		return "", err
	}
	resp := base64.StdEncoding.EncodeToString([]byte("\x00" + l.Name + "\x00" + l.Password))
	if err := c.Text.PrintfLine("AUTH PLAIN %s", resp); err != nil {
		return "", err
	}
	return c.Text.ReadLine()
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
