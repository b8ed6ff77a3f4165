package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/configs"
	"github.com/sallyport/sallyport/daemon/config"
	"github.com/sallyport/sallyport/daemon/sallyportd/machine"
)

// first is what init makes.
type first struct {
	kek, state, owner string
	config, dir       string
	url, base, bind   string
	password, sockets string // places in the config
}

func (f *first) run(cmd *cobra.Command) error {
	give, err := giver(f.owner)
	if err != nil {
		return err
	}
	if err := f.place(); err != nil {
		return err
	}
	if f.config != "" {
		if _, err := f.text(); err != nil { // before anything is made
			return err
		}
	}
	for _, step := range f.steps() {
		did, err := makeOnce(step.path, step.make, give, step.given)
		if err != nil {
			return fmt.Errorf("making the %s: %w", step.what, err)
		}
		cmd.Printf("%-8s %s: %s\n", did, step.what, step.path)
	}
	if f.config != "" {
		cmd.Print(f.next())
	}
	return nil
}

// place puts everything below --dir, if that is given.
func (f *first) place() error {
	f.password, f.sockets = filepath.Join(filepath.Dir(f.kek), "ldap-password"), "/run/sallyport"
	if f.dir == "" {
		if f.config == "" && f.url+f.base+f.bind != "" {
			return usageError{errors.New("--ldap-url, --base and --bind-dn are for the config: say where that shall be with --config FILE")}
		}
		return nil
	}
	dir, err := absolute(f.dir)
	if err != nil {
		return err
	}
	f.kek, f.state, f.sockets = filepath.Join(dir, "kek"), filepath.Join(dir, "state"), filepath.Join(dir, "run")
	f.password = filepath.Join(dir, "ldap-password")
	if f.config == "" {
		f.config = filepath.Join(dir, "sallyport.toml")
	}
	return nil
}

// thing is one thing that init makes.
type thing struct {
	what, path string
	make       func(string) error
	given      bool
}

func (f *first) steps() []thing {
	folder := func(p string) error { return os.MkdirAll(p, 0o755) }
	steps := []thing{
		{"state folder", f.state, machine.OwnFolder, true},
		{"folder of the master key", filepath.Dir(f.kek), folder, false},
		{"master key", f.kek, createKEK, true},
	}
	if f.dir != "" {
		steps = append(steps, thing{"folder of the sockets", f.sockets, folder, true})
	}
	if f.config != "" {
		steps = append(steps, thing{"first config", f.config, f.write, false})
	}
	return steps
}

// write makes the config, or leaves the one that is there as it is.
func (f *first) write(path string) error {
	text, err := f.text()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// text fills in what the flags say. What cannot be a config is a mistake in one
// of them.
func (f *first) text() (string, error) {
	fill := []string{
		`"/var/lib/sallyport"`, strconv.Quote(f.state), `"/etc/sallyport/kek"`, strconv.Quote(f.kek),
		`"/etc/sallyport/ldap-password"`, strconv.Quote(f.password), `"/run/sallyport/`, `"` + f.sockets + "/",
	}
	if f.url != "" {
		fill = append(fill, `"ldaps://ldap.example.org"`, strconv.Quote(f.url))
	}
	if f.base != "" {
		fill = append(fill, `"ou=people,dc=example,dc=org"`, strconv.Quote(f.base))
	}
	if f.bind != "" {
		fill = append(fill, "#bind_dn = \"cn=sallyport,ou=services,dc=example,dc=org\"", "bind_dn = "+strconv.Quote(f.bind),
			"#bind_password_file = \"/etc/sallyport/ldap-password\"", "bind_password_file = "+strconv.Quote(f.password))
	}
	text := strings.NewReplacer(fill...).Replace(configs.FirstTOML)
	if _, err := config.Parse(config.Source{File: f.config, Dir: "/", Bin: "/", Text: text}); err != nil {
		return "", usageError{fmt.Errorf("that would not be a usable config:\n%w", err)}
	}
	return text, nil
}

// next are the next three steps.
func (f *first) next() string {
	as := ""
	if f.owner != "" {
		as = "sudo -u " + f.owner + " "
	}
	password := ""
	if f.bind != "" {
		password = fmt.Sprintf("\n     and write the password of %s into %s (mode 0400)", f.bind, f.password)
	}
	return fmt.Sprintf(`
Next:
  1. fill in what is marked with (you) in %[1]s%[2]s
  2. %[3]ssallyportd check-config --config %[1]s
  3. %[3]ssallyportd serve --config %[1]s
`, f.config, password, as)
}
