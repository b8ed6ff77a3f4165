// Package pskc reads portable symmetric key containers (RFC 6030), in which many
// systems and makers of tokens give their keys away: in clear, under a key that both
// sides know, or under a pass phrase.
//
// There is no library for it in Go that is looked after, and what is needed of the
// format is small. Not supported: keys under a certificate, values other than the
// secret under a key, keys that want a PIN with each code. A signature around the
// container is not looked at; where values are encrypted, their MAC must be right.
// It is a piece of the daemon's main, which alone may import it.
package pskc

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/daemon/sallyportd/moving/reading"
)

// maxPackage is the largest KeyPackage, in bytes; one has some 2,000.
const maxPackage = 64 << 10

// keyPackage is what is read of a KeyPackage; names count without their
// namespaces.
type keyPackage struct {
	Device struct {
		Serial string `xml:"SerialNo"`
		UserID string `xml:"UserId"`
	} `xml:"DeviceInfo"`
	Key *struct {
		ID        string `xml:"Id,attr"`
		Algorithm string `xml:"Algorithm,attr"`
		Name      string `xml:"FriendlyName"`
		UserID    string `xml:"UserId"`
		Suite     struct {
			Text string `xml:",chardata"`
			Hash string `xml:"hashalgo,attr"` // as privacyIDEA writes it
		} `xml:"AlgorithmParameters>Suite"`
		Response struct {
			Length   string `xml:"Length,attr"`
			Encoding string `xml:"Encoding,attr"`
			Check    string `xml:"CheckDigits,attr"`
		} `xml:"AlgorithmParameters>ResponseFormat"`
		Secret   value     `xml:"Data>Secret"`
		OuterMAC string    `xml:"Data>ValueMAC"` // as privacyIDEA writes it
		Interval value     `xml:"Data>TimeInterval"`
		PIN      *struct{} `xml:"Policy>PINPolicy"`
		Expires  string    `xml:"Policy>ExpiryDate"`
	} `xml:"Key"`
}

// value is in clear, or encrypted with a MAC.
type value struct {
	Plain     string     `xml:"PlainValue"`
	Encrypted *encrypted `xml:"EncryptedValue"`
	MAC       string     `xml:"ValueMAC"`
}

// Read reads a container. secret is the pre-shared key or the pass phrase, or nil
// where there is none. The error says what is wrong with the container as a whole.
func Read(file, text string, secret []byte) ([]reading.Entry, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	box := container{secret: secret}
	var all []reading.Entry
	seen := false
	for {
		begun := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !seen {
				return nil, errors.New("is no PSKC: it has no KeyContainer")
			}
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot be read as XML: %s", plain(err))
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "KeyContainer":
			seen = true
		case "EncryptionKey":
			err = box.readKey(d, start)
		case "MACMethod":
			err = box.readMAC(d, start)
		case "KeyPackage":
			e := reading.Entry{File: file}
			e.Line, _ = d.InputPos()
			var p keyPackage
			if err = d.DecodeElement(&p, &start); err == nil {
				all = append(all, box.entry(e, p, d.InputOffset()-begun))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("cannot be read: %s", plain(err))
		}
	}
}

// plain is an error without what it quotes of the file.
func plain(err error) string {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("it is broken at line %d", syntax.Line)
	}
	var ours fault
	if errors.As(err, &ours) {
		return ours.Error()
	}
	return "it is not built as RFC 6030 has it"
}

// fault is an error of ours, which quotes nothing.
type fault string

func (f fault) Error() string { return string(f) }

// entry reads one key.
func (c *container) entry(e reading.Entry, p keyPackage, size int64) reading.Entry {
	if p.Key == nil {
		e.Refused = "the package has no key"
		return e
	}
	k := p.Key
	e.Login, e.Label = login(k.UserID), strings.TrimSpace(k.Name)
	if e.Login == "" {
		e.Login = login(p.Device.UserID)
	}
	if e.Label == "" {
		e.Label = strings.TrimSpace(p.Device.Serial)
	}
	kind := k.Algorithm[strings.LastIndexAny(k.Algorithm, ":#")+1:]
	switch {
	case size > maxPackage:
		e.Refused = "the package is too large"
	case kind != "totp" && kind != "hotp":
		e.Refused = "the key is of another kind than totp"
	case e.Login == "":
		e.Refused = "the key has no UserId, so that nobody knows whose it is: write its login into the file, or make a CSV with logins"
	case k.PIN != nil:
		e.Refused = "the key wants a PIN with each code, which the code app here does not ask for"
	case k.Response.Encoding != "" && k.Response.Encoding != "DECIMAL" || k.Response.Check == "true" || k.Response.Check == "1":
		e.Refused = "its codes are not digits alone"
	case k.Interval.Encrypted != nil:
		e.Refused = "its time interval is encrypted, which is not supported"
	}
	if e.Refused != "" {
		return e
	}
	mac := k.Secret.MAC
	if mac == "" {
		mac = k.OuterMAC
	}
	key, err := c.reveal(k.Secret, mac)
	if err != nil {
		e.Refused = plain(err)
		return e
	}
	if k.Expires != "" {
		e.Note = "that the key ends at some time is not taken over"
	}
	algorithm := strings.TrimSpace(k.Suite.Text)
	if algorithm == "" {
		algorithm = k.Suite.Hash
	}
	e.Text = reading.Key{
		Kind: kind, Secret: base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key),
		Algorithm: algorithm, Digits: k.Response.Length, Period: strings.TrimSpace(k.Interval.Plain),
	}.URI(e.Login)
	return e
}

// login is the name in a UserId, which may be the name of an entry in a directory.
func login(id string) string {
	id = strings.TrimSpace(id)
	first, _, _ := strings.Cut(id, ",")
	attribute, value, ok := strings.Cut(first, "=")
	switch strings.ToLower(strings.TrimSpace(attribute)) {
	case "uid", "cn", "samaccountname":
		if ok {
			return strings.TrimSpace(value)
		}
	}
	return id
}

// decode reads base64, which may be broken into lines.
func decode(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, fault("a value in it is not base64")
	}
	return b, nil
}
