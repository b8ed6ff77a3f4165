package rollout

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/contrib/servertest/run"
	"github.com/sallyport/sallyport/daemon/directory/directorytest"
)

// everybody is how many people there are. The groups grow with them.
func everybody() int {
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_PEOPLE")); err == nil {
		return max(1000, n)
	}
	return 10_000
}

// Groups of the directory. Who is in none is staff.
const (
	pioneers  = "pioneers"  // like new things, and begin early
	lecturers = "lecturers" // get more time
	guests    = "guests"    // are exempt
	scanners  = "scanners"  // are machines
)

// person is one of them, with all that the ledger knows.
type person struct {
	name, password string
	group          string
	// address is behind which everybody of the building is on the campus: one for
	// hundreds of people.
	address string
	phone   *phone // nil before the set-up
	// walks is who follows the invitation before the day.
	walks bool
	// early is who uses the phone at once; three codes come without a wait.
	early bool
	// imported is whose phone comes from the older system.
	imported bool
	app      string // the app password, once there is one
	sheet    []string
	// synced means that it has let a program in, reset that support was called.
	synced, reset bool
}

// people are all of them, and their groups in the directory.
func (st *story) people() {
	for i, name := range append([]string{"alice", "bert", "carla", "müller"}, named()...) {
		st.all = append(st.all, &person{name: name, address: building(i)})
	}
	for _, name := range named() {
		st.directory.AddPerson(directorytest.Person{Name: name})
	}
	for i := 1; len(st.all) < everybody(); i++ {
		st.all = append(st.all, &person{name: fmt.Sprintf("u%06d", i), address: building(i)})
	}
	rest := st.all[4+len(named()):]
	for _, g := range []struct {
		name    string
		inMille int
	}{{pioneers, 20}, {lecturers, 150}, {guests, 6}, {scanners, 4}} {
		var members []string
		size := everybody() * g.inMille / 1000
		theirs := rest[:size]
		if g.name == scanners {
			theirs = slices.Concat(st.all[4:4+len(named())], theirs)
		}
		for _, p := range theirs {
			p.group = g.name
			members = append(members, directorytest.PersonDN(p.name))
		}
		rest = rest[size:]
		st.directory.AddGroup(g.name, members...)
	}
	for _, p := range st.all {
		p.password = p.name + "-password"
	}
	for group, inMille := range map[string]int{pioneers: 4, lecturers: 2, guests: 1, "": 4} {
		for _, p := range sample(st.of(func(p *person) bool { return p.group == group }), everybody()*inMille/1000) {
			p.walks, p.early = true, len(st.of(func(p *person) bool { return p.walks }))%8 == 0
		}
	}
}

// named are machines whose logins say so.
func named() []string { return []string{"scanner-1", "svc.booking"} }

// building is one of sixteen addresses, all of one network.
func building(i int) string { return fmt.Sprintf("192.0.2.%d", 1+i%16) }

// of are those for whom it is true.
func (st *story) of(is func(*person) bool) (some []*person) {
	for _, p := range st.all {
		if is(p) {
			some = append(some, p)
		}
	}
	return some
}

func (st *story) count(is func(*person) bool) int { return len(st.of(is)) }

// phone is an authenticator app, written down here so that no code of the house
// computes the codes that the house is tried with.
type phone struct {
	key       []byte
	algorithm func() hash.Hash
	digits    int
	period    int64
	mu        sync.Mutex
	last      int64 // the step whose code was used last
}

func newPhone(key []byte) *phone { return &phone{key: key, algorithm: sha1.New, digits: 6, period: 30} }

// code is the next one that was not used. The ones of the step before and the step
// after are good, too, so up to three come without a wait.
func (p *phone) code() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := run.Within(2*time.Minute, func() error {
		now := time.Now().Unix()
		step := max(now/p.period-1, p.last+1)
		if step == now/p.period-1 && p.period-now%p.period < 10 { // it may be over before it arrives
			step++
		}
		if step > now/p.period+1 {
			return errors.New("the next code is not good yet")
		}
		p.last = step
		return nil
	})
	return p.at(p.last), err
}

// at is RFC 6238.
func (p *phone) at(step int64) string {
	mac := hmac.New(p.algorithm, p.key)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & (1<<31 - 1)
	tenth := uint32(1)
	for range p.digits {
		tenth *= 10
	}
	return fmt.Sprintf("%0*d", p.digits, n%tenth)
}
