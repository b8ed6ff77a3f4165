package strict

import (
	"testing"

	"github.com/BurntSushi/toml"
)

func TestLocate(t *testing.T) {
	const text = `# [a]
top = "x" # y = 1
text = """
[no]
no = 1 \""" "quoted" """
raw = '''
[no] '' '''
["a b"]
'c d' = 1
dotted . "key" = 2
[[list]]
k = [ "]", ']', # ]
  [1,
   2],
  [3] ]
after = 1
[list.sub]
deep = { x = "}", y = [1] }
[[list]]
k = [[1], [2]]
[[list.inner]]
z = 1
[last]
end = "\\"`
	var v map[string]any
	if _, err := toml.Decode(text, &v); err != nil {
		t.Fatal(err)
	}
	at := locate(text)
	for path, want := range map[string]int{
		"top": 2, "text": 3, "raw": 6, "a b": 8, "a b.c d": 9, "a b.dotted.key": 10,
		"list": 11, "list[0]": 11, "list[0].k": 12, "list[0].k[0]": 13, "list[0].k[1]": 15, "list[0].after": 16,
		"list[0].sub": 17, "list[0].sub.deep": 18, "list[0].sub.deep.x": 18,
		"list[1]": 19, "list[1].k": 20, "list[1].k[1]": 20, "list[1].inner[0].z": 22,
		"last.end": 24, "last.missing": 23, "missing": 1, "list[1].missing.more": 19,
	} {
		if got := at.of(path); got != want {
			t.Errorf("%s: line %d, want %d", path, got, want)
		}
	}
	for _, no := range []string{"no", "a", "y"} {
		if _, ok := at[no]; ok {
			t.Errorf("%s is no key", no)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"accept", "name", "bind_password_file", "single_factor", "timeout"}
	for word, want := range map[string]string{
		"acept": "accept", "nam": "name", "bind_password": "bind_password_file", "singel_factor": "single_factor",
		"timeuot": "timeout", "colour": "", "x": "", "": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
