// Package servicemap says which service a peer asks for, where its protocol
// has a word of its own for that ("HTTP", "smtp", "imap").
//
// The word is the peer's to choose, so it can only choose among the services
// that the config allows on the socket. It is no policy: what a service wants
// is the engine's business. The front ends ask it; the main makes it.
package servicemap

import (
	"fmt"
	"slices"
	"strings"
)

// Map is what the config says of one socket. The zero value allows nothing.
type Map struct {
	fallback string
	words    map[string]string
}

// New makes a map from the protocol's words, in any case, to services. fallback
// is meant by every other word and may be empty; with one service and no words
// it is that service. All must be among allowed.
func New(allowed []string, fallback string, words map[string]string) (Map, error) {
	m := Map{fallback: fallback, words: map[string]string{}}
	if m.fallback == "" && len(words) == 0 && len(allowed) == 1 {
		m.fallback = allowed[0]
	}
	if m.fallback != "" && !slices.Contains(allowed, m.fallback) {
		return Map{}, fmt.Errorf("the default service %q may not be asked on this socket", m.fallback)
	}
	for word, service := range words {
		if !slices.Contains(allowed, service) {
			return Map{}, fmt.Errorf("the word %q means service %q, which may not be asked on this socket", word, service)
		}
		m.words[strings.ToLower(word)] = service
	}
	if m.fallback == "" && len(m.words) == 0 {
		return Map{}, fmt.Errorf("nothing says which of the services %s is asked for", strings.Join(allowed, ", "))
	}
	return m, nil
}

// Of returns the service that the word means; false if it means none.
func (m Map) Of(word string) (string, bool) {
	if service, ok := m.words[word]; ok {
		return service, true
	}
	if service, ok := m.words[strings.ToLower(word)]; ok {
		return service, true
	}
	return m.fallback, m.fallback != ""
}
