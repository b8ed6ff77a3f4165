package flow

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll/handover"
	"github.com/sallyport/sallyport/enrollweb/visit"
)

// maxBody is the most bytes that a program may send; a ticket has about a
// hundred.
const maxBody = 4 << 10

// The answers, with the names that the programs know.
type (
	question struct {
		Poll  poll   `json:"poll"`
		Login string `json:"login"`
	}
	poll struct {
		Token    string `json:"token"`
		Endpoint string `json:"endpoint"`
	}
	password struct {
		Server      string `json:"server"`
		LoginName   string `json:"loginName"`
		AppPassword string `json:"appPassword"`
	}
)

// ask begins a question. It reads no body: there is nothing that a program could
// say but who it is, and that is in its headers.
func (ps *Pages) ask(v *visit.Visit) {
	by := v.Site.Client(v.R)
	if wait := ps.asks.Step(by); wait > 0 {
		tell(v, http.StatusTooManyRequests, wait)
		return
	}
	q, err := ps.desk.AskFlow(by)
	if err != nil {
		fail(v, err)
		return
	}
	answer(v, http.StatusOK, question{
		Poll:  poll{Token: q.Ticket.Reveal(), Endpoint: ps.base + fetchPath},
		Login: ps.base + linkPath + "?id=" + url.QueryEscape(q.Link),
	})
}

// fetch hands the app password out, or says 404: not yet, or not any more.
func (ps *Pages) fetch(v *visit.Visit) {
	by := v.Site.Client(v.R)
	if wait := ps.fetches.Step(by); wait > 0 {
		tell(v, http.StatusTooManyRequests, wait)
		return
	}
	ticket, status := read(v)
	if status != 0 {
		tell(v, status, 0)
		return
	}
	got, err := ps.desk.FetchFlow(v.R.Context(), ticket, by)
	switch {
	case errors.Is(err, handover.ErrOver):
		tell(v, http.StatusNotFound, 0)
	case err != nil:
		fail(v, err)
	default:
		answer(v, http.StatusOK, password{
			Server:    ps.server.LoginFlow,
			LoginName: strings.ReplaceAll(ps.server.Login, "{name}", got.Name), AppPassword: got.Secret.Reveal(),
		})
	}
}

// read takes the ticket out of the body, a form's or an object's field "token".
// It is never taken from the address, which others write down.
func read(v *visit.Visit) (account.Secret, int) {
	body, err := io.ReadAll(http.MaxBytesReader(v.W, v.R.Body, maxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return "", http.StatusRequestEntityTooLarge
	}
	kind, _, kerr := mime.ParseMediaType(v.R.Header.Get("Content-Type"))
	var said struct {
		Token string `json:"token"`
	}
	switch {
	case err != nil || kerr != nil:
		return "", http.StatusBadRequest
	case kind == "application/json":
		err = json.Unmarshal(body, &said)
	case kind == "application/x-www-form-urlencoded":
		var form url.Values
		form, err = url.ParseQuery(string(body))
		said.Token = form.Get("token")
	default:
		return "", http.StatusUnsupportedMediaType
	}
	if err != nil || said.Token == "" {
		return "", http.StatusBadRequest
	}
	return account.Secret(said.Token), 0
}

// fail says that it is not the program's fault. The error goes to the log only;
// by contract it holds no secret.
func fail(v *visit.Visit, err error) {
	v.Log.Error("a program that asks for an app password could not be answered", "path", v.R.URL.Path, "err", err)
	tell(v, http.StatusServiceUnavailable, 10*time.Second)
}

// tell answers without anything but a status, and how long to wait.
func tell(v *visit.Visit, status int, wait time.Duration) {
	if wait > 0 {
		v.Wait(wait)
	}
	answer(v, status, []string{})
}

func answer(v *visit.Visit, status int, what any) {
	v.W.Header().Set("Content-Type", "application/json")
	v.W.WriteHeader(status)
	_ = json.NewEncoder(v.W).Encode(what) // a program that went away is nobody's error
}
