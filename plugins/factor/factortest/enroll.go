package factortest

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/plugins/factor"
)

// getInfo asks the factor what it is.
func (s *suite) getInfo(t *testing.T) factor.Info {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	info, err := s.f.Info(ctx)
	if err != nil {
		t.Fatalf("asking for info: %v", err)
	}
	return info
}

func (s *suite) info(t *testing.T) {
	info := s.getInfo(t)
	if !regexp.MustCompile(`^[a-z0-9-]{1,32}$`).MatchString(info.Kind) {
		t.Errorf("kind %q", info.Kind)
	}
	if info.Format == 0 {
		t.Error("format 0 looks like a forgotten field")
	}
	if info.MaxRecords < 1 || info.MaxRecords > 50 {
		t.Errorf("%d records at most, want 1 to 50", info.MaxRecords)
	}
	if info.Digits < 0 || info.Digits > 16 {
		t.Errorf("%d digits", info.Digits)
	}
	if info.Digits > 0 && info.Claims {
		t.Error("a factor cannot share a field with the password and claim it whole")
	}
	if len(info.Shape) > 512 {
		t.Errorf("shape of %d bytes", len(info.Shape))
	}
	s.shape(t, info)
	p := s.person(t, 1)
	s.verify(t, s.request(s.input(t, s.c.Right, p.issued), p.record))
	if again := s.getInfo(t); again != info {
		t.Errorf("info changed from %+v to %+v", info, again)
	}
	if p.issued.Format != info.Format {
		t.Errorf("enroll writes format %d, info says %d", p.issued.Format, info.Format)
	}
}

// shape checks that the gate lets through what the factor wants to see, whole.
func (s *suite) shape(t *testing.T, info factor.Info) {
	t.Helper()
	re, err := regexp.Compile(info.Shape)
	if err != nil {
		t.Fatalf("shape: %v", err)
	}
	p := s.person(t, 1)
	for name, what := range map[string]func() string{
		"right": func() string { return s.input(t, s.c.Right, p.issued) },
		"wrong": func() string { return s.input(t, s.c.Wrong, p.issued) },
	} {
		input := what()
		if !re.MatchString(input) {
			t.Errorf("the %s input does not fit the shape", name)
		}
		if re.MatchString("§" + input) {
			t.Errorf("the shape finds the %s input at the end of a longer one", name)
		}
		if re.MatchString(input + "§") {
			t.Errorf("the shape finds the %s input at the start of a longer one", name)
		}
	}
	if re.MatchString("") {
		t.Error("the shape fits the empty input")
	}
}

func (s *suite) enrollLimits(t *testing.T) {
	for seed := range byte(8) {
		i := s.enroll(t, s.enrollment(seed))
		if len(i.Payload) == 0 || len(i.Payload) > factor.MaxPayload {
			t.Errorf("payload of %d bytes, want 1 to %d", len(i.Payload), factor.MaxPayload)
		}
		if i.Secret == "" {
			t.Error("there is nothing to show")
		}
		if strings.TrimSpace(i.Secret) != i.Secret {
			t.Error("the secret has blanks around it")
		}
		if i.URI != "" && !strings.HasPrefix(i.URI, "otpauth://") {
			t.Error("the URI is no otpauth URI")
		}
		if i.Uses < 0 {
			t.Errorf("%d uses", i.Uses)
		}
	}
}

func (s *suite) enrollDetermined(t *testing.T) {
	a, b := s.enroll(t, s.enrollment(1)), s.enroll(t, s.enrollment(1))
	if a.Format != b.Format || a.Secret != b.Secret || a.URI != b.URI || a.Confirm != b.Confirm ||
		a.Uses != b.Uses || !bytes.Equal(a.Payload, b.Payload) {
		t.Error("the same entropy and time gave two different records")
	}
	secrets, payloads := map[string]bool{}, map[string]bool{}
	for seed := range byte(8) {
		i := s.enroll(t, s.enrollment(seed))
		secrets[i.Secret] = true
		payloads[string(i.Payload)] = true
	}
	if len(secrets) != 8 || len(payloads) != 8 {
		t.Errorf("8 entropies gave %d secrets in %d payloads", len(secrets), len(payloads))
	}
	e := s.enrollment(3)
	kept := bytes.Clone(e.Entropy)
	settings := maps.Clone(e.Settings)
	clear(s.enroll(t, e).Payload)
	if !bytes.Equal(e.Entropy, kept) || !maps.Equal(e.Settings, settings) {
		t.Error("enroll writes to its input, or its payload shares memory with it")
	}
}

func (s *suite) enrollRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*factor.Enrollment){
		"no entropy":         func(e *factor.Enrollment) { e.Entropy = nil },
		"too little entropy": func(e *factor.Enrollment) { e.Entropy = e.Entropy[:factor.EntropySize-1] },
		"an unknown setting": func(e *factor.Enrollment) {
			e.Settings = maps.Clone(e.Settings)
			if e.Settings == nil {
				e.Settings = map[string]string{}
			}
			e.Settings["no-such-setting"] = "1"
		},
	} {
		e := s.enrollment(1)
		spoil(&e)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		i, err := s.f.Enroll(ctx, e)
		cancel()
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if i.Payload != nil || i.Secret != "" || i.URI != "" {
			t.Errorf("%s: something was issued all the same", name)
		}
	}
}
