package recovery_test

import (
	"testing"

	"github.com/sallyport/sallyport/plugins/factor/factortest"
	"github.com/sallyport/sallyport/plugins/recovery"
)

func TestContract(t *testing.T) {
	c := factortest.Recovery()
	// In process there is no deadline that many at once could miss.
	c.Parallel = 32
	factortest.Run(t, recovery.New(), c)
}
