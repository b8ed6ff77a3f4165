package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func keyFile(t *testing.T, content []byte, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadKEKReadsBothForms(t *testing.T) {
	want := testKEK(7)
	text := hex.EncodeToString(want)
	for name, content := range map[string][]byte{
		"raw": want, "hex": []byte(text), "capitals": []byte(strings.ToUpper(text)),
		"hex and line end": []byte(text + "\n"), "hex and CRLF": []byte(text + "\r\n"),
	} {
		if got, err := LoadKEK(keyFile(t, content, 0o400)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadKEKRefusesWhatIsNoKey(t *testing.T) {
	text := hex.EncodeToString(testKEK(7))
	for name, content := range map[string][]byte{
		"empty": nil, "short": testKEK(1)[:31], "raw and line end": append(testKEK(1), '\n'),
		"33 bytes": append(testKEK(1), 1), "63 digits": []byte(text[1:]), "65 digits": []byte(text + "0"),
		"two line ends": []byte(text + "\n\n"), "blank before": []byte(" " + text[1:]),
		"no hex": []byte("x" + text[1:]), "zeros": make([]byte, 32), "ones": bytes.Repeat([]byte{255}, 32),
		"hex zeros": []byte(strings.Repeat("0", 64)), "huge": bytes.Repeat([]byte{1, 2}, 1<<16),
	} {
		kek, err := LoadKEK(keyFile(t, content, 0o400))
		if err == nil || kek != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if len(content) > 8 && (strings.Contains(err.Error(), string(content[4:8])) || strings.Contains(err.Error(), text[4:10])) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestLoadKEKRefusesEveryLooseMode(t *testing.T) {
	for mode := fs.FileMode(0); mode <= 0o777; mode++ {
		path := keyFile(t, testKEK(1), mode)
		_, err := LoadKEK(path)
		if mode == 0o400 {
			if err != nil {
				t.Errorf("mode 0400: %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("mode %04o: taken", mode)
		} else if os.Geteuid() == 0 && !strings.Contains(err.Error(), "run: chmod 400 "+path) {
			t.Errorf("mode %04o: %q does not name the mending command", mode, err)
		}
	}
}

func TestLoadKEKTakesCredentialsWithTheirMode(t *testing.T) {
	path := keyFile(t, testKEK(1), 0o440)
	if _, err := LoadKEK(path); err == nil {
		t.Fatal("mode 0440 taken outside of credentials")
	}
	for dir, want := range map[string]bool{
		filepath.Dir(path): true, filepath.Dir(path) + "/": true, filepath.Dir(filepath.Dir(path)): true,
		filepath.Dir(path) + "/other": false, "": false, ".": false, path: false,
		filepath.Dir(path)[:len(filepath.Dir(path))-1]: false,
	} {
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		if _, err := LoadKEK(path); (err == nil) != want {
			t.Errorf("credentials in %q: %v", dir, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	if _, err := LoadKEK(filepath.Dir(path) + "/../" + filepath.Base(filepath.Dir(path)) + "/kek"); err != nil {
		t.Errorf("the same file by another way: %v", err)
	}
	for _, mode := range []fs.FileMode{0o444, 0o460, 0o640, 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKEK(path); err == nil {
			t.Errorf("a credential of mode %04o taken", mode)
		}
	}
}

func TestLoadKEKRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path := keyFile(t, testKEK(1), 0o400)
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(path, link), syscall.Mkfifo(pipe, 0o400)); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		link: "symbolic link", pipe: "not a regular file", dir: "not a regular file",
		filepath.Join(dir, "none"): "sallyportd init",
	} {
		if _, err := LoadKEK(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := LoadKEK(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing key: %v", err)
	}
}

func TestJudgeRefusesOtherOwners(t *testing.T) {
	path := keyFile(t, testKEK(1), 0o400)
	for _, c := range []struct {
		uid  uint32
		want bool
	}{{0, true}, {uint32(os.Geteuid()), true}, {12345, false}} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		err = judge(path, owned{info, &syscall.Stat_t{Uid: c.uid}})
		if (err == nil) != c.want {
			t.Errorf("uid %d: %v", c.uid, err)
		}
		if err != nil && !strings.Contains(err.Error(), "run: chown") {
			t.Errorf("uid %d: %q does not name the mending command", c.uid, err)
		}
	}
	if err := judge(path, owned{FileInfo: mustStat(t, path)}); err == nil {
		t.Error("a file whose owner cannot be told was taken")
	}
}

// owned is a file's info with another owner.
type owned struct {
	fs.FileInfo
	stat *syscall.Stat_t
}

func (o owned) Sys() any {
	if o.stat == nil {
		return nil
	}
	return o.stat
}

func mustStat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestCreateKEK(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	if err := errors.Join(CreateKEK(one), CreateKEK(two)); err != nil {
		t.Fatal(err)
	}
	if mode := mustStat(t, one).Mode(); mode != 0o400 {
		t.Errorf("mode %v", mode)
	}
	a, err := LoadKEK(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadKEK(two)
	if err != nil || bytes.Equal(a, b) {
		t.Errorf("the second key: equal %v, %v", bytes.Equal(a, b), err)
	}
	if err := CreateKEK(one); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	if again, err := LoadKEK(one); err != nil || !bytes.Equal(a, again) {
		t.Errorf("the key was replaced: %v", err)
	}
	if err := CreateKEK(filepath.Join(dir, "no", "where")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("made in no folder: %v", err)
	}
}

func TestCreateKEKFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "kek")); err != nil {
		t.Fatal(err)
	}
	if err := CreateKEK(filepath.Join(dir, "kek")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("wrote through a link: %v", err)
	}
}

func FuzzParseKEK(f *testing.F) {
	f.Add(testKEK(1))
	f.Add([]byte(hex.EncodeToString(testKEK(1)) + "\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		kek, err := parseKEK(b)
		if (err == nil) != (len(kek) == KEKSize) {
			t.Errorf("%d bytes and %v", len(kek), err)
		}
	})
}
