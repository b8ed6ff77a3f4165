package endtoend

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// given: given VARIABLE takes the one-time code out of what "code --json" printed, or
// the app password out of what "app-password --json" did.
func (st *story) given(args []string) (string, error) {
	if err := arity(args, 1, 1); err != nil {
		return "", err
	}
	var done struct {
		Code string
		App  string `json:"app_password"`
	}
	if err := json.Unmarshal([]byte(st.ts.ReadFile("stdout")), &done); err != nil {
		return "", fmt.Errorf("reading what was printed: %w", err)
	}
	if done.Code+done.App == "" {
		return "", fmt.Errorf("no code was given out")
	}
	st.ts.Setenv(args[0], done.Code+done.App)
	return "", nil
}

// earlyCode: earlycode VARIABLE KEY MINUTES is the code that a phone shows which is
// so fast.
func (st *story) earlyCode(args []string) (string, error) {
	if err := arity(args, 3, 3); err != nil {
		return "", err
	}
	minutes, err := strconv.Atoi(args[2])
	if err != nil {
		return "", fmt.Errorf("reading how fast the phone is: %w", err)
	}
	code, err := codeAt(strings.ReplaceAll(args[1], " ", ""), time.Now().Unix()/step+int64(minutes)*60/step)
	st.ts.Setenv(args[0], code)
	return "", err
}
