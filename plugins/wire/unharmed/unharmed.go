// Package unharmed brings a plugin's process through a panic of the plugin's
// author: one odd request must not stop the checks of everybody else again and
// again.
//
// It mends nothing and hides nothing. It belongs to package wire, which alone may
// call it.
package unharmed

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

var errPanic = errors.New("the plugin panicked")

// Return, deferred, turns a panic into an error. The value of the panic may hold
// what was typed, so only the stack is printed.
func Return(err *error) {
	if recover() != nil {
		fmt.Fprintf(os.Stderr, "[ERROR] %v\n%s", errPanic, debug.Stack())
		*err = errPanic
	}
}
