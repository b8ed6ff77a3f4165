package rollout

import (
	"os"
	"slices"
	"strings"
)

// form is what a command is, whatever it is about: the program, its words and its
// flags. The config file goes without saying.
func form(program string, args []string) string {
	words, flags := []string{program}, []string{}
	for _, a := range args {
		switch {
		case strings.HasPrefix(a, "--config") || strings.HasPrefix(a, "--json"):
		case strings.HasPrefix(a, "--"):
			flags = append(flags, a)
		case len(flags) == 0 && len(words) < 2 || len(words) == 2 && words[1] == "audit":
			words = append(words, a)
		}
	}
	slices.Sort(flags)
	return strings.Join(append(words, flags...), " ")
}

// handbook holds contrib/docs/rollout.md to the story: it tells no command that was
// not run in it.
func (st *story) handbook() {
	text, err := os.ReadFile("../../../contrib/docs/rollout.md")
	st.must("reading the handbook", err)
	known := 0
	for i, part := range strings.Split(string(text), "```") {
		block, ok := strings.CutPrefix(part, "sh\n")
		if !ok || i%2 == 0 {
			continue
		}
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "sudo -u sallyport "), " > ")
			words := strings.Fields(line)
			if len(words) == 0 || !strings.HasPrefix(words[0], "sallyport") {
				continue // systemctl reload is a signal here
			}
			if known++; !st.ran[form(words[0], words[1:])] {
				st.t.Errorf("contrib/docs/rollout.md has a command that this story does not run: %s", line)
			}
		}
	}
	if known < 10 {
		st.t.Errorf("contrib/docs/rollout.md has %d commands", known)
	}
}
