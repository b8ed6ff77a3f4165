package totp

import (
	"bytes"
	"context"
	"encoding/base32"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor"
	"github.com/sallyport/sallyport/plugins/factor/transfer"
)

const good = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // 160 bits, of RFC 6238

func arrive(text string, settings map[string]string) (transfer.Imported, error) {
	return Factor{}.Import(context.Background(), transfer.Arrival{Text: text, Settings: settings})
}

func TestImportTakesWhatPhonesHave(t *testing.T) {
	eight := map[string]string{"digits": "8"}
	for text, want := range map[string]struct {
		settings map[string]string
		device   device
	}{
		"otpauth://totp/alice?secret=" + good:                                                  {nil, device{algorithm: sha1, digits: 6, period: 30}},
		"OTPAUTH://TOTP/Old%20House:alice?issuer=Old&secret=" + strings.ToLower(good):          {nil, device{algorithm: sha1, digits: 6, period: 30}},
		"otpauth://totp/a?secret=GEZD-GNBV-GY3T-QOJQ%20GEZDGNBVGY3TQOJQ====":                   {nil, device{algorithm: sha1, digits: 6, period: 30}},
		"otpauth://totp/a?secret=" + good + "&algorithm=sha-256&period=60&image=x":             {nil, device{algorithm: sha256, digits: 6, period: 60}},
		"otpauth://totp/a?digits=8&secret=" + good + "&algorithm=HmacSHA512&period=15&lock=on": {eight, device{algorithm: sha512, digits: 8, period: 15}},
	} {
		got, err := arrive(text, want.settings)
		if err != nil || got.Refused != "" {
			t.Errorf("%s: %v, %v", text, got, err)
			continue
		}
		d, err := parse(factor.Record{ID: "r", Format: got.Format, Payload: got.Payload})
		if err != nil {
			t.Fatal(err)
		}
		if string(d.secret) != "12345678901234567890" || d.algorithm != want.device.algorithm || d.digits != want.device.digits || d.period != want.device.period || d.last != 0 {
			t.Errorf("%s: became %v", text, d)
		}
	}
}

func TestImportRefusesWithAReason(t *testing.T) {
	secret := func(n int) string {
		return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bytes.Repeat([]byte{'x'}, n))
	}
	for text, word := range map[string]string{
		"":                                    "no otpauth URI",
		"https://example.org/?secret=" + good: "no otpauth URI",
		"otpauth://hotp/a?counter=1&secret=" + good:                        "HOTP",
		"otpauth://steam/a?secret=" + good:                                 "another kind",
		"otpauth://totp/a":                                                 "no secret",
		"otpauth://totp/a?secret=":                                         "no secret",
		"otpauth://totp/a?secret=" + good + "1":                            "not base32",
		"otpauth://totp/a?secret=" + secret(10):                            "80 bits, and fewer than 128",
		"otpauth://totp/a?secret=" + secret(15):                            "120 bits",
		"otpauth://totp/a?secret=" + secret(129):                           "more than 1024 bits",
		"otpauth://totp/a?secret=" + good + "&secret=" + good:              "says twice",
		"otpauth://totp/a?secret=" + good + "&algorithm=MD5":               "algorithm",
		"otpauth://totp/a?secret=" + good + "&digits=7":                    "6 or 8 digits",
		"otpauth://totp/a?secret=" + good + "&digits=8":                    "digits = 8",
		"otpauth://totp/a?secret=" + good + "&period=10":                   "15 to 120 seconds",
		"otpauth://totp/a?secret=" + good + "&period=0x1e":                 "15 to 120 seconds",
		"otpauth://totp/a?secret=" + good + "&x=%zz":                       "parameters",
		"otpauth://totp/" + strings.Repeat("a", 5000) + "?secret=" + good:  "too long",
		"otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU": "no otpauth URI",
	} {
		got, err := arrive(text, nil)
		if err != nil || got.Payload != nil || !strings.Contains(got.Refused, word) || strings.Contains(got.Refused, good) {
			t.Errorf("%.80s: %v, %v; want a refusal with %q", text, got, err, word)
		}
	}
	if _, err := arrive("otpauth://totp/a?secret="+good, map[string]string{"digit": "6"}); err == nil {
		t.Error("settings that cannot be read were passed over")
	}
}

// What leaves can come in again, and an independent program computes the codes.
func TestWhatLeavesIsWhatCame(t *testing.T) {
	if _, err := exec.LookPath("oathtool"); err != nil {
		t.Fatal("oathtool is missing: install the Debian package oathtool")
	}
	now := time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC)
	for _, algorithm := range []string{"SHA1", "SHA256", "SHA512"} {
		for _, digits := range []string{"6", "8"} {
			settings := map[string]string{"digits": digits}
			in := "otpauth://totp/x?secret=" + good + "&algorithm=" + algorithm + "&digits=" + digits + "&period=60"
			made, err := arrive(in, settings)
			if err != nil || made.Refused != "" {
				t.Fatal(made, err)
			}
			record := factor.Record{ID: "r", Format: made.Format, Payload: made.Payload}
			uri, err := Factor{}.Export(context.Background(), transfer.Departure{Record: record, Account: "müller", Issuer: "A & B"})
			if err != nil {
				t.Fatal(err)
			}
			again, err := arrive(uri, settings)
			if err != nil || !bytes.Equal(again.Payload, made.Payload) || again.Format != made.Format {
				t.Fatalf("%s came back as another record: %v, %v", in, again, err)
			}
			u, err := url.Parse(uri)
			if err != nil || u.Path != "/A & B:müller" {
				t.Fatalf("labelled %q, %v", u.Path, err)
			}
			code, err := exec.Command("oathtool", "--totp="+algorithm, "--digits="+digits, "--time-step-size=60s", "--base32",
				"--now="+now.Format("2006-01-02 15:04:05 MST"), u.Query().Get("secret")).Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := Factor{}.Verify(context.Background(), factor.Request{Input: strings.TrimSpace(string(code)), Records: []factor.Record{record}, Now: now})
			if n, _ := strconv.Atoi(digits); err != nil || got.Verdict != factor.Accept || len(strings.TrimSpace(string(code))) != n {
				t.Errorf("%s, %s digits: %v, %v", algorithm, digits, got, err)
			}
		}
	}
	if _, err := (Factor{}).Export(context.Background(), transfer.Departure{Record: factor.Record{ID: "r", Format: 9, Payload: []byte{9}}, Account: "a"}); err == nil {
		t.Error("a payload of an unknown format left")
	}
}

// FuzzImport: whatever comes is a record that can leave again, or a refusal that
// does not repeat what came.
func FuzzImport(f *testing.F) {
	f.Add("otpauth://totp/alice?secret=" + good)
	f.Add("otpauth://totp/a?secret=" + good + "&digits=8&algorithm=SHA512&period=120")
	f.Add("otpauth://hotp/a?secret=x&counter=1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, digits := range []string{"6", "8"} {
			settings := map[string]string{"digits": digits}
			got, err := arrive(text, settings)
			if err != nil || (got.Refused == "") == (got.Payload == nil) {
				t.Fatalf("%v, %v", got, err)
			}
			if got.Refused != "" {
				continue
			}
			record := factor.Record{ID: "r", Format: got.Format, Payload: got.Payload}
			uri, err := Factor{}.Export(context.Background(), transfer.Departure{Record: record, Account: "a"})
			if err != nil {
				t.Fatal(err)
			}
			if again, err := arrive(uri, settings); err != nil || !bytes.Equal(again.Payload, got.Payload) {
				t.Fatalf("%v, %v", again, err)
			}
		}
	})
}
