package admin_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary can be started as another user, to send one request.
const (
	childPath = "SALLYPORT_TEST_SOCKET"
	childSays = "SALLYPORT_TEST_REQUEST"
)

func TestMain(m *testing.M) {
	path := os.Getenv(childPath)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		os.Exit(1)
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(c, os.Getenv(childSays)+" HTTP/1.0\r\nHost: sallyport\r\n\r\n")
	io.Copy(os.Stdout, c)
	os.Exit(0)
}

func TestRoles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can ask as somebody else")
		return
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := serve(t, &desk{})
	exe := filepath.Join(filepath.Dir(path), "client")
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	people := map[string]syscall.Credential{
		"root":     {Uid: 0},
		"operator": {Uid: 4242, Gid: 4242},
		"desk":     {Uid: 4444, Gid: 4444, Groups: []uint32{4343}},
		"stranger": {Uid: 4555, Gid: 4555},
	}
	for request, allowed := range map[string]string{
		"GET /v1/status":                          "root operator desk",
		"GET /v1/users/alice":                     "root operator desk",
		"GET /v1/users/alice/explain?service=web": "root operator desk",
		"GET /v1/audit":                           "root operator",
		"GET /v1/audit/verify":                    "root operator",
	} {
		for who, cred := range people {
			cmd := exec.Command(exe)
			cmd.Dir = "/"
			cmd.Env = []string{childPath + "=" + path, childSays + "=" + request, "GORACE=atexit_sleep_ms=0"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &cred}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			want := "HTTP/1.0 403"
			if strings.Contains(allowed, who) {
				want = "HTTP/1.0 200"
			}
			if !strings.HasPrefix(string(out), want) {
				t.Errorf("%s as %s: %.120q, want %s", request, who, out, want)
			}
		}
	}
}

// The written description and the code name the same places.
func TestTheDescriptionNamesEveryRoute(t *testing.T) {
	code, err := os.ReadFile("admin.go")
	if err != nil {
		t.Fatal(err)
	}
	yaml, err := os.ReadFile("../../../contrib/openapi/admin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	inCode := map[string]bool{}
	for _, m := range regexp.MustCompile(`\{"(GET|POST) (/v1/\S+)", `).FindAllStringSubmatch(string(code), -1) {
		inCode[m[1]+" "+m[2]] = true
	}
	inYAML := map[string]bool{}
	place := ""
	for _, line := range strings.Split(string(yaml), "\n") {
		if m := regexp.MustCompile(`^  (/v1/\S+):$`).FindStringSubmatch(line); m != nil {
			place = m[1]
		}
		if m := regexp.MustCompile(`^    (get|post):$`).FindStringSubmatch(line); m != nil {
			inYAML[strings.ToUpper(m[1])+" "+place] = true
		}
	}
	if len(inCode) < 10 {
		t.Fatalf("only %d routes found in the code", len(inCode))
	}
	for r := range inCode {
		if !inYAML[r] {
			t.Errorf("%s is not described", r)
		}
	}
	for r := range inYAML {
		if !inCode[r] {
			t.Errorf("%s is described, but is not there", r)
		}
	}
}
