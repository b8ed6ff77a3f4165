package http1

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
)

// answer is a http.ResponseWriter that holds everything until it is whole.
type answer struct {
	request *http.Request
	header  http.Header
	status  int
	body    []byte
	bytes   bytes.Buffer
	closes  bool
}

// begin forgets the answer before.
func (a *answer) begin(r *http.Request) {
	a.request, a.header, a.status, a.body, a.closes = r, http.Header{}, 0, a.body[:0], r.Close
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter; the first counts.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.mayHaveBody() {
		return 0, http.ErrBodyNotAllowed
	}
	a.body = append(a.body, b...)
	return len(b), nil
}

func (a *answer) mayHaveBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// whole is the answer as it is sent. It is good until the next.
func (a *answer) whole(now time.Time) []byte {
	a.WriteHeader(http.StatusOK)
	a.closes = a.closes || httpguts.HeaderValuesContainsToken(a.header["Connection"], "close")
	out := &a.bytes
	out.Reset()
	out.WriteString("HTTP/1.")
	out.WriteByte('0' + byte(min(a.request.ProtoMinor, 1)))
	out.WriteByte(' ')
	out.Write(strconv.AppendInt(out.AvailableBuffer(), int64(a.status), 10))
	out.WriteByte(' ')
	out.WriteString(http.StatusText(a.status))
	out.WriteString("\r\n")
	// These three are the server's to say.
	delete(a.header, "Connection")
	delete(a.header, "Content-Length")
	delete(a.header, "Date")
	if a.mayHaveBody() {
		a.header["Content-Length"] = []string{strconv.Itoa(len(a.body))}
	}
	_ = a.header.Write(out) // into memory, in order; it lets no line end through
	out.WriteString("Date: ")
	out.Write(now.UTC().AppendFormat(out.AvailableBuffer(), http.TimeFormat))
	out.WriteString("\r\n")
	switch {
	case a.closes:
		out.WriteString("Connection: close\r\n")
	case a.request.ProtoMinor == 0:
		out.WriteString("Connection: keep-alive\r\n")
	}
	out.WriteString("\r\n")
	if a.request.Method != http.MethodHead {
		out.Write(a.body)
	}
	return out.Bytes()
}
