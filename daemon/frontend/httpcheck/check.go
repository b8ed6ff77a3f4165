package httpcheck

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/listen/strictjson"
)

// question is the body of POST /v1/check.
type question struct {
	service  string
	name     string
	password account.Secret
	code     account.Secret
	client   account.Client
	// hasName and hasPassword tell an empty field from a missing one: the
	// first is somebody's answer to a prompt, the second a peer's mistake.
	hasName, hasPassword bool
}

func (h *handler) check(w http.ResponseWriter, r *http.Request) {
	if _, browser := r.Header["Origin"]; browser {
		h.refuse(w, r, fault{http.StatusForbidden, account.NotAllowed, "web pages may not ask here"})
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	// From here on nothing is left of the body, and the connection goes on.
	q, err := parseQuestion(body)
	clear(body) // it holds a password, and is not left for the next one to read
	if err != nil {
		h.blame(w, err)
		return
	}
	a, err := h.attempt(r, q.service)
	if err != nil {
		h.blame(w, err)
		return
	}
	a.Name, a.Password, a.Code, a.Client = q.name, q.password, q.code, q.client
	h.spell(&a)
	h.answer(w, h.Checker.Check(r.Context(), a))
}

// readBody returns the whole body, or an error and leaves the rest.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if !isJSON(r.Header["Content-Type"]) {
		return nil, malformed("the Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		clear(body) // as much as there is of a password
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, malformed(fmt.Sprintf("the body is longer than %d bytes", MaxBody))
		}
		return nil, malformed("the body ended too early or took too long")
	}
	return body, nil
}

func parseQuestion(body []byte) (question, error) {
	var q question
	if err := strictjson.Decode(body, q.set); err != nil {
		return question{}, malformed(err.Error())
	}
	switch {
	case !q.hasName || q.name == "":
		return question{}, malformed(`"username" is missing`)
	case !q.hasPassword:
		return question{}, malformed(`"password" is missing`)
	case hasControl(q.name):
		return question{}, malformed(`"username" holds a control character`)
	case hasControl(q.client.Agent):
		return question{}, malformed(`"client.agent" holds a control character`)
	}
	return q, nil
}

// set takes one key of the body.
func (q *question) set(key string, value any) (err error) {
	var s string
	switch key {
	case "service":
		q.service, err = strictjson.Text(key, value, maxService)
	case "username":
		q.hasName = true
		q.name, err = strictjson.Text(key, value, maxName)
	case "password":
		q.hasPassword = true
		s, err = strictjson.Text(key, value, maxPassword)
		q.password = account.Secret(s)
	case "code":
		s, err = strictjson.Text(key, value, maxCode)
		q.code = account.Secret(s)
	case "client":
		if _, ok := value.(strictjson.Object); !ok {
			return errors.New(`"client" must be an object`)
		}
	case "client.ip":
		if s, err = strictjson.Text(key, value, maxAddress); err == nil {
			q.client.Addr, err = parseAddr(s)
		}
	case "client.agent":
		q.client.Agent, err = strictjson.Text(key, value, maxAgent)
	default:
		return strictjson.Unknown(key)
	}
	return err
}

// maxAddress is the longest text of an IPv6 address.
const maxAddress = 45

// parseAddr reads exactly one IP address, without port, zone or blanks. Its
// IPv4 form is taken out of an IPv6 wrapping, so that both count as one.
func parseAddr(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, errors.New("the client's address is not one IP address")
	}
	return addr.Unmap(), nil
}

// isJSON wants exactly one Content-Type, application/json, and takes UTF-8 as
// its only charset.
func isJSON(values []string) bool {
	if len(values) != 1 {
		return false
	}
	if values[0] == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "application/json" {
		return false
	}
	cs, given := params["charset"]
	return !given || cs == "utf-8" || cs == "UTF-8"
}
