// Command sallyport-recovery is the plugin process of the factor "recovery".
// sallyportd starts it; nobody else does.
package main

import (
	"github.com/sallyport/sallyport/plugins/recovery"
	"github.com/sallyport/sallyport/plugins/wire"
)

func main() { wire.Serve(recovery.New()) }
