package pam

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/contrib/servertest"
	"github.com/sallyport/sallyport/contrib/servertest/run"
)

// A one-password program with the service file of this folder: Cyrus's
// saslauthd, which checks passwords for others by PAM.
func TestSaslauthd(t *testing.T) {
	run.NeedRoot(t)
	saslauthd, client := run.Need(t, "saslauthd", "sasl2-bin"), run.Need(t, "testsaslauthd", "sasl2-bin")
	site := servertest.Start(t, servertest.Options{HTTP: `spelling = "strict"`})
	module := filepath.Join(build(t, ""), "build", "pam_sallyport.so")
	service := serviceOfOurs(t, run.Config(t, "examples/calendar", "pam_sallyport.so", module+" socket="+site.HTTP, "uid=sallyport", "uid=root"))
	dir := folder(t)
	run.Background(t, run.Command{Path: saslauthd, Args: []string{"-d", "-n", "1", "-a", "pam", "-m", dir}})
	if err := run.Listening(filepath.Join(dir, "mux")); err != nil {
		t.Fatal(err)
	}
	ask := func(l servertest.Login) (string, error) {
		out, err := run.Run(run.Command{Path: client, Args: []string{"-f", filepath.Join(dir, "mux"), "-s", service, "-u", l.Name, "-p", l.Password}})
		said, _, _ := strings.Cut(strings.TrimPrefix(out, "0: "), " ")
		if said == "OK" || said == "NO" {
			return said, nil
		}
		return "", err
	}
	servertest.Prove(t, site, servertest.Proof{
		Server: "programs with PAM", Mechanism: "pam_sallyport, http socket", Client: "saslauthd 2.1.28",
		Sync: func(l servertest.Login) error {
			_, err := run.Run(run.Command{Path: client, Args: []string{"-f", filepath.Join(dir, "mux"), "-s", service, "-u", l.Name, "-p", l.Password}})
			return err
		},
		Ask: ask, OK: "OK", Refused: "NO", Outage: "NO",
		Note: "saslauthd tells an outage as a refusal; the address is told by programs that set PAM_RHOST, as sshd does",
	})
}
