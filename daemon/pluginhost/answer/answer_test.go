package answer

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

func TestImportedIsAPayloadOrARefusal(t *testing.T) {
	for name, v := range map[string]struct {
		answer transfer.Imported
		ok     bool
	}{
		"payload":       {transfer.Imported{Payload: []byte("p")}, true},
		"refusal":       {transfer.Imported{Refused: "too short"}, true},
		"nothing":       {transfer.Imported{}, false},
		"both":          {transfer.Imported{Payload: []byte("p"), Refused: "x"}, false},
		"large":         {transfer.Imported{Payload: make([]byte, factor.MaxPayload+1)}, false},
		"talkative":     {transfer.Imported{Refused: strings.Repeat("x", maxReason+1)}, false},
		"two lines":     {transfer.Imported{Refused: "a\nb"}, false},
		"escape":        {transfer.Imported{Refused: "a\x1b[31m"}, false},
		"line of paper": {transfer.Imported{Refused: "a\u2028b"}, false},
	} {
		if err := Imported(v.answer); (err == nil) != v.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExportedIsOneLine(t *testing.T) {
	for text, ok := range map[string]bool{
		"otpauth://totp/a?secret=X": true, "": false, "a\nb": false, "a\x00": false, strings.Repeat("x", transfer.MaxText+1): false,
	} {
		if err := Exported(text); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
