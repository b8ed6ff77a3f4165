package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"testing"
)

// sealed is how a container of ours is made, which other systems may make as well.
type sealed struct {
	key    []byte
	mac    string
	hash   func() hash.Hash
	ownMAC bool   // the MAC has a key of its own
	derive string // the DerivedKey, or empty
	// padding, if set, is what the last byte says instead.
	padding int
	outer   bool // the MAC stands where privacyIDEA puts it
}

// encrypt is AES in CBC mode as XML Encryption has it.
func (s sealed) encrypt(plain []byte) []byte {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		panic(err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	open := append(append([]byte{}, plain...), make([]byte, pad)...)
	if open[len(open)-1] = byte(pad); s.padding != 0 {
		open[len(open)-1] = byte(s.padding - 1)
	}
	iv := []byte("sixteen  letters")
	out := make([]byte, len(open))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, open)
	return append(iv, out...)
}

func (s sealed) value(plain []byte) (xml string, bytes []byte) {
	bytes = s.encrypt(plain)
	return fmt.Sprintf(`<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes%d-cbc"/><CipherData><CipherValue>%s</CipherValue></CipherData>`,
		8*len(s.key), base64.StdEncoding.EncodeToString(bytes)), bytes
}

// container holds the one secret of package tests.
func (s sealed) container() string {
	key, macs := s.derive, ""
	macKey := s.key
	if s.ownMAC {
		macKey = []byte("a key that only the MAC has")
		xml, _ := s.value(macKey)
		macs = "<MACKey>" + xml + "</MACKey>"
	}
	if key == "" {
		key = "<KeyName>shared</KeyName>"
	}
	xml, bytes := s.value([]byte("12345678901234567890"))
	sum := hmac.New(s.hash, macKey)
	sum.Write(bytes)
	mac := "<ValueMAC>" + base64.StdEncoding.EncodeToString(sum.Sum(nil)) + "</ValueMAC>"
	secret := "<Secret><EncryptedValue>" + xml + "</EncryptedValue>" + mac + "</Secret>"
	if s.outer {
		secret = "<Secret><EncryptedValue>" + xml + "</EncryptedValue></Secret>" + mac
	}
	return "<KeyContainer><EncryptionKey>" + key + `</EncryptionKey><MACMethod Algorithm="x#` + s.mac + `">` + macs + "</MACMethod>" +
		`<KeyPackage><Key Algorithm="totp"><UserId>alice</UserId><Data>` + secret + "</Data></Key></KeyPackage></KeyContainer>"
}

func derived(prf, length string, rounds int) string {
	if prf != "" {
		prf = `<PRF Algorithm="http://www.w3.org/2001/04/xmldsig-more#` + prf + `"/>`
	}
	if length != "" {
		length = "<KeyLength>" + length + "</KeyLength>"
	}
	return fmt.Sprintf(`<DerivedKey><KeyDerivationMethod Algorithm="x#pbkdf2"><PBKDF2-params><Salt><Specified>c2FsdHNhbHQ=</Specified></Salt>`+
		`<IterationCount>%d</IterationCount>%s%s</PBKDF2-params></KeyDerivationMethod></DerivedKey>`, rounds, length, prf)
}

func phrase(sum func() hash.Hash, rounds, length int) []byte {
	key, err := pbkdf2.Key(sum, "a pass phrase", []byte("saltsalt"), rounds, length)
	if err != nil {
		panic(err)
	}
	return key
}

// Whatever the key, its length, how it comes from a pass phrase and which MAC there
// is: the secret comes out, under this key, and under no other.
func TestEveryWayOfSealing(t *testing.T) {
	long := []byte("the key of a whole town, 32 long")
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		sealed
		file string
	}{
		"AES-128, in hexadecimal": {sealed{key: long[:16], mac: "hmac-sha1", hash: sha1.New}, hex.EncodeToString(long[:16]) + "\n"},
		"AES-192, in base64":      {sealed{key: long[:24], mac: "hmac-sha256", hash: sha256.New}, b64(long[:24]) + "\n"},
		"AES-256, as it is":       {sealed{key: long, mac: "hmac-sha384", hash: sha512.New384}, string(long)},
		"a key for the MAC":       {sealed{key: long, mac: "hmac-sha512", hash: sha512.New, ownMAC: true}, string(long)},
		"as privacyIDEA has it":   {sealed{key: long[:16], mac: "hmac-sha1", hash: sha1.New, outer: true}, string(long[:16])},
		"PBKDF2, without a word":  {sealed{key: phrase(sha1.New, 7, 16), mac: "hmac-sha1", hash: sha1.New, derive: derived("", "", 7)}, "a pass phrase\n"},
		"PBKDF2, one round":       {sealed{key: phrase(sha1.New, 1, 16), mac: "hmac-sha1", hash: sha1.New, derive: derived("hmac-sha1", "16", 1)}, "a pass phrase"},
		"PBKDF2 with SHA-256":     {sealed{key: phrase(sha256.New, 9, 32), mac: "hmac-sha1", hash: sha1.New, derive: derived("hmac-sha256", "32", 9)}, "a pass phrase"},
		"PBKDF2 with SHA-512":     {sealed{key: phrase(sha512.New, 9, 24), mac: "hmac-sha1", hash: sha1.New, derive: derived("HMAC-SHA512", "24", 9)}, "a pass phrase\r\n"},
	} {
		all, err := Read("f", c.container(), []byte(c.file))
		if err != nil || len(all) != 1 || all[0].Refused != "" || !strings.Contains(all[0].Text, "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") {
			t.Errorf("%s: %v, %v", name, all, err)
		}
		other := []byte(strings.Map(func(r rune) rune { return r ^ 1 }, c.file))
		if all, err := Read("f", c.container(), other); err == nil && all[0].Refused == "" {
			t.Errorf("%s: another key opens it", name)
		}
	}
}

// What is broken is refused, and never read as something else or for ever.
func TestSealedInAWayThatIsNone(t *testing.T) {
	good := sealed{key: []byte("0123456789abcdef"), mac: "hmac-sha1", hash: sha1.New}
	change := func(edit func(s *sealed)) string { s := good; edit(&s); return s.container() }
	fromPhrase := func(derive string) string {
		return change(func(s *sealed) { s.key, s.derive = phrase(sha1.New, 1, 16), derive })
	}
	for name, c := range map[string]struct{ text, file, want string }{
		"no padding":             {change(func(s *sealed) { s.padding = 1 }), string(good.key), "cannot be opened"},
		"too much padding":       {change(func(s *sealed) { s.padding = 18 }), string(good.key), "cannot be opened"},
		"no round":               {fromPhrase(derived("", "16", 0)), "a pass phrase", "derived in a way"},
		"rounds for ever":        {fromPhrase(derived("", "16", mostRounds+1)), "a pass phrase", "derived in a way"},
		"a key of no length":     {fromPhrase(derived("", "17", 1)), "a pass phrase", "derived in a way"},
		"another function":       {fromPhrase(derived("hmac-md5", "16", 1)), "a pass phrase", "derived in a way"},
		"derived otherwise":      {fromPhrase(strings.Replace(derived("", "16", 1), "#pbkdf2", "#scrypt", 1)), "a pass phrase", "derived in a way"},
		"two keys":               {strings.Replace(good.container(), "<MACMethod", "<EncryptionKey><KeyName>b</KeyName></EncryptionKey><MACMethod", 1), string(good.key), "more than one key"},
		"a wrapped key":          {strings.Replace(good.container(), "<KeyName>shared</KeyName>", "<EncryptedKey/>", 1), string(good.key), "for a certificate"},
		"half a value":           {strings.Replace(good.container(), "c2l4dGVlbiAgbGV0dGVyc", "", 1), string(good.key), "not base64"},
		"one block, and no more": {oneBlock(good), string(good.key), "cut off"},
	} {
		all, err := Read("f", c.text, []byte(c.file))
		said := fmt.Sprint(err)
		if err == nil && len(all) == 1 {
			said = all[0].Refused
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: %v, %s; want %q", name, all, said, c.want)
		}
	}
}

// oneBlock is a container whose value is the initial vector alone, with a right MAC.
func oneBlock(s sealed) string {
	whole := s.encrypt([]byte("12345678901234567890"))
	sum := func(b []byte) string {
		m := hmac.New(s.hash, s.key)
		m.Write(b)
		return base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
	text := strings.Replace(s.container(), base64.StdEncoding.EncodeToString(whole), base64.StdEncoding.EncodeToString(whole[:16]), 1)
	return strings.Replace(text, sum(whole), sum(whole[:16]), 1)
}

// What of a key is not taken over, or stands elsewhere, is read as it is.
func TestPartsOfAKey(t *testing.T) {
	text := func(key, device string) string {
		return "<KeyContainer><KeyPackage><DeviceInfo>" + device + "</DeviceInfo>" + `<Key Algorithm="urn:x:totp">` + key +
			"<Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>"
	}
	for name, c := range map[string]struct{ key, device, login, label, note, has, refused string }{
		"the device's user":     {"", "<UserId>bert</UserId><SerialNo>4711</SerialNo>", "bert", "4711", "", "", ""},
		"its own user first":    {"<UserId>alice</UserId><FriendlyName>Blue</FriendlyName>", "<UserId>bert</UserId><SerialNo>4711</SerialNo>", "alice", "Blue", "", "", ""},
		"a hash as privacyIDEA": {`<UserId>alice</UserId><AlgorithmParameters><Suite hashalgo="sha512"/></AlgorithmParameters>`, "", "alice", "", "", "algorithm=sha512", ""},
		"an end":                {"<UserId>alice</UserId><Policy><ExpiryDate>2030-01-01T00:00:00Z</ExpiryDate></Policy>", "", "alice", "", "is not taken over", "", ""},
		"check digits":          {`<UserId>alice</UserId><AlgorithmParameters><ResponseFormat Length="6" CheckDigits="true"/></AlgorithmParameters>`, "", "alice", "", "", "", "not digits alone"},
		"check digits, a 1":     {`<UserId>alice</UserId><AlgorithmParameters><ResponseFormat Length="6" CheckDigits="1"/></AlgorithmParameters>`, "", "alice", "", "", "", "not digits alone"},
		"a hidden interval":     {"<UserId>alice</UserId><Data><TimeInterval><EncryptedValue/></TimeInterval></Data>", "", "alice", "", "", "", "time interval is encrypted"},
		"too large":             {"<UserId>alice</UserId><FriendlyName>" + strings.Repeat("x", maxPackage) + "</FriendlyName>", "", "alice", strings.Repeat("x", maxPackage), "", "", "too large"},
	} {
		all, err := Read("f", text(c.key, c.device), nil)
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %v, %v", name, all, err)
		}
		e := all[0]
		if e.Login != c.login || e.Label != c.label || !strings.Contains(e.Note, c.note) || (e.Note == "") != (c.note == "") ||
			!strings.Contains(e.Text, c.has) || !strings.Contains(e.Refused, c.refused) || (e.Refused == "") != (c.refused == "") {
			t.Errorf("%s: %q, %.40q, %q, refused %q", name, e.Login, e.Label, e.Note, e.Refused)
		}
	}
	// One that counts is told as such to the factor, which refuses it.
	all, err := Read("f", strings.Replace(text("<UserId>a</UserId>", ""), "urn:x:totp", "urn:x:hotp", 1), nil)
	if err != nil || !strings.HasPrefix(all[0].Text, "otpauth://hotp/") {
		t.Errorf("%v, %v", all, err)
	}
}
