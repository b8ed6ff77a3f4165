// Command sallyport is the tool of the support desk and of operators. It
// speaks only to the daemon's admin socket: it has no key, opens no database
// and knows no directory. Who is asking the kernel tells the daemon.
//
// It is not the daemon (daemon/sallyportd) and no part imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sallyport/sallyport/contrib/sallyport/ledger"
	"github.com/sallyport/sallyport/contrib/sallyport/screen"
)

// The exit statuses; contrib's man pages and scripts rely on them.
const (
	exitRefused   = 1
	exitUsage     = 2
	exitTemporary = 75
)

const (
	usualWidth   = 80
	systemSocket = "/run/sallyport/admin.sock"
	demoSocket   = "var/run/admin.sock"
	socketEnv    = "SALLYPORT_SOCKET"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// tool is what every command needs.
type tool struct {
	socket string
	json   bool
	in     *os.File
	out    io.Writer
	err    io.Writer
	now    func() time.Time
}

// ledger is for the commands that read about everybody.
func (t *tool) ledger() *ledger.Tool {
	return &ledger.Tool{Out: t.out, Err: t.err, JSON: &t.json, Open: t.open, Now: t.now,
		Fail: func(status int, sentence string) error { return &failure{code: status, sentence: sentence} }}
}

// screen fits what it prints to the terminal, where it prints to one.
func (t *tool) screen() *screen.Screen {
	s := &screen.Screen{Out: t.out, Now: t.now}
	if f, ok := t.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.Width = usualWidth
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			s.Width = width
		}
		s.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

func run(args []string, in *os.File, out, errOut io.Writer) int {
	t := &tool{in: in, out: out, err: errOut, now: time.Now}
	root := t.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: exitUsage, sentence: err.Error(), hint: "sallyport --help lists the commands."}
	}
	if f.sentence != "" {
		fmt.Fprintln(errOut, "sallyport:", screen.Clean(f.sentence))
	}
	if f.hint != "" {
		fmt.Fprintln(errOut, "hint:", screen.Clean(f.hint))
	}
	return f.code
}

func (t *tool) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "Look after people's second factors",
		Long: `Look after people's second factors: see how somebody stands, unlock, revoke,
reset, try a login, read the audit. Talks to the daemon's admin socket only.

The socket is the first of: --socket, the environment's ` + socketEnv + `,
` + systemSocket + `, and ` + demoSocket + ` below the current folder (the
demo), if that belongs to you or to root.

Exit status: 0 done, 1 refused or not found, 2 usage, 75 temporarily
unavailable.`,
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return &failure{code: exitUsage}
		},
	}
	root.PersistentFlags().StringVar(&t.socket, "socket", "", "the daemon's admin socket")
	root.PersistentFlags().BoolVar(&t.json, "json", false, "print the daemon's answer as JSON")
	root.AddCommand(t.statusCommand(), t.userCommand(), t.resetCommand(), t.codeCommand(), t.deskCommand(), t.unlockCommand(), t.revokeCommand(),
		t.sessionsCommand(), t.appPasswordCommand(), t.explainCommand(), t.checkCommand(), t.auditCommand(), t.ledger().Report(),
		t.exportCommand(), t.eraseCommand(), manCommand())
	return root
}

// socketPath applies the order that the help text tells.
func (t *tool) socketPath() string {
	if t.socket != "" {
		return t.socket
	}
	if env := os.Getenv(socketEnv); env != "" {
		return env
	}
	if _, err := os.Lstat(systemSocket); err == nil {
		return systemSocket
	}
	// Only a socket of one's own or of root: in a folder that others can write,
	// somebody could wait there for a password.
	if info, err := os.Lstat(demoSocket); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && (st.Uid == 0 || int(st.Uid) == os.Getuid()) {
			return demoSocket
		}
	}
	return systemSocket
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
