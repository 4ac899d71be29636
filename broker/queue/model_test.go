package queue

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "seed of the random runs; 0 takes one from the clock")

// TestModel drives a machine at random beside a store, a loader and a log that
// answer late, and holds it to the rules: what is delivered is always the first
// message that nobody has, nobody has more than its prefetch, and in the end
// every message was consumed or dead exactly once.
func TestModel(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	for run := range uint64(300) {
		if !t.Run("", func(t *testing.T) { newModel(t, s+run).run(1500) }) {
			t.Fatalf("run again with -seed=%d", s+run)
		}
	}
}

// A model is the world of one machine.
type model struct {
	t   *testing.T
	rnd *rand.Rand
	m   *Machine

	log      []func() // proposed, not applied: changes to the store, each posting events
	posted   []func() // applied, its event not yet in the inbox
	inbox    []func() // events that the machine has not seen
	reads    []Effect // pages asked for
	store    []uint64 // pending in the store, in order
	count    map[uint64]uint32
	spill    []*Entry
	seq      uint64
	visible  []*Entry // a copy for each message that the machine was told of and that nobody has
	with     map[*Consumer][]*Entry
	prefetch map[*Consumer]int
	held     []heldEntry // acknowledged in a transaction
	ended    map[Place]int
	sent     int
}

type heldEntry struct {
	e *Entry
	c *Consumer
}

func newModel(t *testing.T, seed uint64) *model {
	w := &model{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), count: map[uint64]uint32{},
		with: map[*Consumer][]*Entry{}, prefetch: map[*Consumer]int{}, ended: map[Place]int{},
	}
	limits := Limits{Messages: 1 + w.rnd.IntN(12), Bytes: 50 + w.rnd.IntN(200), Pending: 30 + w.rnd.IntN(100), MaxRedeliveries: 1 + w.rnd.IntN(3)}
	backlog := w.rnd.IntN(2) * w.rnd.IntN(30)
	for range backlog {
		w.seq++
		w.store = append(w.store, w.seq)
		w.visible = append(w.visible, &Entry{Place: Place{Seq: w.seq}})
		w.sent++
	}
	w.m = New(limits, w.seq, backlog > 0)
	return w
}

func (w *model) run(steps int) {
	for range steps {
		w.step(w.rnd.IntN(100))
		check(w.t, w.m)
	}
	w.drain()
}

func (w *model) step(n int) {
	switch {
	case n < 14:
		w.enqueue()
	case n < 20:
		w.inbox = append(w.inbox, w.volatile)
		w.sent++
	case n < 34:
		w.next(&w.log)
	case n < 46:
		w.next(&w.posted)
	case n < 60:
		w.next(&w.inbox)
	case n < 66:
		w.read()
	case n < 69:
		w.join()
	case n < 71:
		w.leave()
	case n < 82:
		w.ack()
	case n < 86:
		w.giveBack()
	case n < 88:
		w.finish(w.rnd.IntN(2) == 0)
	case n < 89:
		w.m.SetLimits(Limits{Messages: 1 + w.rnd.IntN(12), Bytes: 50 + w.rnd.IntN(200), Pending: 30 + w.rnd.IntN(100), MaxRedeliveries: w.m.limits.MaxRedeliveries})
	default:
		w.m.Dispatch(0)
		w.perform()
	}
}

func (w *model) next(list *[]func()) {
	if len(*list) > 0 {
		f := (*list)[0]
		*list = (*list)[1:]
		f()
		w.perform()
	}
}

func (w *model) enqueue() {
	w.sent++
	w.log = append(w.log, func() {
		w.seq++
		seq := w.seq
		w.store = append(w.store, seq)
		w.posted = append(w.posted, func() {
			w.inbox = append(w.inbox, func() {
				if !w.known(seq) {
					w.see(&Entry{Place: Place{Seq: seq}})
				}
				w.m.Arrive(&Entry{Place: Place{Seq: seq}, Size: 10, Value: "m"})
			})
		})
	})
}

// known reports whether the machine had seq by a page before its arrival.
func (w *model) known(seq uint64) bool {
	_, ok := w.m.window.find(Place{Seq: seq})
	return ok
}

func (w *model) see(e *Entry) {
	i, dup := slices.BinarySearchFunc(w.visible, e, func(a, b *Entry) int { return a.Place.Compare(b.Place) })
	if !dup {
		w.visible = slices.Insert(w.visible, i, e)
	}
}

func (w *model) volatile() {
	e := &Entry{Size: 10, Value: "m"}
	w.m.ArriveVolatile(e)
	w.see(&Entry{Place: e.Place})
}

func (w *model) read() {
	if len(w.reads) == 0 {
		return
	}
	f := w.reads[0]
	w.reads = w.reads[1:]
	if w.rnd.IntN(10) == 0 {
		w.inbox = append(w.inbox, func() { w.m.LoadFailed(f.Source, f.Epoch) })
		return
	}
	n := min(f.N, 1+w.rnd.IntN(6))
	if f.Source == Spilled {
		n = min(n, len(w.spill))
		page, short := w.spill[:n], n == len(w.spill)
		w.spill = w.spill[n:]
		w.inbox = append(w.inbox, func() { w.m.Loaded(Spilled, f.Epoch, f.After, page, short) })
		return
	}
	var page []*Entry
	short := true
	for _, seq := range w.store {
		if f.After.Seq >= seq {
			continue
		}
		if len(page) == n {
			short = false
			break
		}
		page = append(page, &Entry{Place: Place{Seq: seq}, Size: 10, Value: "m", Count: w.count[seq]})
	}
	w.inbox = append(w.inbox, func() {
		for _, e := range page {
			if !w.known(e.Seq) {
				w.see(&Entry{Place: e.Place})
			}
		}
		w.m.Loaded(Stored, f.Epoch, f.After, page, short)
	})
}

func (w *model) join() {
	if len(w.with) >= 4 {
		return
	}
	c := &Consumer{Credit: 1 + w.rnd.IntN(5)}
	w.with[c], w.prefetch[c] = nil, c.Credit
	w.m.Add(c)
}

// anyone gives a consumer at random, always the same for the same seed.
func (w *model) anyone() *Consumer {
	if all := w.m.cs.all; len(all) > 0 {
		return all[w.rnd.IntN(len(all))]
	}
	return nil
}

func (w *model) leave() {
	c := w.anyone()
	if c == nil {
		return
	}
	list := w.with[c]
	delete(w.with, c)
	delete(w.prefetch, c)
	for _, e := range list {
		w.see(&Entry{Place: e.Place})
	}
	w.m.Remove(c, w.rnd.IntN(2) == 0)
	w.perform()
}

// some takes one delivery of a consumer.
func (w *model) some() (*Entry, *Consumer) {
	c := w.anyone()
	if c == nil || len(w.with[c]) == 0 {
		return nil, nil
	}
	i := w.rnd.IntN(len(w.with[c]))
	e := w.with[c][i]
	w.with[c] = slices.Delete(slices.Clone(w.with[c]), i, i+1)
	return e, c
}

func (w *model) ack() {
	e, c := w.some()
	if e == nil {
		return
	}
	w.m.Ack(e, c)
	if w.rnd.IntN(3) == 0 {
		w.held = append(w.held, heldEntry{e, c})
		return
	}
	w.consume(e)
}

// consume logs the removal of e; the machine hears of it later.
func (w *model) consume(e *Entry) {
	settle := func() { w.inbox = append(w.inbox, func() { w.m.Settle(e) }) }
	w.ended[e.Place]++
	if e.Volatile {
		settle()
		return
	}
	w.log = append(w.log, func() {
		i, ok := slices.BinarySearch(w.store, e.Seq)
		if !ok {
			w.t.Fatalf("%v was removed twice", e.Place)
		}
		w.store = slices.Delete(slices.Clone(w.store), i, i+1)
		w.posted = append(w.posted, settle)
	})
}

func (w *model) giveBack() {
	if e, c := w.some(); e != nil {
		w.see(&Entry{Place: e.Place})
		w.m.Return(e, c, w.rnd.IntN(2) == 0)
		w.perform()
	}
}

// finish commits or rolls back what is held.
func (w *model) finish(commit bool) {
	for _, h := range w.held {
		if commit {
			w.consume(h.e)
			continue
		}
		w.see(&Entry{Place: h.e.Place})
		w.m.Return(h.e, h.c, true)
	}
	w.held = nil
	w.perform()
}

func (w *model) perform() {
	for _, f := range w.m.Take(nil) {
		switch f.Action {
		case Deliver:
			w.deliver(f.Entry, f.Consumer)
		case Load:
			w.reads = append(w.reads, f)
		case Spill:
			w.spill = append(w.spill, &Entry{Place: f.Entry.Place, Size: 10, Value: "m"})
		case Count:
			w.count[f.Entry.Seq] = f.Entry.Count
		case DeadLetter:
			w.unsee(f.Entry)
			w.consume(f.Entry)
		}
	}
}

func (w *model) unsee(e *Entry) {
	w.visible = slices.DeleteFunc(slices.Clone(w.visible), func(o *Entry) bool { return o.Place == e.Place })
}

func (w *model) deliver(e *Entry, c *Consumer) {
	if len(w.visible) == 0 || w.visible[0].Place != e.Place {
		w.t.Fatalf("%v is delivered, the first is %v", e.Place, w.visible)
	}
	w.visible = w.visible[1:]
	w.with[c] = append(w.with[c], e)
	if len(w.with[c]) > w.prefetch[c] {
		w.t.Fatalf("%d deliveries outstanding, the prefetch is %d", len(w.with[c]), w.prefetch[c])
	}
	if w.ended[e.Place] > 0 {
		w.t.Fatalf("%v is delivered after it was consumed", e.Place)
	}
	if !e.Volatile && w.rnd.IntN(2) == 0 {
		e.Value = nil
	}
}

// drain consumes all that is left.
func (w *model) drain() {
	w.finish(true)
	for range 20000 {
		w.next(&w.log)
		w.next(&w.posted)
		w.next(&w.inbox)
		w.read()
		if len(w.with) == 0 {
			w.join()
		}
		if e, c := w.some(); e != nil {
			w.m.Ack(e, c)
			w.consume(e)
		}
		w.m.Dispatch(0)
		w.perform()
		check(w.t, w.m)
		if len(w.ended) == w.sent && len(w.log)+len(w.posted)+len(w.inbox)+len(w.reads) == 0 {
			break
		}
	}
	for p, n := range w.ended {
		if n != 1 {
			w.t.Errorf("%v ended %d times", p, n)
		}
	}
	if len(w.ended) != w.sent || len(w.store)+len(w.spill) != 0 {
		w.t.Fatalf("%d sent, %d consumed or dead, %d in the store, %d in the spill", w.sent, len(w.ended), len(w.store), len(w.spill))
	}
	if st := w.m.Status(); st.Ready+st.Delivered+st.Held != 0 || st.Bytes != 0 {
		w.t.Fatalf("left over: %+v", st)
	}
}
