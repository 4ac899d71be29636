package seat

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func table(n int) *Table {
	t := &Table{Cluster: [16]byte{1}, Replicas: n, Version: 7}
	for i := range n {
		t.Seats = append(t.Seats, Seat{Name: fmt.Sprintf("h%d:1", i+1), ID: uint64(i + 1), Address: "a", Incarnation: 3})
	}
	return t
}

func TestTableRoundTrip(t *testing.T) {
	in := table(3)
	in.Seats[1].Learner, in.Seats[2].Vacant = 99, true
	b := in.Append([]byte("prefix"))[6:]
	out, err := Decode(b)
	if err != nil || !reflect.DeepEqual(in, out) {
		t.Fatalf("%+v, %v", out, err)
	}
	for i := range b {
		for bit := range 8 {
			c := append([]byte{}, b...)
			c[i] ^= 1 << bit
			if _, err := Decode(c); !errors.Is(err, ErrTable) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(table(3).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tb, err := Decode(b); err == nil {
			again, err := Decode(tb.Append(nil))
			if err != nil || !reflect.DeepEqual(tb, again) || len(tb.Seats) != tb.Replicas {
				t.Fatalf("%+v became %+v, %v", tb, again, err)
			}
		}
		_, _ = decodeIdentity(b)
	})
}

func TestIdentity(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("d", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(mem, "d"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an empty directory: %v", err)
	}
	want := NewIdentity("h1:1")
	want.Cluster, want.Incarnation = [16]byte{9}, 4
	if err := want.Save(mem, "d"); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadIdentity(mem, "d"); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := decodeIdentity(want.encode()[:20]); !errors.Is(err, ErrIdentity) {
		t.Fatalf("cut off: %v", err)
	}
}

func participants(n int) []Participant {
	var ps []Participant
	for i := range n {
		ps = append(ps, Participant{Seat: fmt.Sprintf("h%d:1", i+1), ID: uint64(i + 1), Empty: true, Order: uint64(i)})
	}
	return ps
}

func founding(ps []Participant, all bool) Founding {
	next := uint64(1000)
	return Founding{Replicas: 3, Self: ps[0], Others: ps[1:], All: all, Names: []string{"h1:1", "h2:1", "h3:1"},
		Vacant: func() uint64 { next++; return next }}
}

func TestFound(t *testing.T) {
	for name, c := range map[string]struct {
		f    func() Founding
		want string // part of the reason; empty: founds
	}{
		"all there": {func() Founding { return founding(participants(3), true) }, ""},
		"one away":  {func() Founding { return founding(participants(2), true) }, "missing: h3:1"},
		"not first": {func() Founding {
			ps := participants(3)
			return founding([]Participant{ps[1], ps[0], ps[2]}, true)
		}, "h1:1 founds"},
		// [M6] 2: two wiped nodes next to a survivor with the data
		"a survivor": {func() Founding {
			ps := participants(3)
			ps[2].Empty, ps[2].Founded = false, true
			return founding(ps, true)
		}, "belongs to a cluster"},
		"has a store": {func() Founding {
			ps := participants(3)
			ps[0].Empty = false
			return founding(ps, true)
		}, "never founds"},
		"quorum, waiting": {func() Founding { return founding(participants(2), false) }, "has 10s to come"},
		"quorum, waited": {func() Founding {
			f := founding(participants(2), false)
			f.Waited = Patience
			return f
		}, ""},
		"below quorum": {func() Founding {
			f := founding(participants(1), false)
			f.Waited = time.Hour
			return f
		}, "2 are needed"},
		"copied directory": {func() Founding {
			ps := participants(3)
			ps[1].ID = ps[2].ID
			return founding(ps, false)
		}, "was copied"},
	} {
		tb, why := Found(c.f())
		if c.want == "" && (tb == nil || len(tb.Seats) != 3) || c.want != "" && (tb != nil || !strings.Contains(why, c.want)) {
			t.Errorf("%s: %+v, %q", name, tb, why)
		}
	}
}

// world is a cluster whose seats are decided on at random.
type world struct {
	t      *Table
	linked map[uint64]Peer
	gone   map[uint64]time.Duration
}

func (w *world) view() View {
	v := View{Surplus: 10 * time.Minute, Gone: func(id uint64) time.Duration {
		if _, ok := w.linked[id]; ok {
			return 0
		}
		return w.gone[id] + 1
	}}
	for _, p := range w.linked {
		v.Peers = append(v.Peers, p)
	}
	return v
}

func (w *world) do(a Action) {
	s := w.t.Named(a.Seat)
	switch a.Kind {
	case AddLearner:
		s.Learner = a.Peer.ID
	case DropLearner:
		s.Learner = 0
	case Swap:
		s.ID, s.Learner, s.Vacant, s.Name = a.Peer.ID, 0, false, a.Peer.Seat
	}
}

// TestDecideAtRandom lets nodes come, go and be wiped, and holds what must
// always be: as many voters as seats, no two of them alike, and nobody who is
// linked loses its seat.
func TestDecideAtRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		w := &world{t: table(3), linked: map[uint64]Peer{}, gone: map[uint64]time.Duration{}}
		next := uint64(100)
		for range 200 {
			switch rnd.IntN(4) {
			case 0: // a seat's holder goes or comes
				s := w.t.Seats[rnd.IntN(3)]
				if _, up := w.linked[s.ID]; up {
					delete(w.linked, s.ID)
				} else if s.ID < 100 || rnd.IntN(2) == 0 {
					w.linked[s.ID] = Peer{ID: s.ID, Seat: s.Name, Member: true, CaughtUp: true}
				}
			case 1: // somebody new, at a place of the table or beside it
				next++
				w.linked[next] = Peer{ID: next, Seat: fmt.Sprintf("h%d:1", 1+rnd.IntN(5))}
			case 2: // somebody catches up, or goes
				for id, p := range w.linked {
					p.CaughtUp = true
					w.linked[id] = p
					if id >= 100 && rnd.IntN(3) == 0 {
						delete(w.linked, id)
					}
					break
				}
			case 3:
				for id := range w.gone {
					w.gone[id] += time.Duration(rnd.IntN(20)) * time.Minute
				}
				w.gone[w.t.Seats[rnd.IntN(3)].ID] += time.Minute
			}
			a := Decide(w.t, w.view())
			if a.Kind == Swap {
				if _, up := w.linked[a.Old]; up {
					t.Fatalf("%+v takes the seat of a linked holder", a)
				}
				if !a.Peer.CaughtUp {
					t.Fatalf("%+v takes a seat without having caught up", a)
				}
			}
			w.do(a)
			ids := map[uint64]bool{}
			for _, s := range w.t.Seats {
				ids[s.ID] = true
			}
			if len(w.t.Seats) != 3 || len(ids) != 3 {
				t.Fatalf("after %+v: %+v", a, w.t.Seats)
			}
		}
	}
}

func TestDecide(t *testing.T) {
	up := func(ids ...uint64) map[uint64]Peer {
		m := map[uint64]Peer{}
		for _, id := range ids {
			m[id] = Peer{ID: id, Seat: fmt.Sprintf("h%d:1", id), Member: true, CaughtUp: true}
		}
		return m
	}
	wiped := Peer{ID: 50, Seat: "h3:1"}
	w := &world{t: table(3), linked: up(1, 2, 3), gone: map[uint64]time.Duration{}}
	w.linked[50] = wiped
	if a := Decide(w.t, w.view()); a.Kind != Refuse || !strings.Contains(a.Why, "live node") {
		t.Errorf("a second holder: %+v", a)
	}
	delete(w.linked, 3)
	a := Decide(w.t, w.view())
	if a.Kind != AddLearner || a.Seat != "h3:1" {
		t.Fatalf("a wiped node: %+v", a)
	}
	w.do(a)
	if a := Decide(w.t, w.view()); a.Kind != None {
		t.Errorf("before it has caught up: %+v", a)
	}
	wiped.CaughtUp = true
	w.linked[50] = wiped
	if a = Decide(w.t, w.view()); a.Kind != Swap || a.Old != 3 {
		t.Fatalf("after it has caught up: %+v", a)
	}
	w.do(a)
	w.linked[60] = Peer{ID: 60, Seat: "h9:1"}
	if a := Decide(w.t, w.view()); a.Kind != Refuse {
		t.Errorf("a surplus node: %+v", a)
	}
	delete(w.linked, 50)
	w.gone[50] = 11 * time.Minute
	if a := Decide(w.t, w.view()); a.Kind != AddLearner || a.Peer.ID != 60 {
		t.Errorf("a surplus node after ten minutes: %+v", a)
	}
}
