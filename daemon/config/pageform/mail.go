package pageform

import (
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/sallyport/sallyport/daemon/config/strict"
)

// ports are those that a protocol of mail usually has: with TLS from the first
// byte, and where STARTTLS begins it.
type ports struct{ implicit, starttls int }

// mailServer reads a mail server as "imaps://host:port" with TLS from the first
// byte, "imap://host:port" with STARTTLS; or smtps and smtp. There is no third:
// app passwords go there. What is not written follows from the port.
func mailServer(t *strict.Table, k string, usual ports) string {
	text, tls := t.Text(k, ""), ""
	if t.Know(k + "_tls"); t.Has(k + "_tls") {
		tls = t.OneOf(k+"_tls", "implicit", "implicit", "starttls")
	}
	if text == "" {
		if tls != "" {
			t.Refuse(k+"_tls", "tells how to reach a server that is not named", "write "+k+", or remove this")
		}
		return ""
	}
	name, written, err := net.SplitHostPort(text)
	port := usual.implicit
	switch {
	case err != nil && tls == "starttls":
		name, port = text, usual.starttls
	case err != nil:
		name = text
	default:
		port, _ = strconv.Atoi(written) // 0 is no port
	}
	at := net.JoinHostPort(name, strconv.Itoa(port))
	if port < 1 || port > 65535 || !host(&url.URL{Host: at}) {
		t.Refuse(k, fmt.Sprintf("%q is not the name of a mail server, with or without a port", text), fmt.Sprintf(`write for example: %s = "mail.example.org:%d"`, k, usual.implicit))
		return text
	}
	switch {
	case tls == "" && port == usual.starttls:
		tls = "starttls"
	case tls == "" && port == usual.implicit:
		tls = "implicit"
	case tls == "":
		t.Refuse(k+"_tls", fmt.Sprintf("is missing: port %d does not say how it is encrypted", port), fmt.Sprintf(`write %s_tls = "implicit" or "starttls"`, k))
	case tls == "implicit" && port == usual.starttls, tls == "starttls" && port == usual.implicit:
		t.Refuse(k+"_tls", fmt.Sprintf("%q is not how port %d is encrypted", tls, port), fmt.Sprintf(`write "implicit" for port %d, "starttls" for port %d`, usual.implicit, usual.starttls))
	}
	scheme := k
	if tls == "implicit" {
		scheme += "s"
	}
	return scheme + "://" + at
}
