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
	showLink(v, ticket)
}

// showLink has a switch of language of its own, a form: the ticket must not be
// written into a page's links a second time.
func showLink(v *visit.Visit, ticket string) {
	v.Show(http.StatusOK, "link", look.Page{Title: "link.title", Once: ticket})
}

func (ps *Pages) link(v *visit.Visit) {
	ticket := v.R.PostForm.Get("ticket")
	if ticket == "" || len(ticket) > 1024 {
		v.Message(http.StatusGone, "link.gone")
		return
	}
	if v.R.URL.Query().Has("lang") {
		showLink(v, ticket)
		return
	}
	v.Ticket = ticket
	ps.enter(v, account.Secret(ticket), "")
}
