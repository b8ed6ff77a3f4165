// Package wire carries the two plugin contracts, plugins/factor and
// plugins/hook, over gRPC: both ends of it, and the generated code between.
//
// A plugin's main calls Serve or ServeHook and nothing else. The daemon's
// package pluginhost takes Handshake, Plugins and DialOptions, and gets back
// values that are a factor.Factor or a hook.Hook; no type of protobuf or
// go-plugin goes further than that. Nobody else imports this package.
//
// It does not start, watch or restart processes, and decides nothing: what
// cannot be carried faithfully (a verdict out of range, a broken stream, a
// reply over its limit) is an error, which everywhere means unavailable.
//
// # Verify travels on one stream
//
// Verify is one bidirectional stream a plugin, because a stream with request
// ids costs half the latency and a fifth of the CPU of a call a check. Each
// request carries an id and the milliseconds that are left; replies come in any
// order. What several callers ask at about the same time goes in one message, and
// so do the replies that are ready together: of what a check cost on a busy
// stream, most was the price of its own message. Nobody waits for that, and no
// goroutine of ours stands between: whoever finds the stream free writes.
//
// # What a plugin process promises
//
// It ends when its standard input does, which the host holds open and never
// writes to; it ignores SIGINT, SIGTERM and SIGHUP, which a terminal or a
// service manager sends to the whole group while the daemon still drains; it
// cannot be dumped or traced; and unless the factor declares Network it gives
// up opening files, making sockets and starting programs, see package jail, and
// says so in its Info. A process that cannot do the last two ends with an error:
// it runs without a jail only if its host told it to, with NoJail.
package wire

//go:generate ./generate.sh
