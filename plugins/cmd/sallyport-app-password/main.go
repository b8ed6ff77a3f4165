// Command sallyport-app-password is the plugin process of the factor "app-password".
// sallyportd starts it; nobody else does.
package main

import (
	"github.com/sallyport/sallyport/plugins/apppassword"
	"github.com/sallyport/sallyport/plugins/wire"
)

func main() { wire.Serve(apppassword.Factor{}) }
