package pskc

import (
	"net/url"
	"strings"
	"testing"
)

// The container of RFC 6030, figure 6, for a key that goes by the clock.
const shared6 = `<?xml version="1.0" encoding="UTF-8"?>
<pskc:KeyContainer Version="1.0" xmlns:pskc="urn:ietf:params:xml:ns:keyprov:pskc"
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">
 <pskc:EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></pskc:EncryptionKey>
 <pskc:MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1">
  <pskc:MACKey>
   <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
   <xenc:CipherData><xenc:CipherValue>
    ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX
   </xenc:CipherValue></xenc:CipherData>
  </pskc:MACKey>
 </pskc:MACMethod>
 <pskc:KeyPackage>
  <pskc:DeviceInfo><pskc:Manufacturer>Manufacturer</pskc:Manufacturer><pskc:SerialNo>987654321</pskc:SerialNo></pskc:DeviceInfo>
  <pskc:Key Id="12345678" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
   <pskc:AlgorithmParameters><pskc:Suite>HMAC-SHA256</pskc:Suite><pskc:ResponseFormat Length="8" Encoding="DECIMAL"/></pskc:AlgorithmParameters>
   <pskc:Data>
    <pskc:Secret>
     <pskc:EncryptedValue>
      <xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>
      <xenc:CipherData><xenc:CipherValue>AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv</xenc:CipherValue></xenc:CipherData>
     </pskc:EncryptedValue>
     <pskc:ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=</pskc:ValueMAC>
    </pskc:Secret>
    <pskc:TimeInterval><pskc:PlainValue>60</pskc:PlainValue></pskc:TimeInterval>
   </pskc:Data>
   <pskc:UserId>UID=alice,DC=example,DC=org</pskc:UserId>
  </pskc:Key>
 </pskc:KeyPackage>
</pskc:KeyContainer>`

const key6 = "12345678901234567890123456789012"

func one(t *testing.T, text, key string) (login string, q url.Values, refused string) {
	t.Helper()
	var secret []byte
	if key != "" {
		secret = []byte(key)
	}
	all, err := Read("f", text, secret)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	u, err := url.Parse(all[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	if before, _, _ := strings.Cut(text, "KeyPackage"); all[0].Line != 1+strings.Count(before, "\n") {
		t.Errorf("at line %d", all[0].Line)
	}
	return all[0].Login, u.Query(), all[0].Refused
}

func TestPreSharedKey(t *testing.T) {
	login, q, refused := one(t, shared6, key6+"\n")
	if refused != "" || login != "alice" || q.Get("secret") != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" ||
		q.Get("algorithm") != "HMAC-SHA256" || q.Get("digits") != "8" || q.Get("period") != "60" {
		t.Errorf("%q %v %q", login, len(q), refused)
	}
}

func TestWhatIsRefused(t *testing.T) {
	without := func(begin, end string) string {
		i := strings.Index(shared6, begin)
		j := strings.Index(shared6[i:], end)
		return shared6[:i] + shared6[i+j+len(end):]
	}
	for word, v := range map[string]struct{ text, key string }{
		"--key-file":           {shared6, ""},
		"the MAC is missing":   {without("<pskc:ValueMAC>", "</pskc:ValueMAC>"), key6},
		"without a MAC":        {without("<pskc:MACMethod", "</pskc:MACMethod>"), key6},
		"MAC of its secret is": {strings.Replace(shared6, "Su+Nv", "Su+Nw", 1), key6},
		"no UserId":            {without("<pskc:UserId>", "</pskc:UserId>"), key6},
		"another kind":         {strings.Replace(shared6, "pskc:totp", "pskc:ocra", 1), key6},
		"not digits":           {strings.Replace(shared6, "DECIMAL", "HEXADECIMAL", 1), key6},
		"a PIN":                {strings.Replace(shared6, "<pskc:Data>", "<pskc:Policy><pskc:PINPolicy/></pskc:Policy><pskc:Data>", 1), key6},
		"no key":               {`<KeyContainer>` + "\n" + `<KeyPackage/></KeyContainer>`, ""},
		"no secret":            {`<KeyContainer>` + "\n" + `<KeyPackage><Key Algorithm="totp"><UserId>a</UserId></Key></KeyPackage></KeyContainer>`, ""},
		"not base64":           {`<KeyContainer>` + "\n" + `<KeyPackage><Key Algorithm="totp"><UserId>a</UserId><Data><Secret><PlainValue>%</PlainValue></Secret></Data></Key></KeyPackage></KeyContainer>`, ""},
	} {
		if _, q, refused := one(t, v.text, v.key); !strings.Contains(refused, word) || len(q) > 0 {
			t.Errorf("refused for %q, want %q", refused, word)
		}
	}
	for word, v := range map[string]struct{ text, key string }{
		"no KeyContainer":   {"<a/>", ""},
		"broken at line 2":  {"<KeyContainer>\n<", ""},
		"not supported":     {strings.Replace(shared6, "xmldsig#hmac-sha1", "xmldsig#hmac-md5", 1), key6},
		"for a certificate": {strings.Replace(shared6, "<ds:KeyName>Pre-shared-key</ds:KeyName>", "<ds:X509Data/>", 1), key6},
		"no key of 128":     {shared6, "short"},
		"key is another":    {shared6, "00000000000000000000000000000000"},
	} {
		if all, err := Read("f", v.text, []byte(v.key)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v, %v; want %q", all, err, word)
		}
	}
}

func TestPassPhrase(t *testing.T) {
	text := strings.Replace(shared6, "<ds:KeyName>Pre-shared-key</ds:KeyName>", `<DerivedKey><KeyDerivationMethod Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">
<PBKDF2-params><Salt><Specified>Ej7/PEpyEpw=</Specified></Salt><IterationCount>1000</IterationCount><KeyLength>16</KeyLength></PBKDF2-params></KeyDerivationMethod></DerivedKey>`, 1)
	text = strings.Replace(text, "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX", "2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx", 1)
	text = strings.Replace(text, "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv", "oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f", 1)
	text = strings.Replace(text, "Su+NvtQfmvfJzF6bmQiJqoLRExc=", "LP6xMvjtypbfT9PdkJhBZ+D6O4w=", 1)
	all, err := Read("f", text, []byte("qwerty\n"))
	if err != nil || len(all) != 1 || all[0].Refused != "" || !strings.Contains(all[0].Text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ") {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := Read("f", text, []byte("qwertz")); err == nil && all[0].Refused == "" {
		t.Error("another pass phrase opened it")
	}
	if _, err := Read("f", strings.Replace(text, ">1000<", ">99999999999<", 1), []byte("qwerty")); err == nil {
		t.Error("a key that takes for ever to derive was begun")
	}
}

func TestLogins(t *testing.T) {
	for id, want := range map[string]string{
		"alice": "alice", " UID=alice, DC=example ": "alice", "cn=Alice Example,dc=x": "Alice Example", "a=b,c": "a=b,c", "": "", "alice,x": "alice,x",
	} {
		if got := login(id); got != want {
			t.Errorf("%q became %q, want %q", id, got, want)
		}
	}
}

// FuzzRead: whatever comes, an entry is a text or a refusal, and no error quotes
// the file.
func FuzzRead(f *testing.F) {
	f.Add(shared6, key6)
	f.Add("<KeyContainer><KeyPackage/></KeyContainer>", "")
	f.Fuzz(func(t *testing.T, text, key string) {
		if strings.Contains(text, "IterationCount") {
			return // deriving a key is slow on purpose
		}
		all, err := Read("f", text, []byte(key))
		if err != nil && len(err.Error()) > 200 {
			t.Fatalf("a long error: %v", err)
		}
		for _, e := range all {
			if (e.Text == "") == (e.Refused == "") || e.Line < 1 {
				t.Fatalf("%v: %q", e, e.Refused)
			}
		}
	})
}
