package strict

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
)

// maxSize bounds a file, in bytes.
const maxSize = 1 << 20

// Read parses a text. Problems name it by file; relative paths in it start at
// dir. The table is the root; it is nil where the text is not TOML.
func Read(file, dir, text string) (*Document, *Table) {
	d := &Document{file: file, dir: dir}
	values := map[string]any{}
	if len(text) > maxSize {
		d.Add("the file", "is larger than 1 MiB", "give the path of the config file")
		return d, nil
	}
	if _, err := toml.Decode(text, &values); err != nil {
		d.problems = append(d.problems, d.syntax(err))
		return d, nil
	}
	d.at = locate(text)
	return d, &Table{Document: d, values: values}
}

// Guarded reads a file that only its owner can have written, the owner being
// root or whoever runs this. It reads through one descriptor, so that what was checked
// is what is read. What is wrong with the file as a whole is told at its first line.
func Guarded(path string) (string, error) {
	refuse := func(line int, reason, fix string) (string, error) {
		return "", Problems{{File: path, Line: line, Key: "the file", Reason: reason, Fix: fix}}
	}
	// Without waiting: a pipe would hold the caller for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return refuse(0, "cannot be opened: "+Plain(err), "give the right path with --config, or write the file: configs/sallyport.toml is a start")
	}
	defer f.Close() //nolint // nothing was written
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return refuse(0, "is not a regular file", "give the path of a file with --config")
	}
	if st.Mode().Perm()&0o022 != 0 {
		return refuse(1, fmt.Sprintf("mode %04o lets others write it", st.Mode().Perm()), "run: chmod go-w "+path)
	}
	if o, ok := st.Sys().(*syscall.Stat_t); ok && o.Uid != 0 && int(o.Uid) != os.Geteuid() {
		return refuse(1, fmt.Sprintf("is owned by uid %d", o.Uid), "run: chown root "+path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return refuse(1, "cannot be read: "+Plain(err), "look at the disk")
	}
	if len(text) > maxSize {
		return refuse(1, "is larger than 1 MiB", "give the path of the config file")
	}
	return string(text), nil
}

// Plain leaves the path out of an error, because the line names it already.
func Plain(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// syntax tells where the text stops being TOML. The library's message is
// shortened to what quotes no value.
func (d *Document) syntax(err error) Problem {
	p := Problem{File: d.file, Line: 1, Key: "the file", Reason: "is not TOML", Fix: "mend the syntax (https://toml.io): texts stand in quotes, each key once"}
	var bad toml.ParseError
	if errors.As(err, &bad) {
		p.Line = max(bad.Position.Line, 1)
		if bad.LastKey != "" {
			p.Key = bad.LastKey
		}
		if strings.Contains(bad.Message, "already been defined") || strings.Contains(bad.Message, "already exists") {
			p.Reason = "is written twice"
			p.Fix = "keep one of the two"
		}
	}
	return p
}
