// Package strictjson reads the small JSON objects that peers send over a
// socket, and takes them in exactly one way.
//
// It is not a JSON library: it knows objects of strings and booleans, one
// level deep, and nothing else. The HTTP front ends may use it; it stands
// beside the sockets because front ends do not import each other.
//
// Decided against: Unmarshal of encoding/json, which folds the case of keys,
// lets the last of two equal keys win and repairs broken text, so that two
// readers of one request can see two different ones; and the experimental
// second version of that package, which does all this right but promises no
// stability yet.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Object stands for the value of a key that opens a nested object, whose own
// keys follow as "key.inner".
type Object struct{}

// Setter takes one key and its value: a string, a bool or an Object. The error
// it returns for a key or a type that it does not want ends the reading; see
// Unknown and Text.
type Setter func(key string, value any) error

// Decode calls set for every key of the one object in body, in order. Its
// errors are whole sentences for the developer of the peer, and never quote a
// value. It refuses what is not UTF-8, equal keys, broken surrogates, numbers,
// null, lists, deeper nesting and anything after the object.
func Decode(body []byte, set Setter) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not UTF-8")
	}
	// Valid first: the tokens below are then where they are looked for.
	if !json.Valid(body) {
		return errors.New("the body is not one JSON object")
	}
	t := &tokens{rest: body}
	if t.take() != '{' {
		return errors.New("the body is not a JSON object")
	}
	return t.object("", set)
}

// tokens takes valid JSON off from the front. The library's own tokens are 90
// allocations for a login.
type tokens struct{ rest []byte }

// peek is the first byte of the next token.
func (t *tokens) peek() byte {
	t.rest = bytes.TrimLeft(t.rest, " \t\r\n,:")
	return t.rest[0]
}

// take takes that byte off.
func (t *tokens) take() byte {
	first := t.peek()
	t.rest = t.rest[1:]
	return first
}

// text takes a string off.
func (t *tokens) text() (text string, err error) {
	end := 1
	for ; t.rest[end] != '"'; end++ {
		if t.rest[end] == '\\' {
			end++
		}
	}
	whole := t.rest[:end+1]
	t.rest = t.rest[end+1:]
	if bytes.IndexByte(whole, '\\') < 0 {
		return string(whole[1:end]), nil
	}
	err = json.Unmarshal(whole, &text)
	return text, err
}

func (t *tokens) object(prefix string, set Setter) error {
	var seen []string
	for t.peek() != '}' {
		name, err := t.text()
		if err != nil {
			return errors.New("the body is not a JSON object")
		}
		key := prefix + name
		if strings.Contains(name, ".") {
			return Unknown(key) // it would pass for a nested one
		}
		if slices.Contains(seen, name) {
			return fmt.Errorf("key %s stands there twice", quote(key))
		}
		seen = append(seen, name)
		if err := t.value(key, prefix == "", set); err != nil {
			return err
		}
	}
	t.take()
	return nil
}

func (t *tokens) value(key string, mayNest bool, set Setter) error {
	switch first := t.peek(); {
	case first == '"':
		text, err := t.text()
		// The library puts U+FFFD where an escape was half a character. Nobody
		// types that character, so refusing it loses nothing.
		if err != nil || strings.ContainsRune(text, utf8.RuneError) {
			return fmt.Errorf("the text of %s holds a broken character", quote(key))
		}
		return set(key, text)
	case first == 't':
		t.rest = t.rest[len("true"):]
		return set(key, true)
	case first == 'f':
		t.rest = t.rest[len("false"):]
		return set(key, false)
	case first == '{' && mayNest:
		t.take()
		if err := set(key, Object{}); err != nil {
			return err
		}
		return t.object(key+".", set)
	}
	if err := set(key, nil); err != nil {
		return err
	}
	return fmt.Errorf("%s has the wrong type", quote(key))
}

// Unknown is the error for a key that nobody knows.
func Unknown(key string) error {
	return fmt.Errorf("unknown key %s (capitals matter)", quote(key))
}

// Text returns a value that must be a string of at most limit bytes.
func Text(key string, value any, limit int) (string, error) {
	s, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%s must be a string", quote(key))
	}
	if len(s) > limit {
		return "", fmt.Errorf("%s is longer than %d bytes", quote(key), limit)
	}
	return s, nil
}

// quote shows a key in an error; a long one is cut, because the peer wrote it.
func quote(key string) string {
	const most = 40
	if len(key) > most {
		key = strings.ToValidUTF8(key[:most], "") + "..."
	}
	return fmt.Sprintf("%q", key)
}
