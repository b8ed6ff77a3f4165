package exchange

import (
	"bytes"
	"errors"
	"math"
	"net"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/directory/bergate"
)

// TestARequestIsWhatTheLibraryReads: whatever the length of its parts.
func TestARequestIsWhatTheLibraryReads(t *testing.T) {
	for _, id := range []int64{1, 127, 128, 255, 256, 32767, 32768, math.MaxInt32} {
		for _, size := range []int{1, 60, 127, 128, 255, 256, 70_000} {
			dn := strings.Repeat("x", size)
			p := ask(t, id, dn)
			bind := p.Children[1]
			if p.Children[0].Value != id || bind.Tag != ldap.ApplicationBindRequest || bind.Children[0].Value != int64(3) ||
				bind.Children[1].Value != dn || bind.Children[2].Data.String() != "password" || bind.Children[2].Tag != 0 {
				t.Fatalf("id %d, DN of %d bytes: %+v", id, size, p)
			}
			control, err := ldap.DecodeControl(p.Children[2].Children[0])
			if len(p.Children) != 3 || err == nil || !strings.Contains(err.Error(), "ControlTypeBeheraPasswordPolicy") {
				t.Fatalf("the control: %v, %v", control, err) // in a request it has no value
			}
			if again := element(integer, p.Children[0].ByteValue); !bytes.Equal(again, number(id)) {
				t.Errorf("id %d is written as %x", id, again)
			}
		}
	}
}

// ask has a bind sent, and returns it.
func ask(t *testing.T, id int64, dn string) *ber.Packet {
	t.Helper()
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := Bind(bergate.Wrap(ours), id, dn, account.Secret("password"))
		ended <- err
	}()
	message, err := bergate.ReadMessage(theirs, bergate.MaxMessage)
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Fatal("a bind that nobody answered was right")
	}
	p, err := ber.DecodePacketErr(message)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzAnswer: the library finds in an answer what is found here, and nothing is a
// yes here that is none there.
func FuzzAnswer(f *testing.F) {
	answer := func(code byte, list ...[]byte) []byte {
		parts := [][]byte{number(1), element(bindResponse, element(enumerated, []byte{code}), element(octets), element(octets, []byte("text")))}
		if len(list) > 0 {
			parts = append(parts, element(controls, list...))
		}
		return element(sequence, parts...)
	}
	policy := func(said ...[]byte) []byte {
		return element(sequence, element(octets, []byte(ldap.ControlTypeBeheraPasswordPolicy)), element(octets, element(sequence, said...)))
	}
	warning := element(0xa0, element(0x80, []byte{10}))
	f.Add(answer(0))
	f.Add(answer(49))
	f.Add(answer(0, policy()))
	f.Add(answer(0, policy(warning)))
	f.Add(answer(0, policy(element(0x81, []byte{2}))))
	f.Add(answer(49, policy(warning, element(0x81, []byte{1}))))
	f.Add(answer(0, element(sequence, element(octets, []byte(ldap.ControlTypeVChuPasswordMustChange)), element(octets, []byte("0")))))
	f.Add(answer(0, element(sequence, element(octets, []byte("1.2.3")))))
	f.Add(answer(0, element(sequence, element(octets, []byte(ldap.ControlTypeBeheraPasswordPolicy)), element(boolean, []byte{0xff}), element(octets, element(sequence)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := bergate.ReadMessage(bytes.NewReader(data), 4096)
		if err != nil {
			return
		}
		state, err := read(message, 1, bindResponse)
		var said *ldap.Error
		if err != nil && !errors.As(err, &said) {
			return
		}
		p, broken := ber.DecodePacketErr(message)
		if broken != nil {
			return // it minds values that are of no interest here
		}
		var theirs *ldap.Error
		if got := ldap.GetLDAPError(p); err == nil && got != nil ||
			err != nil && (!errors.As(got, &theirs) || theirs.ResultCode != said.ResultCode || theirs.Err.Error() != said.Err.Error()) {
			t.Fatalf("%x: %v here, %v there", message, err, got)
		}
		if there, ok := theirState(p); ok && there != state {
			t.Fatalf("%x: state %t here, %t there", message, state, there)
		}
	})
}

// theirState is what the library makes of the controls, where it can.
func theirState(p *ber.Packet) (state, ok bool) {
	if len(p.Children) < 3 || p.Children[2].Identifier.ClassType != ber.ClassContext || p.Children[2].Tag != 0 {
		return false, true
	}
	for _, child := range p.Children[2].Children {
		control, err := ldap.DecodeControl(child)
		if err != nil {
			return false, false
		}
		switch c := control.(type) {
		case *ldap.ControlBeheraPasswordPolicy:
			state = state || c.Error >= 0
		case *ldap.ControlVChuPasswordMustChange:
			state = true
		}
	}
	return state, true
}
