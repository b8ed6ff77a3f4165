package directory_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory"
	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

// fake is a server that answers as no real one would. Each request is handed,
// with its operation's tag and message id, to the test.
type fake struct {
	url  string
	mu   sync.Mutex
	seen map[ber.Tag]int
	raw  []byte
}

func (f *fake) count(tag ber.Tag) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[tag]
}

// said is all that clients have sent.
func (f *fake) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.raw)
}

// startFake serves until the test ends. A reply that returns false closes.
func startFake(t testing.TB, reply func(c net.Conn, tag ber.Tag, id int64) bool) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{url: "ldap://" + l.Addr().String(), seen: make(map[ber.Tag]int)}
	var serving sync.WaitGroup
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		_ = l.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				<-stop
				_ = c.Close()
			})
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				for f.one(c, reply) {
				}
			})
		}
	})
	return f
}

func (f *fake) one(c net.Conn, reply func(c net.Conn, tag ber.Tag, id int64) bool) bool {
	message, err := bergate.ReadMessage(c, 1<<16)
	if err != nil {
		return false
	}
	p, err := ber.DecodePacketErr(message)
	if err != nil || len(p.Children) < 2 {
		return false
	}
	id, err := ber.ParseInt64(p.Children[0].ByteValue)
	if err != nil {
		return false
	}
	f.mu.Lock()
	f.seen[p.Children[1].Tag]++
	f.raw = append(f.raw, message...)
	f.mu.Unlock()
	return reply(c, p.Children[1].Tag, id)
}

// config is one for a fake: nothing is bound for searching.
func (f *fake) config() directory.Config {
	return directory.Config{
		Servers: []string{f.url}, Base: "dc=org", Filter: "(uid={name})", Now: time.Now,
		Timeout: 150 * time.Millisecond, Total: 400 * time.Millisecond,
	}
}

// message is an LDAP message with a result.
func message(id int64, tag ber.Tag, code int64, text string, controls ...ldap.Control) []byte {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	if code == ldap.LDAPResultReferral {
		referral := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		referral.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "ldap://127.0.0.1:1/", ""))
		op.AppendChild(referral)
	}
	p.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			list.AppendChild(c.Encode())
		}
		p.AppendChild(list)
	}
	return p.Bytes()
}

// person is a SearchResultEntry.
func person(id int64, dn string, attributes map[string]string) []byte {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	list := ber.NewSequence("")
	for name, value := range attributes {
		one := ber.NewSequence("")
		one.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, ""))
		one.AppendChild(set)
		list.AppendChild(one)
	}
	op.AppendChild(list)
	p.AppendChild(op)
	return p.Bytes()
}

// state is a control as servers send it; the library cannot encode these.
type state struct{ oid, value string }

func (s state) GetControlType() string { return s.oid }
func (s state) String() string         { return s.oid }
func (s state) Encode() *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s.oid, ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s.value, ""))
	return p
}

// policy is the control of Behera's draft with an error code.
func policy(code byte) ldap.Control {
	return state{ldap.ControlTypeBeheraPasswordPolicy, string([]byte{0x30, 0x03, 0x81, 0x01, code})}
}

func isUnavailable(reason account.Reason, err error) bool {
	return reason == "" && errors.Is(err, account.ErrUnavailable)
}
