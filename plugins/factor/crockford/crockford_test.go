package crockford

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// code makes a code of n+1 characters from a seed.
func code(t testing.TB, seed uint64, n int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	entropy := make([]byte, 32)
	for i := range entropy {
		entropy[i] = byte(r.Uint32())
	}
	c, err := Encode(entropy, n)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEncodeVectors(t *testing.T) {
	for _, v := range []struct {
		entropy []byte
		n       int
		want    string
	}{
		{make([]byte, 15), 23, strings.Repeat("0", 24)},
		{[]byte{0x08}, 1, "12"},                                // 1*x = 2
		{[]byte{0x80}, 1, "g5"},                                // x^4*x = x^5 = x^2+1
		{[]byte{0x00, 0x44, 0x32, 0x14, 0xc7}, 8, "01234567y"}, // from a sum of powers, written apart
		{bytes.Repeat([]byte{0xff}, 9), 14, "zzzzzzzzzzzzzz7"},
	} {
		got, err := Encode(v.entropy, v.n)
		if err != nil || got != v.want {
			t.Errorf("Encode(%x, %d) = %q, %v; want %q", v.entropy, v.n, got, err, v.want)
		}
		if !Valid(got) {
			t.Errorf("%q is not valid", got)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, v := range []struct{ bytes, n int }{
		{64, 0}, {64, -1}, {64, MaxLength}, {0, 1}, {14, 23}, {8, 14}, {0, 0},
	} {
		if got, err := Encode(make([]byte, v.bytes), v.n); err == nil || got != "" {
			t.Errorf("%d bytes, %d characters: got %q, %v; want an error", v.bytes, v.n, got, err)
		}
	}
}

// Every random bit reaches the code, and each character is as likely as the
// others.
func TestEncodeUsesEveryBit(t *testing.T) {
	base := sha256.Sum256([]byte("base"))
	seen := map[string]bool{}
	for bit := range 23 * bitsPerChar {
		e := base
		e[bit/8] ^= 0x80 >> (bit % 8)
		c, err := Encode(e[:], 23)
		if err != nil {
			t.Fatal(err)
		}
		seen[c] = true
	}
	if len(seen) != 23*bitsPerChar {
		t.Errorf("%d different codes from %d flipped bits", len(seen), 23*bitsPerChar)
	}
	var count [32]int
	for v := range 32 {
		c, err := Encode([]byte{byte(v << 3)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		count[strings.IndexByte(Alphabet, c[0])]++
	}
	for v, n := range count {
		if n != 1 {
			t.Errorf("character %q came %d times, want once", Alphabet[v], n)
		}
	}
}

// The promise of the check character, tried to the end: the code is linear, so
// it is enough to try every error pattern on any one code; a few hundred codes
// are tried all the same.
func TestCheckCharacterFindsTypos(t *testing.T) {
	for _, length := range []int{2, 9, 15, 24, MaxLength} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			for seed := range uint64(300) {
				c := []byte(code(t, seed, length-1))
				if !Valid(string(c)) {
					t.Fatalf("%s: not valid", c)
				}
				singles(t, c)
				swaps(t, c)
			}
		})
	}
}

func singles(t *testing.T, c []byte) {
	t.Helper()
	for i, right := range c {
		for _, wrong := range []byte(Alphabet) {
			c[i] = wrong
			if Valid(string(c)) != (wrong == right) {
				t.Fatalf("place %d, %q for %q in %s: not found", i, wrong, right, c)
			}
		}
		c[i] = right
	}
}

func swaps(t *testing.T, c []byte) {
	t.Helper()
	for i := range c {
		for j := range i {
			c[i], c[j] = c[j], c[i]
			if Valid(string(c)) != (c[i] == c[j]) {
				t.Fatalf("places %d and %d swapped in %s: not found", j, i, c)
			}
			c[i], c[j] = c[j], c[i]
		}
	}
}

// Of all others, the check character lets 1 in 32 through: exactly, for a
// given beginning.
func TestOneCheckCharacterFits(t *testing.T) {
	c := code(t, 7, 23)
	fits := 0
	for _, last := range Alphabet {
		if Valid(c[:23] + string(last)) {
			fits++
		}
	}
	if fits != 1 {
		t.Errorf("%d check characters fit, want 1", fits)
	}
}

func TestFold(t *testing.T) {
	for _, v := range []struct {
		typed, want string
		ok          bool
	}{
		{"", "", true},
		{" -\t", "", true},
		{"abcd-efgh", "abcdefgh", true},
		{"ABCD EFGH", "abcdefgh", true},
		{"oOiIlL01", "00111101", true},
		{"  a b--c\t", "abc", true},
		{Alphabet[:31], Alphabet[:31], true},
		{Alphabet, "", false},
		{"abcu", "", false},
		{"abc.", "", false},
		{"abc\n", "", false},
		{"abc\u00a0", "", false},
		{"abc\x00", "", false},
		{"\uff41bc", "", false},
		{"abc\xff", "", false},
		{strings.Repeat(" ", maxTyped), "", true},
		{strings.Repeat(" ", maxTyped+1), "", false},
		{strings.Repeat("a", 1<<20), "", false},
	} {
		if got, ok := Fold(v.typed); got != v.want || ok != v.ok {
			t.Errorf("Fold(%.40q) = %q, %v; want %q, %v", v.typed, got, ok, v.want, v.ok)
		}
	}
}

func TestValidRefuses(t *testing.T) {
	for _, c := range []string{"", "0", "u0", "0U", "O0", "00 ", "-00", strings.Repeat("0", MaxLength+1)} {
		if Valid(c) {
			t.Errorf("Valid(%q): want no", c)
		}
	}
}

func TestGroup(t *testing.T) {
	for _, v := range []struct {
		code string
		size int
		want string
	}{
		{"abcdefgh", 4, "abcd-efgh"},
		{"abcdefghj", 4, "abcd-efgh-j"},
		{"abc", 5, "abc"},
		{"abc", 1, "a-b-c"},
		{"", 4, ""},
		{"abc", 0, "abc"},
		{"abc", -1, "abc"},
	} {
		if got := Group(v.code, v.size); got != v.want {
			t.Errorf("Group(%q, %d) = %q, want %q", v.code, v.size, got, v.want)
		}
	}
}

// What people do to a code on its way from screen to phone does it no harm.
func TestShownCodeFoldsBack(t *testing.T) {
	for seed := range uint64(500) {
		for _, n := range []int{14, 23} {
			c := code(t, seed, n)
			shown := Group(c, 4)
			alike := strings.NewReplacer("0", "O", "1", "l", "-", " ").Replace(shown)
			for _, typed := range []string{shown, strings.ToUpper(shown), alike, strings.ReplaceAll(shown, "1", "I")} {
				if got, ok := Fold(typed); !ok || got != c || !Valid(got) {
					t.Fatalf("%q came back as %q, %v; want %q", typed, got, ok, c)
				}
			}
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"", "abcd-efgh", "ABCD EFGH", "oil", "u", "\x00", "\xff\xfe", strings.Repeat("z", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		folded, ok := Fold(typed)
		if !ok {
			if folded != "" {
				t.Fatalf("refused, but returned %q", folded)
			}
			return
		}
		if len(folded) > MaxLength || strings.Trim(folded, Alphabet) != "" {
			t.Fatalf("%q is no folded code", folded)
		}
		if again, ok := Fold(folded); !ok || again != folded {
			t.Fatalf("folding %q again gave %q, %v", folded, again, ok)
		}
		if grouped, ok := Fold(Group(folded, 5)); len(folded) > 0 && (!ok || grouped != folded) {
			t.Fatalf("grouping %q gave %q, %v", folded, grouped, ok)
		}
	})
}

func FuzzValid(f *testing.F) {
	for _, s := range []string{"", "00", "12", "g5", "u0", "\x00\x00", strings.Repeat("0", 24)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, c string) {
		if !Valid(c) {
			return
		}
		folded, ok := Fold(c)
		if !ok || folded != c {
			t.Fatalf("%q is valid, but folds to %q, %v", c, folded, ok)
		}
		b := []byte(c)
		b[0] = Alphabet[(value(b[0])+1)%32]
		if Valid(string(b)) {
			t.Fatalf("%q and %q are both valid", c, b)
		}
	})
}

// What value knows by heart is what the alphabet says.
func TestValueIsThePlaceInTheAlphabet(t *testing.T) {
	alike := strings.NewReplacer("o", "0", "i", "1", "l", "1")
	for c := range 256 {
		folded := alike.Replace(strings.ToLower(string(rune(c))))
		want := -1
		if c < 128 {
			want = strings.Index(Alphabet, folded)
		}
		if got := value(byte(c)); got != want {
			t.Errorf("%#x: %d, want %d", c, got, want)
		}
	}
}
