package dovecotauth_test

import (
	"testing"

	"github.com/sallyport/sallyport/daemon/account"
	"github.com/sallyport/sallyport/daemon/frontend/dovecotauth"
)

func TestGermanReasonsArePlainASCII(t *testing.T) {
	path, _ := serve(t, &fake{}, func(c *dovecotauth.Config) { c.German = true })
	k := open(t, path)
	k.send(plain(1, "normal", "s"))
	k.expect("FAIL\t1\treason=Hier hilft nur ein App-Passwort. Ihr normales Passwort und der Code aus der App gelten hier nicht. https://login.example.org")
	k.send("AUTH\t2\tPLAIN\tservice=imap\tresp=!")
	k.expect("FAIL\t2\treason=Die Anfrage ist unvollstaendig.\tcode=invalid_base64")
}

// An operator's own text goes out in the form of address and language that were
// chosen, and in signs that mail has.
func TestTextsOfTheOperator(t *testing.T) {
	path, _ := serve(t, &fake{}, func(c *dovecotauth.Config) {
		c.German, c.PageURL = true, ""
		c.Text = func(r account.Reason) account.Text {
			return account.Text{DE: "„Größe“ – dein ‚Café‘…\u00a0ja\n" + string(r), EN: "English"}
		}
	})
	k := open(t, path)
	k.send(plain(1, "normal", "s"))
	k.expect(`FAIL	1	reason="Groesse" - dein 'Caf?'... ja?app_password_required`)
}
