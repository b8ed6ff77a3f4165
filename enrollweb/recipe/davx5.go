package recipe

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/daemon/account"
)

// DAVx5 is the link that opens DAVx5 on Android with address, user name and app
// password filled in, or empty where there is none: it works for https only,
// and cannot hold a user name with a colon. DAVx5 finds contacts from the
// address of the calendar, and the other way round, where a server has both.
//
// https://manual.davx5.com/integration.html
func DAVx5(places []Place, secret account.Secret) account.Secret {
	at := slices.IndexFunc(places, Place.Syncs)
	if at < 0 {
		return ""
	}
	u, err := url.Parse(places[at].URL)
	if err != nil || u.Scheme != "https" || strings.Contains(places[at].Login, ":") {
		return ""
	}
	u.Scheme, u.User = "davx5", url.UserPassword(places[at].Login, secret.Reveal())
	return account.Secret(u.String())
}
