// Command sallyport-totp is the plugin process of the factor "totp".
// sallyportd starts it; nobody else does.
package main

import (
	"github.com/sallyport/sallyport/plugins/totp"
	"github.com/sallyport/sallyport/plugins/wire"
)

func main() { wire.Serve(totp.Factor{}) }
