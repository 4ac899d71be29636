package seat

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// host is a place with a directory, which can be wiped.
type host struct {
	name     string
	up       bool
	who      Identity
	order    uint64
	replicas int
}

func (h *host) founded() bool { return h.who.Cluster != [16]byte{} }

// site is hosts that may or may not see each other, and an outside record.
type site struct {
	rnd    *rand.Rand
	hosts  []*host
	cut    map[[2]int]bool
	names  []string // with a list of peers
	record *Table   // with an ensemble, made by compare-and-set
	born   map[[16]byte]*Table
	ids    uint64
}

func newSite(seed uint64, n int, list bool) *site {
	s := &site{rnd: rand.New(rand.NewPCG(seed, 2)), cut: map[[2]int]bool{}, born: map[[16]byte]*Table{}}
	for i := range n {
		h := &host{name: fmt.Sprintf("h%d:1", i+1), replicas: n}
		s.hosts = append(s.hosts, h)
		s.wipe(h)
		if list {
			s.names = append(s.names, h.name)
		}
	}
	return s
}

func (s *site) wipe(h *host) {
	s.ids++
	h.who, h.order = Identity{ID: s.ids, Seat: h.name}, s.rnd.Uint64N(1000)
}

// view is what host i sees: those with a link, which is all that a list of peers
// shows, and what an ensemble shows of those that may be told.
func (s *site) view(i int) Founding {
	see := func(h *host) Participant {
		return Participant{Seat: h.name, ID: h.who.ID, Empty: !h.founded(), Founded: h.founded(), Order: h.order, Replicas: h.replicas}
	}
	f := Founding{Replicas: len(s.hosts), Self: see(s.hosts[i]), All: s.names != nil, Names: s.names, Record: s.record != nil,
		Waited: time.Duration(s.rnd.IntN(20)) * time.Second,
		Vacant: func() uint64 { s.ids++; return s.ids }}
	for k := range f.Cluster {
		f.Cluster[k] = byte(s.rnd.Uint32())
	}
	for j, h := range s.hosts {
		if j != i && h.up && !s.cut[[2]int{min(i, j), max(i, j)}] {
			f.Others = append(f.Others, see(h))
		}
	}
	return f
}

// try lets host i found, if it will. The record reaches those with a link, some
// of them: the founder may stop half-way.
func (s *site) try(t *testing.T, i int) {
	f := s.view(i)
	tb, why := Found(f)
	if tb == nil {
		if why == "" {
			t.Fatal("waits without a reason")
		}
		return
	}
	s.check(t, i, tb, f)
	if s.names == nil {
		s.record = tb // nobody was first: the view has no record
	}
	s.born[tb.Cluster] = tb
	for j, h := range s.hosts {
		if st := tb.Seat(h.who.ID); st != nil && (j == i || s.rnd.IntN(3) > 0) {
			h.who.Cluster = tb.Cluster
		}
	}
}

func (s *site) check(t *testing.T, i int, tb *Table, f Founding) {
	if err := tb.Check(); err != nil || len(tb.Seats) != len(s.hosts) {
		t.Fatalf("%v: %+v", err, tb)
	}
	held := 0
	for _, st := range tb.Seats {
		if !st.Vacant {
			held++
		}
	}
	if held < quorum(tb.Replicas) || s.names != nil && held != tb.Replicas || tb.Seat(f.Self.ID) == nil {
		t.Fatalf("%d of %d seats are held: %+v", held, tb.Replicas, tb)
	}
	if s.hosts[i].founded() {
		t.Fatalf("%s founds with a store", f.Self.Seat)
	}
	for _, p := range f.Others {
		if p.Founded {
			t.Fatalf("%s founds beside %s, which belongs to a cluster", f.Self.Seat, p.Seat)
		}
	}
}

// TestFoundingAtRandom wipes, stops and parts nodes at random, and lets each try
// to found whenever it likes. With a list there is never a second cluster while a
// member of the first is left anywhere; with an ensemble never one at all while
// its record stands; and nobody founds within sight of a member.
func TestFoundingAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	founded := 0
	for round := range 200 {
		s := newSite(seed+uint64(round), 1+round%5, round%2 == 0)
		for range 150 {
			i, j := s.rnd.IntN(len(s.hosts)), s.rnd.IntN(len(s.hosts))
			switch s.rnd.IntN(8) {
			case 0:
				s.hosts[i].up = false
			case 1, 2:
				s.hosts[i].up = true
			case 3:
				s.wipe(s.hosts[i])
			case 4, 5:
				s.cut[[2]int{min(i, j), max(i, j)}] = s.rnd.IntN(3) == 0
			default:
				if s.hosts[i].up {
					s.try(t, i)
				}
			}
			alive := map[[16]byte]bool{}
			for _, h := range s.hosts {
				if h.founded() {
					alive[h.who.Cluster] = true
				}
			}
			if len(alive) > 1 || s.names == nil && len(s.born) > 1 {
				t.Fatalf("round %d: %d clusters, %d founded", round, len(alive), len(s.born))
			}
		}
		founded += len(s.born)
	}
	if founded < 50 {
		t.Errorf("only %d clusters were founded: the run says nothing", founded)
	}
}
