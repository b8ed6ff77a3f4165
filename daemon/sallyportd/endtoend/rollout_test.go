package endtoend

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// joinGroup: join GROUP NAME ... makes a group of these people.
func (st *story) joinGroup(args []string) (string, error) {
	if err := arity(args, 2, -1); err != nil {
		return "", err
	}
	var members []string
	for _, name := range args[1:] {
		members = append(members, directorytest.PersonDN(name))
	}
	st.people.AddGroup(args[0], members...)
	return "", nil
}

// rollout: rollout DAYS writes a policy: the crew owes a second factor in so many
// days, guests are exempt, robots are machines, all others owe at once. Until then
// dav takes normal passwords.
func (st *story) rollout(args []string) (string, error) {
	if err := arity(args, 1, 1); err != nil {
		return "", err
	}
	days, err := strconv.Atoi(args[0])
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(st.path("sallyport.toml"))
	if err != nil {
		return "", err
	}
	day := fmt.Sprintf("required_from = %q", time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly))
	text := string(b)
	if strings.Contains(text, "[policy]") {
		text = regexp.MustCompile(`required_from = "[^"]*"`).ReplaceAllString(text, day)
	} else {
		text = strings.Replace(text, `accept = [["app-password"]]`, "accept = [[\"app-password\"]]\nbefore_enrollment = [[\"directory\"]]", 1)
		text += "\n[policy]\n[[policy.group]]\ngroups = [\"crew\"]\n" + day +
			"\n[[policy.group]]\ngroups = [\"guests\"]\nexempt = \"they only read\"\n[[policy.group]]\ngroups = [\"robots\"]\nmachine = \"no hands\"\n"
	}
	return "", os.WriteFile(st.path("sallyport.toml"), []byte(text), 0o600)
}
