package apppassword_test

import (
	"testing"

	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/factor/factortest"
)

func TestContract(t *testing.T) {
	factortest.Run(t, apppassword.Factor{}, factortest.AppPassword())
}
