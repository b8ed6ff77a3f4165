package httpcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/plugins/factor"
)

// defaultRetry is told where nobody knows how long an outage will last.
const defaultRetry = 5 * time.Second

// fault is a request that is answered without asking the checker.
type fault struct {
	status   int
	reason   account.Reason
	sentence string
}

func (f fault) Error() string { return f.sentence }

func malformed(sentence string) fault {
	return fault{http.StatusBadRequest, account.Malformed, sentence}
}

type reply struct {
	Verdict    string         `json:"verdict"`
	Reason     account.Reason `json:"reason"`
	Text       account.Text   `json:"text"`
	User       *user          `json:"user,omitempty"`
	RetryAfter int            `json:"retry_after,omitempty"`
	EnrollURL  string         `json:"enroll_url,omitempty"`
	// Leave is why somebody without a second factor was let in; the other two say
	// how long that will be so.
	Leave        string `json:"leave,omitempty"`
	RequiredFrom string `json:"required_from,omitempty"`
	DaysLeft     int    `json:"days_left,omitempty"`
	Error        string `json:"error,omitempty"`
}

type user struct {
	ID          account.ID `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	Mail        string     `json:"mail"`
	Groups      []string   `json:"groups"`
}

type healthReply struct {
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

// settle turns an answer into a status, and an answer that contradicts itself
// into an outage: an accept of nobody must let nobody in.
func (h *handler) settle(a account.Answer) (int, account.Answer) {
	switch {
	case a.Verdict == factor.Accept && !a.Usable():
		h.Log.Error("an accept without a usable name was withheld")
		return http.StatusServiceUnavailable, account.Answer{Reason: account.DirectoryUnavailable}
	case a.Verdict == factor.Accept:
		return http.StatusOK, a
	case a.Reason == account.Throttled:
		return http.StatusTooManyRequests, a
	case a.Verdict != factor.Deny:
		return http.StatusServiceUnavailable, a
	case a.Reason == account.NotAllowed:
		return http.StatusForbidden, a
	case a.Reason == account.Malformed:
		return http.StatusBadRequest, a
	default:
		return http.StatusUnauthorized, a
	}
}

func (h *handler) answer(w http.ResponseWriter, a account.Answer) {
	status, a := h.settle(a)
	out := reply{Verdict: a.Verdict.String(), Reason: a.Reason, Text: h.Text(a.Reason)}
	switch status {
	case http.StatusOK:
		s := a.Subject
		if s.Groups == nil {
			s.Groups = []string{}
		}
		out.Leave, out.DaysLeft, out.EnrollURL = a.Leave, a.DaysLeft, h.enrollURL(a)
		if a.DaysLeft > 0 {
			out.RequiredFrom = a.Due.Format(time.DateOnly)
		}
		out.User = &user{ID: s.ID, Name: s.Name, DisplayName: s.DisplayName, Mail: s.Mail, Groups: s.Groups}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		out.RetryAfter = retrySeconds(a.RetryAfter)
		w.Header()["Retry-After"] = []string{strconv.Itoa(out.RetryAfter)}
	case http.StatusUnauthorized:
		out.EnrollURL = h.enrollURL(a)
	}
	send(w, status, out)
}

// enrollURL is the one-time link to the set-up; it exists only after a right
// password, where a second factor is owed or will be. It ends in a query, so that a web application can always append
// "&return=" and its own address; without a ticket it leads to the sign-in.
func (h *handler) enrollURL(a account.Answer) string {
	if a.Reason != account.EnrollRequired && (a.Leave == "" || a.Ticket == "") || h.PageURL == "" {
		return ""
	}
	return h.PageURL + "/enroll?ticket=" + url.QueryEscape(a.Ticket.Reveal())
}

// refuse answers a request of whose body, if it has one, something is left. That
// is not worth waiting for, so the connection ends.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.ContentLength != 0 {
		w.Header()["Connection"] = []string{"close"}
	}
	h.blame(w, err)
}

// bar tells a program that may not ask here, whatever it asked. The listener has
// told the log.
func (h *handler) bar(w http.ResponseWriter) {
	w.Header()["Connection"] = []string{"close"}
	send(w, http.StatusForbidden, reply{Verdict: factor.Deny.String(), Reason: account.NotAllowed,
		Text: h.Text(account.NotAllowed), Error: "this program may not ask on this socket"})
}

// blame answers a request that never reached the checker. Others that wait
// behind it on the connection are none the worse.
func (h *handler) blame(w http.ResponseWriter, err error) {
	f := malformed("the request cannot be read")
	if !errors.As(err, &f) {
		f.sentence = err.Error()
	}
	if f.reason == account.NotAllowed {
		h.Log.Warn("refused", "front_end", frontEnd, "reason", f.reason, "error", f.sentence)
	} else {
		h.Log.Debug("refused", "front_end", frontEnd, "reason", f.reason, "error", f.sentence)
	}
	send(w, f.status, reply{Verdict: factor.Deny.String(), Reason: f.reason, Text: h.Text(f.reason), Error: f.sentence})
}

// send writes one JSON object. The standard encoder also mends text from the
// directory that is not UTF-8, where a stricter one would give no answer.
func send(w http.ResponseWriter, status int, body any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		status = http.StatusServiceUnavailable
		buf.Reset()
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(buf.Len())}
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a peer that left needs no answer
}

// retrySeconds rounds up: coming back too early is another refusal.
func retrySeconds(d time.Duration) int {
	if d <= 0 {
		d = defaultRetry
	}
	return int((d + time.Second - 1) / time.Second)
}

func retryText(d time.Duration) string { return strconv.Itoa(retrySeconds(d)) }

func hasControl(s string) bool {
	return strings.ContainsFunc(s, isControl)
}

// isControl tells C0, DEL and C1.
func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
