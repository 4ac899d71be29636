package queue

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A sharing is several machines whose consumers share pools. A machine looks at
// what it has only when something happens to it, or a pool has lent it credit.
type sharing struct {
	t          *testing.T
	machines   []*Machine
	dirty      map[*Machine]bool
	queue      []*Machine // the dirty ones in order
	dispatches int
	out        []*Effect
	seqs       map[*Machine]uint64
}

func newSharing(t *testing.T, machines int) *sharing {
	w := &sharing{t: t, dirty: map[*Machine]bool{}, seqs: map[*Machine]uint64{}}
	for range machines {
		w.machines = append(w.machines, New(Limits{Messages: 1000, Bytes: 1 << 20, MaxRedeliveries: -1}, 0, false))
	}
	return w
}

func (w *sharing) pool(n int, room *Room) *Pool {
	return NewPool(n, room, func(c *Consumer) { w.mark(c.Value.(*Machine)) })
}

func (w *sharing) mark(m *Machine) {
	if !w.dirty[m] {
		w.dirty[m] = true
		w.queue = append(w.queue, m)
	}
}

func (w *sharing) join(m *Machine, p *Pool) *Consumer {
	c := &Consumer{Value: m, Pool: p, Room: p.room}
	m.Add(c)
	w.mark(m)
	return c
}

func (w *sharing) arrive(m *Machine, group string) {
	w.seqs[m]++
	m.Arrive(&Entry{Place: Place{Seq: w.seqs[m]}, Size: 1, Value: m, Group: group})
	w.mark(m)
}

// settle lets all machines act that have something to do.
func (w *sharing) settle() {
	for n := 0; len(w.queue) > 0; n++ {
		if n > 100000 {
			w.t.Fatal("the machines wake each other for ever")
		}
		m := w.queue[0]
		w.queue = w.queue[1:]
		w.dirty[m] = false
		m.Dispatch(0)
		w.dispatches++
		for _, f := range m.Take(nil) {
			if f.Action == Deliver {
				w.out = append(w.out, &f)
			}
		}
	}
}

// take takes one of the deliveries.
func (w *sharing) take(i int) *Effect {
	f := w.out[i]
	w.out = append(w.out[:i:i], w.out[i+1:]...)
	if f.Consumer.Room != nil {
		f.Consumer.Room.Empty(1)
	}
	return f
}

func (w *sharing) ack(i int) {
	f := w.take(i)
	m := f.Consumer.Value.(*Machine)
	m.Ack(f.Entry, f.Consumer)
	m.Settle(f.Entry)
	w.mark(m)
}

// A credit that comes back to a consumer of very many queues wakes one of them.
func TestCreditWakesOneMachine(t *testing.T) {
	const n = 1000
	w := newSharing(t, n)
	p := w.pool(1, nil)
	for _, m := range w.machines {
		w.join(m, p)
		w.arrive(m, "")
	}
	w.settle()
	w.dispatches = 0
	for range n {
		w.ack(0)
		w.settle()
	}
	if len(w.out) != 0 || p.Free() != 1 {
		t.Fatalf("%d deliveries are left, and %d credits", len(w.out), p.Free())
	}
	if w.dispatches > 3*n {
		t.Fatalf("%d messages took %d dispatches", n, w.dispatches)
	}
}

// A queue with a large backlog does not starve the others.
func TestCreditGoesAround(t *testing.T) {
	w := newSharing(t, 3)
	p := w.pool(1, nil)
	busy := w.machines[0]
	for _, m := range w.machines {
		w.join(m, p)
	}
	for range 100 {
		w.arrive(busy, "")
	}
	w.settle()
	w.arrive(w.machines[1], "")
	w.arrive(w.machines[2], "")
	w.settle()
	got := map[*Machine]int{}
	for range 5 {
		got[w.out[0].Consumer.Value.(*Machine)]++
		w.ack(0)
		w.settle()
	}
	if got[w.machines[1]] != 1 || got[w.machines[2]] != 1 {
		t.Fatalf("of five messages %d and %d came from the other queues", got[w.machines[1]], got[w.machines[2]])
	}
}

// Whatever happens, nobody who has credit lacks what a machine has for it, and no
// credit is lost.
func TestPoolsAtRandom(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	for run := range *runs {
		if !t.Run("", func(t *testing.T) { poolsAtRandom(t, rand.New(rand.NewPCG(s+run, 2))) }) {
			t.Fatalf("run again with -seed=%d -runs=1", s+run)
		}
	}
}

func poolsAtRandom(t *testing.T, rnd *rand.Rand) {
	w := newSharing(t, 1+rnd.IntN(5))
	sizes := map[*Pool]int{}
	var pools []*Pool
	for range 1 + rnd.IntN(3) {
		var p *Pool
		var room *Room
		if rnd.IntN(2) == 0 {
			room = NewRoom(int64(1+rnd.IntN(4)), func() { p.Reopened() })
		}
		n := 1 + rnd.IntN(4)
		p = w.pool(n, room)
		pools, sizes[p] = append(pools, p), n
	}
	var members []*Consumer
	paused := map[*Machine]bool{}
	for range 600 {
		m := w.machines[rnd.IntN(len(w.machines))]
		switch k := rnd.IntN(20); {
		case k < 6:
			w.arrive(m, []string{"", "", "x", "y"}[rnd.IntN(4)])
		case k < 8 && len(members) < 12:
			members = append(members, w.join(m, pools[rnd.IntN(len(pools))]))
		case k < 9 && len(members) > 0:
			i := rnd.IntN(len(members))
			c := members[i]
			members = append(members[:i:i], members[i+1:]...)
			for i := len(w.out) - 1; i >= 0; i-- {
				if w.out[i].Consumer == c {
					w.take(i)
				}
			}
			c.Value.(*Machine).Remove(c, false)
			w.mark(c.Value.(*Machine))
		case k < 10:
			paused[m] = !paused[m]
			m.Pause(paused[m])
			w.mark(m)
		case k < 12 && len(w.out) > 0:
			f := w.take(rnd.IntN(len(w.out)))
			to := f.Consumer.Value.(*Machine)
			to.Return(f.Entry, f.Consumer, true)
			w.mark(to)
		case len(w.out) > 0:
			w.ack(rnd.IntN(len(w.out)))
		}
		if rnd.IntN(3) == 0 {
			w.settle()
			w.check(members, sizes)
		}
	}
	for m := range paused {
		m.Pause(false)
		w.mark(m)
	}
	for _, m := range w.machines {
		members = append(members, w.join(m, pools[0]))
	}
	for w.settle(); len(w.out) > 0; w.settle() {
		w.ack(rnd.IntN(len(w.out)))
	}
	w.check(members, sizes)
	for _, m := range w.machines {
		if n := len(m.window.live()); n != 0 {
			t.Fatalf("%d messages are left", n)
		}
	}
}

func (w *sharing) check(members []*Consumer, sizes map[*Pool]int) {
	w.t.Helper()
	for p, n := range sizes {
		for _, f := range w.out {
			if f.Consumer.Pool == p {
				n--
			}
		}
		if p.Free() != n {
			w.t.Fatalf("a pool has %d credits, should have %d", p.Free(), n)
		}
	}
	for _, c := range members {
		m := c.Value.(*Machine)
		if !c.able() || m.paused {
			continue
		}
		for _, e := range m.window.live() {
			if e.state == Ready && e.Group == "" || len(c.parked) > 0 {
				w.t.Fatalf("message %d waits though a consumer has credit", e.Seq)
			}
		}
	}
}
