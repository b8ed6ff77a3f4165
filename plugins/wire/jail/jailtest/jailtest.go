// Package jailtest makes processes that cannot enter a jail, for tests of what
// happens then. It holds no test itself, and only tests may import it.
package jailtest

import (
	"runtime"

	seccomp "github.com/elastic/go-seccomp-bpf"
)

// NoSeccomp makes this process as one on a kernel without the call.
func NoSeccomp() error { return filter("seccomp", seccomp.FilterFlagTSync) }

// OddThread gives one thread a filter of its own, for ever, so that no filter
// can reach all threads. The kernel reports that by a number, not by an error.
func OddThread() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- filter("acct", 0)
		select {}
	}()
	return <-done
}

func filter(call string, flag seccomp.FilterFlag) error {
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: flag, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Names: []string{call}, Action: seccomp.ActionErrno}},
	}})
}
