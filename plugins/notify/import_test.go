package notify

import (
	"testing"

	"github.com/sallyport/sallyport/plugins/hook"
)

// An import of ten thousand people is no reason for ten thousand mails.
func TestAnImportWritesToNobody(t *testing.T) {
	if kind, ok := kindOf(hook.Event{Act: "import", Subject: "alice", Name: "alice", Actor: "root(0)", Factor: "totp"}); ok {
		t.Errorf("it calls for letter %v", kind)
	}
	if _, ok := kindOf(hook.Event{Act: "enroll", Subject: "alice", Name: "alice", Actor: "root(0)", Factor: "totp"}); !ok {
		t.Error("with --notify it is audited as a set-up, and that calls for none")
	}
}
