package bench

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/plugins/factor/factortest"
)

const (
	inFlight = 32
	// rounds are many and short, and each is right beside the peer's: a machine
	// that others share is another one a second later. The medians are reported,
	// of the figures and of each round's ratio.
	rounds   = 15
	perRound = 4_000
	// lives is how often what is measured and its peer are started anew: two processes
	// of one program differ by a twentieth on the same machine, for as long as they live.
	lives, perLife = 5, 5
	// awake is how many people sync at the same time: their facts and rows are
	// warm, everybody else is there and asleep.
	awake = 10_000
)

// authRequests are checks of app passwords as a proxy sends them, spread over
// everybody who is awake.
func (w *world) authRequests(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		who := rand.IntN(min(awake, len(w.people)))
		p := w.people[who]
		// Each syncs with one device, anywhere among what they have.
		basic := base64.StdEncoding.EncodeToString([]byte(p.name + ":" + p.secrets[who%len(p.secrets)]))
		out[i] = fmt.Appendf(nil, "GET /v1/auth HTTP/1.1\r\nHost: sallyport\r\nAuthorization: Basic %s\r\nX-Sallyport-Service: dav\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n", basic)
	}
	return out
}

// BenchmarkAppPassword is a check of an app password over the socket, kept
// alive, beside a handler that does nothing.
func BenchmarkAppPassword(b *testing.B) {
	for _, s := range []size{
		{people: 1_000, appPasswords: 1}, {people: 1_000, appPasswords: 50}, {people: 100_000, appPasswords: 1},
	} {
		b.Run(fmt.Sprintf("people=%d/each=%d", s.people, s.appPasswords), func(b *testing.B) {
			w := newWorld(b, s)
			idleMiB := float64(w.memory(b)) / (1 << 20)
			for b.Loop() {
				var all checks
				for life := range lives {
					if life > 0 {
						w.stop()
						w.start(b)
					}
					load(b, w.socket(), inFlight, 204, w.authRequests(5*min(awake, s.people))) // facts and rows get warm
					idle := noWork(b)
					for range perLife {
						all.beside(b, w, idle)
					}
				}
				b.ReportMetric(all.ours.value(), "checks/s")
				b.ReportMetric(all.ratio.value(), "of-no-work")
				b.ReportMetric(all.cpu.value(), "cpu-us/check")
				b.ReportMetric(all.p50.value(), "p50-us-alone")
				b.ReportMetric(all.p99.value(), "p99-us-alone")
				b.ReportMetric(all.p50Ratio.value(), "p50-alone-of-no-work")
			}
			b.ReportMetric(idleMiB, "MiB-idle")
			b.ReportMetric(float64(w.memory(b))/(1<<20), "MiB-busy")
		})
	}
}

// checks are the figures of each round of checks.
type checks struct{ ours, ratio, cpu, p50, p99, p50Ratio median }

// beside is one round, many at a time and then one, each right after the peer's.
func (c *checks) beside(b *testing.B, w *world, idle string) {
	b.Helper()
	peer := load(b, idle, inFlight, 204, w.authRequests(perRound))
	before := w.cpu(b)
	r := load(b, w.socket(), inFlight, 204, w.authRequests(perRound))
	c.cpu = append(c.cpu, float64((w.cpu(b)-before).Microseconds())/float64(r.requests))
	c.ours, c.ratio = append(c.ours, r.perSecond()), append(c.ratio, r.perSecond()/peer.perSecond())
	peer = load(b, idle, 1, 204, w.authRequests(perRound/10))
	r = load(b, w.socket(), 1, 204, w.authRequests(perRound/10))
	c.p50, c.p99 = append(c.p50, r.p50.Seconds()*1e6), append(c.p99, r.p99.Seconds()*1e6)
	c.p50Ratio = append(c.p50Ratio, r.p50.Seconds()/peer.p50.Seconds())
}

// BenchmarkPasswordAndCode is a login with password and code, beside a bare
// search and bind of the same names at the same slapd ({SSHA}).
func BenchmarkPasswordAndCode(b *testing.B) {
	const people, each, atATime = 40_000, 8_000, 1_000
	w := newWorld(b, size{people: people, codes: true})
	rest := w.people
	for b.Loop() {
		var ours, searchBind, bind, ratio, unseen median
		for len(rest) >= each {
			// A code can be used once, so every round has people of its own.
			own := changing(b, rest[:each])
			rest = rest[each:]
			// First with the code of the step before, which counts for as long:
			// nobody was seen lately. Then at once again, as somebody who goes
			// from one service to the next.
			awaitStep()
			for some := range slices.Chunk(own, atATime) {
				peer := w.bareLDAP(b, inFlight, some, true)
				cold := load(b, w.socket(), inFlight, 200, codeRequests(b, some, -30*time.Second))
				unseen = append(unseen, cold.perSecond()/peer.perSecond())
				peer = w.bareLDAP(b, inFlight, some, true)
				r := load(b, w.socket(), inFlight, 200, codeRequests(b, some, 0))
				ours, ratio = append(ours, r.perSecond()), append(ratio, r.perSecond()/peer.perSecond())
				searchBind = append(searchBind, peer.perSecond())
				bind = append(bind, w.bareLDAP(b, inFlight, some, false).perSecond())
			}
		}
		if len(ours) == 0 {
			b.Fatal("everybody has logged in: run it with -benchtime 1x")
		}
		b.ReportMetric(ours.value(), "logins/s")
		b.ReportMetric(searchBind.value(), "search+bind/s")
		b.ReportMetric(bind.value(), "bind/s")
		b.ReportMetric(ratio.value(), "of-search+bind")
		b.ReportMetric(unseen.value(), "of-search+bind-unseen")
	}
}

// awaitStep returns early in a step of 30 s, so that all codes of a round are
// good until its end.
func awaitStep() {
	const step, late = 30 * time.Second, 10 * time.Second
	if into := time.Duration(time.Now().UnixNano() % int64(step)); into > late {
		<-time.After(step - into)
	}
}

// changing leaves out the one in half a million whose next code is the same
// again: it counts as used, and rightly so.
func changing(b *testing.B, people []person) []person {
	return slices.DeleteFunc(slices.Clone(people), func(p person) bool {
		codes := map[string]bool{}
		for _, late := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
			code, err := factortest.Code(p.uri, time.Now().Add(late))
			must(b, err)
			codes[code] = true
		}
		return len(codes) < 3
	})
}

func codeRequests(b *testing.B, people []person, late time.Duration) [][]byte {
	b.Helper()
	out := make([][]byte, len(people))
	for i, p := range people {
		code, err := factortest.Code(p.uri, time.Now().Add(late))
		must(b, err)
		body := fmt.Sprintf(`{"service":"web","username":%q,"password":%q,"code":%q,"client":{"ip":"192.0.2.7"}}`, p.name, p.name+"-password", code)
		out[i] = fmt.Appendf(nil, "POST /v1/check HTTP/1.1\r\nHost: sallyport\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	return out
}

// median is of all rounds.
type median []float64

func (m median) value() float64 {
	sorted := slices.Sorted(slices.Values(m))
	return sorted[len(sorted)/2]
}
