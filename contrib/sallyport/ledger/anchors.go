package ledger

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// mostAnchors is how many are handed over; of more, the newest.
const mostAnchors = 15_000

// Anchors are the words in a log by which the audit can be checked against what it
// was before; a dash is the input. The same end of the audit is noted again and
// again, so that of each only the last note is taken.
func Anchors(path string, input io.Reader) (words string, err error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer file.Close() //nolint // it was read
		input = file
	}
	word := regexp.MustCompile(`sallyport-anchor:([0-9]+):([0-9]+):([0-9a-f]+):[0-9a-f]+`)
	type note struct {
		line int
		word string
	}
	last, lines := map[string]note{}, bufio.NewReaderSize(input, 64<<10)
	for n := 0; err == nil; n++ {
		var line string
		line, err = lines.ReadString('\n')
		for _, found := range word.FindAllStringSubmatch(line, -1) {
			last[found[1]+":"+found[3]] = note{n, found[0]}
		}
	}
	if err != io.EOF {
		return "", err
	}
	all := make([]note, 0, len(last))
	for _, n := range last {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b note) int { return cmp.Compare(a.line, b.line) })
	var out []string
	for _, n := range all[max(0, len(all)-mostAnchors):] {
		out = append(out, n.word)
	}
	return strings.Join(out, " "), nil
}
