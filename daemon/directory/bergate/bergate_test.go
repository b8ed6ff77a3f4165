package bergate

import (
	"bytes"
	"testing"
)

// FuzzReadMessage: what passes is whole, bounded, and a message.
func FuzzReadMessage(f *testing.F) {
	f.Add([]byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00})
	f.Add([]byte{0x30, 0x80, 0x00, 0x00})
	f.Add([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff})
	f.Add([]byte{0x30, 0x05, 0x02, 0x01, 0x01, 0x61, 0x7f})
	f.Add(bytes.Repeat([]byte{0x30, 0x7f}, 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := ReadMessage(bytes.NewReader(data), 4096)
		if err != nil {
			return
		}
		if len(message) > 4096 || !bytes.HasPrefix(data, message) {
			t.Errorf("%d bytes passed", len(message))
		}
		if op, err := Op(message); err == nil && !bytes.Contains(message, []byte{op}) {
			t.Errorf("operation 0x%02x is not in the message", op)
		}
	})
}
