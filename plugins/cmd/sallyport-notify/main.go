// Command sallyport-notify is the plugin process of the hook "notify".
// sallyportd starts it; nobody else does.
package main

import (
	"os"
	"time"
	_ "time/tzdata" // for machines without

	"github.com/sallyport/sallyport/plugins/notify"
	"github.com/sallyport/sallyport/plugins/wire"
)

func main() { wire.ServeHook(notify.New(time.Now, os.Stderr)) }
