package endtoend

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	step = 30 // seconds
	// margin is how much of a step must be left for a code to arrive in time.
	margin = 8
)

// phones are the authenticator apps of a story: each key with the last step
// whose code was used. Codes of the step before and the step after count, too,
// so up to three can be had without waiting.
type phones struct {
	mu   sync.Mutex
	last map[string]int64
}

// code computes the next code that has not been used, with a program that is
// not ours. It waits where the clock has to move on first.
func (p *phones) code(key string) (string, error) {
	key = strings.ReplaceAll(key, " ", "")
	var at int64
	err := within(2*step*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.last == nil {
			p.last = map[string]int64{}
		}
		now := time.Now().Unix()
		first, last := now/step-1, now/step+1
		if now%step > step-margin {
			first++
		}
		at = max(first, p.last[key]+1)
		if at > last {
			return fmt.Errorf("the code of step %d is not good yet", at)
		}
		p.last[key] = at
		return nil
	})
	if err != nil {
		return "", err
	}
	return codeAt(key, at)
}

func codeAt(key string, at int64) (string, error) {
	codes, err := codesAt(key, at, 1)
	return strings.Join(codes, ""), err
}

// codesAt asks oathtool for the codes of some steps; the key travels over stdin, as
// it should.
func codesAt(key string, at int64, count int) ([]string, error) {
	cmd := exec.Command("oathtool", "--totp", "-b", "-N", fmt.Sprintf("@%d", at*step), "-w", fmt.Sprint(count-1), "-")
	cmd.Stdin = strings.NewReader(key + "\n")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("computing codes: %w", err)
	}
	codes := strings.Fields(string(out))
	if len(codes) != count {
		return nil, fmt.Errorf("oathtool computed %d codes, not %d", len(codes), count)
	}
	return codes, nil
}

// wrongCode is six digits that fit no step near now.
func wrongCode(key string) (string, error) {
	wrong, err := wrongCodes(key, 1)
	return strings.Join(wrong, ""), err
}

// wrongCodes are several of them.
func wrongCodes(key string, count int) (wrong []string, err error) {
	good, err := codesAt(strings.ReplaceAll(key, " ", ""), time.Now().Unix()/step-25, 51)
	for n := 0; err == nil && len(wrong) < count; n++ {
		if c := fmt.Sprintf("%06d", (n*7919+123456)%1000000); !slices.Contains(good, c) {
			wrong = append(wrong, c)
		}
	}
	return wrong, err
}
