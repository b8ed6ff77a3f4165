// Package pluginhost runs the plugins: it starts each process, checks what it
// starts, watches it, restarts it, and hands out factor.Factor and hook.Hook
// values that stay valid over all of that.
//
// It decides nothing about a login. Whatever a plugin does wrong - dies, hangs,
// answers late, too much or nonsense, changes what it says of itself - comes
// out as an error, which the engine reads as unavailable; one plugin's trouble
// never touches another. Only the daemon's main starts a Host; the engine and
// enrollment see nothing but the two contracts.
//
// # What is started
//
// A path is absolute, and the file and every directory above it belong to root
// or to the daemon's own user and are writable by nobody else. The one
// exception is a directory such as /tmp, world-writable, owned by root and
// sticky, where the next name on the path is a directory of ours: nobody else
// can rename or remove that. Links are followed by hand, and each is held to the
// same rule; executed is what they led to, not the name. So is the interpreter of
// a script, and the run directory. A pinned file is hashed and executed through
// one open descriptor, so what was checked is what runs. (go-plugin's own
// SecureConfig checks a path and then starts it by name, and one of them cannot
// be used twice; it is not used here.)
//
// Nothing starts weaker than its Spec asks: a factor must say that it is in its
// jail, unless it needs the network or NoJail is set; with MTLS, an end without
// a certificate is not talked to; and what serves no hook is not taken for one.
//
// # How a plugin dies
//
// Plugins hold nothing, so the host ends them with SIGKILL to their process
// group. If the host dies first, however it dies, the kernel kills them
// (Pdeathsig, set from one thread that lives as long as the Host, because it
// follows the thread and not the process); and a plugin built on plugins/wire
// also ends when its standard input, a pipe of the host, closes. The name of
// its socket is removed as soon as the host is connected: there is no second
// client, and so nothing stays behind. What a host killed while starting may
// leave is removed by the next one.
package pluginhost
