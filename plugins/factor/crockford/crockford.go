// Package crockford writes random codes that people can read out, type on a
// phone and get slightly wrong: Crockford's base32 alphabet in lower case,
// with one check character at the end.
//
// The check character is not the one of Crockford's proposal (a remainder
// modulo 37, which needs five extra symbols): it is a sum over the field
// GF(32), in which each position weighs another power of a primitive element.
// So it stays inside the alphabet, and finds every single wrong character and
// every swap of any two characters, near or far, in codes of up to MaxLength
// characters; of other mistakes it misses 1 in 32. It is no defence against
// anybody: who knows one valid code can write others.
//
// It is no general base32 codec. Factors that issue codes use it, and whoever
// shows or reads such codes may.
package crockford

import (
	"fmt"
	"strings"
)

const (
	// Alphabet holds the 32 characters in the order of their values.
	Alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	// MaxLength is the longest code, check character included: GF(32) has 31
	// different weights.
	MaxLength = 31

	// maxTyped bounds the work on an input: the longest code with a few
	// blanks or dashes after each character.
	maxTyped = 4 * MaxLength
	// bitsPerChar is how much randomness one character carries.
	bitsPerChar = 5
)

// Encode makes a code of n characters (1 to MaxLength-1) from the first 5n
// bits of entropy, and appends the check character. It fails if entropy has
// fewer bits, or n is out of range.
func Encode(entropy []byte, n int) (string, error) {
	if n < 1 || n >= MaxLength {
		return "", fmt.Errorf("making a code of %d characters: 1 to %d are possible", n, MaxLength-1)
	}
	if len(entropy)*8 < n*bitsPerChar {
		return "", fmt.Errorf("making a code of %d characters: %d bytes of entropy are too few", n, len(entropy))
	}
	code := make([]byte, 0, n+1)
	var buffer uint
	bits := 0
	for len(code) < n {
		if bits < bitsPerChar {
			buffer = (buffer<<8 | uint(entropy[0])) & 0xffff
			entropy = entropy[1:]
			bits += 8
		}
		bits -= bitsPerChar
		code = append(code, Alphabet[buffer>>bits&31])
	}
	return string(append(code, Alphabet[check(string(code))])), nil
}

// Fold brings what was typed to the one spelling of a code: blanks, tabs and
// dashes go, capitals become small, o becomes 0, i and l become 1. It answers
// false if anything else remains that is not in the alphabet, and for inputs
// that are longer than any code can be. An empty code folds to itself.
func Fold(typed string) (string, bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	var buffer [MaxLength]byte
	n := 0
	for i := range len(typed) {
		c := typed[i]
		if c == ' ' || c == '\t' || c == '-' {
			continue
		}
		v := value(c)
		if v < 0 || n == MaxLength {
			return "", false
		}
		buffer[n] = Alphabet[v]
		n++
	}
	return string(buffer[:n]), true
}

// Valid says whether the last character of a folded code is the check
// character of those before it. The caller checks the length: a code with
// zeros before it keeps its check character.
func Valid(code string) bool {
	if len(code) < 2 || len(code) > MaxLength {
		return false
	}
	for i := range len(code) {
		if v := value(code[i]); v < 0 || Alphabet[v] != code[i] {
			return false
		}
	}
	last := len(code) - 1
	return check(code[:last]) == value(code[last])
}

// Group writes a code in groups of size characters with dashes between, as it
// is shown to people. The last group may be shorter; a size below 1 leaves the
// code as it is.
func Group(code string, size int) string {
	if size < 1 {
		return code
	}
	var b strings.Builder
	for i := range len(code) {
		if i > 0 && i%size == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(code[i])
	}
	return b.String()
}

// check is the value that makes the weighted sum of all values zero. Horner's
// rule gives the character that is k places before the check character the
// weight x^k, and the check character itself the weight 1.
func check(code string) int {
	sum := 0
	for i := range len(code) {
		sum = timesX(sum ^ value(code[i]))
	}
	return sum
}

// timesX multiplies by x in GF(32) = GF(2)[x]/(x^5+x^2+1). The order of the
// multiplicative group, 31, is prime, so x is primitive.
func timesX(v int) int {
	v <<= 1
	if v&32 != 0 {
		v ^= 0b100101
	}
	return v
}

// value is the value of a typed character, or -1. It knows the places of the
// alphabet by heart: each check looks up three times as many as a code has.
func value(c byte) int {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'h':
		return int(c-'a') + 10
	case c == 'j' || c == 'k':
		return int(c-'j') + 18
	case c == 'm' || c == 'n':
		return int(c-'m') + 20
	case 'p' <= c && c <= 't':
		return int(c-'p') + 22
	case 'v' <= c && c <= 'z':
		return int(c-'v') + 27
	case c == 'o':
		return 0
	case c == 'i' || c == 'l':
		return 1
	}
	return -1
}
