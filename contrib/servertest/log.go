package servertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// Try is what the daemon logged of one decision.
type Try struct {
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason"`
	Service  string `json:"service"`
	FrontEnd string `json:"front_end"`
	// Source is the client's address; empty where the daemon was told none.
	Source string `json:"source"`
	Agent  string `json:"agent"`
}

// Tries are the decisions that the daemon has made so far, oldest first. Lines
// that repeat are left out of a log.
func (s *Site) Tries() []Try {
	s.t.Helper()
	var out []Try
	for _, line := range strings.Split(s.Log(), "\n") {
		var t struct {
			Try
			Msg string `json:"msg"`
		}
		if json.Unmarshal([]byte(line), &t) == nil && t.Msg == "check" {
			out = append(out, t.Try)
		}
	}
	return out
}

// Log is everything that the daemon has logged. It writes its log beside the work,
// in order; so whoever has an answer also finds here what is said of it, as this
// puts a mark behind it and waits until that has arrived.
func (s *Site) Log() string {
	s.t.Helper()
	if s.daemon != nil {
		s.must("waiting for the log", s.mark())
	}
	return s.log.String()
}

// mark sends a question that cannot be read, which changes nothing, and is logged
// with its mistake.
func (s *Site) mark() error {
	key := fmt.Sprintf("mark-%06d", s.marks.Add(1))
	res, err := over(s.HTTP).Post("http://sallyport/v1/check", "application/json", strings.NewReader(`{"`+key+`": ""}`))
	if err != nil {
		return err
	}
	if _ = res.Body.Close(); res.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("a question that cannot be read is answered with %d", res.StatusCode)
	}
	return run.Within(run.Patience, func() error {
		if !strings.Contains(s.log.String(), key) {
			return errors.New("the daemon's log does not go on")
		}
		return nil
	})
}
