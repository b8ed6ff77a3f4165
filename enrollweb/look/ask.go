package look

import (
	"time"

	"github.com/sallyport/sallyport/daemon/account"
)

// Ask is a program that wants an app password of its own.
type Ask struct {
	// Client is who asks: an address, and what the program calls itself.
	Client  account.Client
	At      time.Time
	Service string
	// Elsewhere says that it asks from another network than this browser's.
	Elsewhere bool
}

// AskProgram names the program that asks, as far as it may name itself.
func (p Page) AskProgram() string {
	if name := p.program(p.Ask.Client.Agent); name != "" {
		return name
	}
	return p.T("flow.unnamed")
}

// AskNetwork is where it asks from, or empty where nobody knows.
func (p Page) AskNetwork() string {
	if !p.Ask.Client.Addr.IsValid() {
		return ""
	}
	return network(p.Ask.Client.Addr.String())
}
