// Package memnet is a network in memory. It keeps time with package time and
// waits on channels only, so that in a testing/synctest bubble it runs in
// virtual time; with one seed its delays are always the same.
//
// Hosts are names; an address is host:port. What a host does goes through its
// own view of the network (Host), so that faults can tell who talks to whom:
//
//   - Delay sets how long bytes travel between two hosts.
//   - Rate bounds how many bytes a second go from one to the other.
//   - Hold stops what goes in one direction, as lost packets do: nothing
//     arrives, nothing is reported, and all of it comes when the hold ends. Held
//     both ways (Cut) it is a partition; connections to dial wait as well.
//   - Reset breaks the connections of two hosts, on both sides.
//   - Kill is the end of a process: its listeners and connections close.
//
// A stopped reader holds up its writer after Window bytes.
package memnet

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Window is how many bytes of a direction may be on their way or unread.
const Window = 256 << 10

var errRefused = errors.New("connection refused")

// A Net joins hosts. Its methods may be called at any time from any goroutine.
type Net struct {
	mu struct {
		sync.Mutex
		rng       *rand.Rand
		listeners map[string]*listener
		conns     map[*conn]struct{}
		held      map[route]bool
		delays    map[route]span
		rates     map[route]int // bytes a second; 0: no bound
		usual     span
		port      int
		changed   chan struct{} // closed when a hold begins or ends
	}
}

// A route is one direction between two hosts.
type route struct{ from, to string }

// A span of times to choose from.
type span struct{ least, most time.Duration }

// New returns a network on which bytes travel for 50 µs to 2 ms.
func New(seed uint64) *Net {
	n := &Net{}
	n.mu.rng = rand.New(rand.NewPCG(seed, 1))
	n.mu.listeners = make(map[string]*listener)
	n.mu.conns = make(map[*conn]struct{})
	n.mu.held = make(map[route]bool)
	n.mu.delays = make(map[route]span)
	n.mu.rates = make(map[route]int)
	n.mu.usual = span{50 * time.Microsecond, 2 * time.Millisecond}
	n.mu.port = 40000
	n.mu.changed = make(chan struct{})
	return n
}

// Delay sets how long bytes travel between a and b from now on, in both
// directions: at random between least and most.
func (n *Net) Delay(a, b string, least, most time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.delays[route{a, b}] = span{least, max(least, most)}
	n.mu.delays[route{b, a}] = span{least, max(least, most)}
}

// Rate bounds what each connection carries between a and b in a direction, in
// bytes a second; 0 ends it.
func (n *Net) Rate(a, b string, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.rates[route{a, b}], n.mu.rates[route{b, a}] = bytes, bytes
}

// Hold begins or ends the loss of what goes from one host to another.
func (n *Net) Hold(from, to string, on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.held[route{from, to}] = on
	close(n.mu.changed)
	n.mu.changed = make(chan struct{})
}

// Cut begins or ends the loss of everything between two hosts.
func (n *Net) Cut(a, b string, on bool) {
	n.Hold(a, b, on)
	n.Hold(b, a, on)
}

// Reset breaks all connections between two hosts, with an error on both sides.
func (n *Net) Reset(a, b string) {
	n.breakAll(func(c *conn) bool { return c.between(a, b) })
}

// Kill closes the listeners of a host and breaks its connections.
func (n *Net) Kill(host string) {
	n.mu.Lock()
	for addr, l := range n.mu.listeners {
		if l.host == host {
			delete(n.mu.listeners, addr)
			l.shut()
		}
	}
	n.mu.Unlock()
	n.breakAll(func(c *conn) bool { return c.route.from == host || c.route.to == host })
}

// Conns gives how many connections there are between two hosts.
func (n *Net) Conns(a, b string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	ends := 0
	for c := range n.mu.conns {
		if c.between(a, b) {
			ends++
		}
	}
	return (ends + 1) / 2
}

func (n *Net) breakAll(which func(*conn) bool) {
	n.mu.Lock()
	var broken []*conn
	for c := range n.mu.conns {
		if which(c) {
			broken = append(broken, c)
		}
	}
	n.mu.Unlock()
	for _, c := range broken {
		c.abort()
	}
}

// look tells whether a route is held, and gives what is closed when that changes.
func (n *Net) look(r route) (held bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.held[r], n.mu.changed
}

// travel chooses a time of travel, and gives the rate.
func (n *Net) travel(r route) (time.Duration, int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.mu.delays[r]
	if !ok {
		s = n.mu.usual
	}
	return s.least + time.Duration(n.mu.rng.Int64N(int64(s.most-s.least)+1)), n.mu.rates[r]
}

type addr string

func (a addr) Network() string { return "mem" }
func (a addr) String() string  { return string(a) }

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
