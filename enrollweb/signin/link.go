package signin

import (
	"net/http"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/enrollweb/look"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// linkForm shows one button. Mail scanners and previews open links, too; only
// the button's POST redeems the ticket.
func (ps *Pages) linkForm(v *visit.Visit) {
	v.Arrive()
	ticket := v.R.URL.Query().Get("ticket")
	if ticket == "" {
		v.To("/")
		return
	}
	// The switch of language keeps only what is its own: the ticket must not be
	// written into a page's links a second time.
	v.Show(http.StatusOK, "link", look.Page{Title: "link.title", Once: ticket})
}

func (ps *Pages) link(v *visit.Visit) {
	ticket := v.R.PostForm.Get("ticket")
	if ticket == "" || len(ticket) > 1024 {
		v.Message(http.StatusGone, "link.gone")
		return
	}
	v.Ticket = ticket
	ps.enter(v, account.Secret(ticket), "")
}
