package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/contrib/sallyport-check/ask"
)

const (
	program       = "sallyport-check"
	defaultSocket = "/run/sallyport/check.sock"
	// maxSocket is the longest path that the kernel takes.
	maxSocket  = 107
	maxService = 64

	strict = "strict"
	anyhow = "any"

	// goOn is no exit status: there is a question to ask.
	goOn = -1
)

// options is what the command line says.
type options struct {
	mode     string
	how      mode
	daemon   ask.Daemon
	service  string
	spelling string

	root string
	hook string
	set  []string
}

// parse reads the command line. It returns goOn, or the exit status where
// nothing is left to do.
func parse(p *process) (options, int) {
	name, args := modeOf(p.args)
	if status := p.manual(name, args); status != goOn {
		return options{}, status
	}
	o := options{mode: name}
	fs := o.flags()
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.out, helpText)
		return o, 0
	}
	if err == nil {
		err = o.settle(fs.Args())
	}
	if err != nil {
		p.say(o, err.Error()+" ("+program+" --help tells more)")
		return o, exitMisuse
	}
	return o, goOn
}

// modeOf finds the mode: the first argument or, for callers that can give none,
// the rest of the program's own name.
func modeOf(args []string) (string, []string) {
	if len(args) == 0 {
		return "", nil
	}
	if name, ok := strings.CutPrefix(filepath.Base(args[0]), program+"-"); ok {
		return name, args[1:]
	}
	if len(args) == 1 {
		return "", nil
	}
	return args[1], args[2:]
}

func (o *options) flags() *flag.FlagSet {
	fs := flag.NewFlagSet(program, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.daemon.Socket, "socket", defaultSocket, "")
	fs.StringVar(&o.service, "service", "dav", "")
	fs.StringVar(&o.spelling, "spelling", "", "")
	o.daemon.Owner = -1
	fs.Func("daemon-user", "", func(s string) (err error) {
		o.daemon.Owner, err = uidOf(s)
		return err
	})
	switch o.mode {
	case "sftpgo":
		fs.StringVar(&o.hook, "hook", checkPassword, "")
		fs.StringVar(&o.root, "root", "", "")
	case "rclone":
		fs.StringVar(&o.root, "root", "", "")
		fs.Func("set", "", func(s string) error {
			o.set = append(o.set, s)
			return nil
		})
	}
	return fs
}

// settle checks the options against each other and makes the mode.
func (o *options) settle(rest []string) (err error) {
	switch {
	case !filepath.IsAbs(o.daemon.Socket) || len(o.daemon.Socket) > maxSocket:
		return fmt.Errorf("--socket must be an absolute path of at most %d bytes", maxSocket)
	case o.service == "" || len(o.service) > maxService || strings.ContainsFunc(o.service, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("--service must be 1 to %d printable characters without blanks", maxService)
	case o.spelling != "" && o.spelling != strict && o.spelling != anyhow:
		return errors.New("--spelling must be any or strict")
	case len(rest) > 0 && o.mode != "checkpassword":
		return fmt.Errorf("%d arguments too many", len(rest))
	}
	o.daemon.Socket = filepath.Clean(o.daemon.Socket)
	switch o.mode {
	case "pipe":
		o.how = pipe{}
	case "pam":
		o.how = pam{}
	case "checkpassword":
		o.how = checkpassword{then: rest}
	case "rclone":
		o.how, err = newRclone(o.root, o.set)
	case "sftpgo":
		o.how, err = newSFTPGo(o.root, o.hook)
	default:
		err = errors.New("the mode must be one of pipe, checkpassword, rclone, sftpgo, pam")
	}
	return err
}

// uidOf reads a user's name or number.
func uidOf(s string) (int, error) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return int(n), nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return -1, fmt.Errorf("looking for the user: %w", err)
	}
	return strconv.Atoi(u.Uid)
}

// home is the folder of one login below root. A login that could lead anywhere
// else is refused, whatever the directory allows.
func home(root, login string) (string, error) {
	if login == "" || login[0] == '.' || strings.ContainsAny(login, "/\\\x00") {
		return "", refusal("the login cannot name a folder")
	}
	return strings.TrimSuffix(root, "/") + "/" + login, nil
}

func checkRoot(root string) error {
	if !filepath.IsAbs(root) || filepath.Clean(root) != root {
		return errors.New("--root must be an absolute path without .. and doubled slashes")
	}
	return nil
}
