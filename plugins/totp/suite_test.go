package totp_test

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/plugins/factor/factortest"
	"github.com/sallyport/sallyport/plugins/totp"
)

func TestContract(t *testing.T) {
	for _, settings := range []map[string]string{
		nil,
		{"algorithm": "SHA1", "digits": "6", "period": "30"},
		{"algorithm": "SHA256", "digits": "8", "period": "60"},
		{"algorithm": "SHA512", "period": "15"},
	} {
		t.Run(fmt.Sprint(settings), func(t *testing.T) {
			factortest.Run(t, totp.Factor{}, factortest.TOTP(settings))
		})
	}
}
