package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/enroll"
	"github.com/sallyport/sallyport/daemon/enroll/bylaws"
	"github.com/sallyport/sallyport/daemon/frontend/admin/api"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

const (
	minReason = 3
	maxReason = 500
	maxTicket = 64
	maxRecord = 64
	// bytesPerRune bounds what is read before characters are counted.
	bytesPerRune = 4
	defaultRetry = 5 * time.Second
)

func send(w http.ResponseWriter, status int, body any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		status = http.StatusServiceUnavailable
		buf.Reset()
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a peer that left needs no answer
}

func problem(w http.ResponseWriter, status int, p api.Problem) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	send(w, status, p)
}

func bad(w http.ResponseWriter, sentence string) {
	problem(w, http.StatusBadRequest, api.Problem{Error: "The request cannot be taken: " + sentence + "."})
}

// fail turns an error of the parts below into an answer. What nobody foresaw
// is an outage: it must never read as "there is no such person".
func (h *handler) fail(w http.ResponseWriter, what string, err error) {
	var refusal *enroll.Refusal
	var no *bylaws.Refusal
	switch {
	case errors.As(err, &no):
		barred(w, no)
	case errors.Is(err, account.ErrNotFound):
		problem(w, http.StatusNotFound, api.Problem{Error: "The directory knows nobody by this name, or there is no such app password.",
			Hint: "Check the spelling; the login is wanted, not the display name."})
	case errors.As(err, &refusal) && refusal.Reason == account.Throttled:
		problem(w, http.StatusTooManyRequests, api.Problem{Error: "Too many tries.",
			Hint: "Wait a moment, then try again.", RetryAfter: seconds(refusal.RetryAfter)})
	case errors.As(err, &refusal) && refusal.Reason == account.Malformed:
		// The limits of the order stand in two places; where they disagree, the
		// sender still learns that the request is what to change.
		bad(w, "reason or ticket is too long, too short or more than one line")
	case errors.As(err, &refusal):
		problem(w, http.StatusConflict, api.Problem{Error: "Refused: " + h.Text(refusal.Reason).EN,
			Hint: "Look at the person again: sallyport user NAME."})
	case errors.Is(err, account.ErrConflict):
		problem(w, http.StatusConflict, api.Problem{Error: "Somebody else changed this person in the same moment; nothing was done here.",
			Hint: "Look again, then repeat."})
	default:
		h.Log.Error("admin request failed", "front_end", frontEnd, "doing", what, "error", err)
		problem(w, http.StatusServiceUnavailable, api.Problem{Error: "The daemon cannot do this right now: " + what + " failed. Nothing was changed.",
			Hint: "See sallyport status, and the daemon's log for the cause.", RetryAfter: seconds(0)})
	}
}

func seconds(d time.Duration) int {
	if d <= 0 {
		d = defaultRetry
	}
	return int((d + time.Second - 1) / time.Second)
}

// readObject reads a strict JSON body and answers the request itself where it
// cannot be taken.
func readObject(w http.ResponseWriter, r *http.Request, set strictjson.Setter) bool {
	return readLong(w, r, maxBody, set)
}

// readLong does so with a body of so many bytes at most.
func readLong(w http.ResponseWriter, r *http.Request, most int64, set strictjson.Setter) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || len(r.Header["Content-Type"]) != 1 {
		bad(w, "the Content-Type must be application/json")
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		bad(w, fmt.Sprintf("the body is longer than %d bytes, or never ended", most))
		return false
	}
	defer clear(body) // it may hold a password
	if err := strictjson.Decode(body, set); err != nil {
		bad(w, err.Error())
		return false
	}
	return true
}

// personName reads {name} of the path.
func personName(w http.ResponseWriter, r *http.Request) (string, bool) {
	name := r.PathValue("name")
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		bad(w, "the name is empty, too long or not readable")
		return "", false
	}
	return name, true
}

// order is the body of everything that is done to a person.
type order struct {
	enroll.Order
	all bool
}

func (o *order) set(key string, value any) (err error) {
	switch key {
	case "reason":
		o.Reason, err = strictjson.Text(key, value, maxReason*bytesPerRune)
	case "ticket":
		o.Ticket, err = strictjson.Text(key, value, maxTicket*bytesPerRune)
	default:
		return strictjson.Unknown(key)
	}
	return err
}

func (o *order) setRevocation(key string, value any) (err error) {
	switch key {
	case "record":
		o.Record, err = strictjson.Text(key, value, maxRecord)
		return err
	case "all":
		all, ok := value.(bool)
		if !ok {
			return errors.New(`"all" must be true or false`)
		}
		o.all = all
		return nil
	default:
		return errNotMine
	}
}

// errNotMine says that a key is not one of those that an order has beside its own.
var errNotMine = errors.New("not a key of this order")

// readOrder reads who wants what done to whom, and why.
func readOrder(w http.ResponseWriter, r *http.Request, operator string, revocation bool) (order, bool) {
	if !revocation {
		return readBody(w, r, operator, nil)
	}
	var more order
	o, ok := readBody(w, r, operator, more.setRevocation)
	if o.Record, o.all = more.Record, more.all; ok && o.all == (o.Record != "") {
		bad(w, `one of "record" and "all" is needed, not both`)
		return order{}, false
	}
	return o, ok
}

// readBody reads an order whose own keys more takes; it answers errNotMine to
// all others.
func readBody(w http.ResponseWriter, r *http.Request, operator string, more strictjson.Setter) (order, bool) {
	who := callerOf(r)
	o := order{Order: enroll.Order{Operator: operator, Login: who.login, Full: who.full}}
	var ok bool
	if o.Name, ok = personName(w, r); !ok {
		return order{}, false
	}
	set := func(key string, value any) error {
		if more != nil {
			if err := more(key, value); !errors.Is(err, errNotMine) {
				return err
			}
		}
		return o.set(key, value)
	}
	if !readObject(w, r, set) {
		return order{}, false
	}
	o.Reason, o.Ticket = strings.TrimSpace(o.Reason), strings.TrimSpace(o.Ticket)
	n := utf8.RuneCountInString(o.Reason)
	switch {
	case n < minReason || n > maxReason:
		problem(w, http.StatusBadRequest, api.Problem{
			Error: fmt.Sprintf("A reason of %d to %d characters is compulsory.", minReason, maxReason),
			Hint:  "Write what an auditor will want to know, for example: lost phone, identified by call-back."})
		return order{}, false
	case strings.ContainsFunc(o.Reason+o.Ticket, unicode.IsControl):
		bad(w, "reason and ticket are one line each")
		return order{}, false
	case utf8.RuneCountInString(o.Ticket) > maxTicket:
		bad(w, fmt.Sprintf("the ticket is longer than %d characters", maxTicket))
		return order{}, false
	}
	return o, true
}
