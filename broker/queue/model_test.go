package queue

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	seed = flag.Uint64("seed", 0, "seed of the random runs; 0 takes one from the clock")
	runs = flag.Uint64("runs", 150, "how many random runs")
)

// TestModel drives a machine at random beside a store, a spill, a loader and a
// log that answer late, and holds it to the rules. What is delivered matches its
// consumer's selector, is due, and is the first message that this consumer could
// have; nobody has more than its prefetch; a group is with one consumer and in
// order. Whenever all is quiet nobody with credit lacks a message that it could
// have. In the end every message was consumed, discarded or dead exactly once.
func TestModel(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	for run := range *runs {
		if !t.Run("", func(t *testing.T) { newModel(t, s+run).run(1500) }) {
			t.Fatalf("run again with -seed=%d -runs=1", s+run)
		}
	}
}

// A note is a message of the model; it is its own Value.
type note struct {
	at       Place
	volatile bool
	kind     string
	group    string
	last     bool // of its group
	expires  int64
	failed   uint32
	due      int64 // not before, once it has failed
}

// A model is the world of one machine.
type model struct {
	t   *testing.T
	rnd *rand.Rand
	m   *Machine
	now int64

	with struct { // what this run has
		lanes, groups, kinds, expiry, exclusive, priorities, pull, trim, topic bool
	}
	log     []func() // proposed, not applied: changes to the store, each posting events
	posted  []func() // applied, its event not yet in the inbox
	inbox   []func() // events that the machine has not seen
	loader  []func() // what the loader is to do
	store   []*note  // pending in the store, in order
	spill   []*note  // in the spill, in order
	seq     uint64
	visible []*note // that the machine was told of and that nobody has
	drinks  []*drinker
	pool    *Pool
	lent    int // of the pool
	held    []holding
	out     map[Place]holding // with a consumer, or acknowledged and not settled
	ended   map[Place]string
	sent    int
	trims   int
}

// A drinker is a consumer.
type drinker struct {
	c        *Consumer
	prefetch int
	pulls    int // deliveries asked for
	list     []holding
}

type holding struct {
	n *note
	e *Entry
	d *drinker
}

func newModel(t *testing.T, seed uint64) *model {
	w := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), out: map[Place]holding{}, ended: map[Place]string{}, now: 1000}
	for _, f := range []*bool{
		&w.with.lanes, &w.with.groups, &w.with.kinds, &w.with.expiry, &w.with.exclusive, &w.with.priorities, &w.with.pull, &w.with.trim,
	} {
		*f = w.rnd.IntN(3) == 0
	}
	w.with.topic = w.rnd.IntN(10) == 0
	w.pool = NewPool(1+w.rnd.IntN(5), nil, func(*Consumer) {})
	w.lent = -w.pool.Free()
	backlog := w.rnd.IntN(2) * w.rnd.IntN(30)
	if w.with.topic {
		backlog = 0
	}
	for range backlog {
		n := w.message()
		w.add(n)
		w.see(n)
	}
	l := w.limits()
	l.MaxRedeliveries = 1 + w.rnd.IntN(3)
	if w.rnd.IntN(2) == 0 {
		l.RedeliveryDelay, l.RedeliveryBackOff = int64(1+w.rnd.IntN(20)), 2
	}
	l.StrictOrder = w.rnd.IntN(6) == 0
	if w.rnd.IntN(8) == 0 {
		l.ConsumersBeforeDispatch, l.TimeBeforeDispatch = 2, 50
	}
	l.Groups, l.Aside = 1+w.rnd.IntN(4), 1+w.rnd.IntN(20)
	l.MaxWaiting = -1
	if w.with.topic {
		l.MaxWaiting = w.rnd.IntN(6)
		l.Evict = Eviction(w.rnd.IntN(3))
		l.Rank = func(v any) int { return int(v.(*note).kind[0]) }
		l.Key = func(v any) any { return v.(*note).kind }
	}
	w.m = New(l, w.seq, backlog > 0)
	return w
}

// limits gives what may change while the machine runs.
func (w *model) limits() Limits {
	var l Limits
	if w.m != nil {
		l = w.m.limits
	}
	l.Messages, l.Bytes, l.Pending, l.ExpirePage = 1+w.rnd.IntN(12), 50+w.rnd.IntN(200), 30+w.rnd.IntN(100), 1+w.rnd.IntN(4)
	return l
}

func (w *model) message() *note {
	w.sent++
	n := &note{kind: string(rune('a' + w.rnd.IntN(3)))}
	if w.with.groups && w.rnd.IntN(3) > 0 {
		n.group = string(rune('x' + w.rnd.IntN(3)))
		n.last = w.rnd.IntN(8) == 0
	}
	if w.with.lanes {
		n.at.Lane = uint8(w.rnd.IntN(3))
	}
	if w.with.expiry && w.rnd.IntN(4) == 0 {
		n.expires = w.now + int64(w.rnd.IntN(300))
	}
	return n
}

func (n *note) entry() *Entry {
	e := &Entry{
		Place: n.at, Size: 10, Value: n, Group: n.group, Expires: n.expires, Count: n.failed, Redelivered: n.failed > 0,
		Volatile: n.volatile,
	}
	if n.last {
		e.GroupSeq = -1
	}
	return e
}

func byPlace(a, b *note) int { return a.at.Compare(b.at) }

func put(list []*note, n *note) []*note {
	i, dup := slices.BinarySearchFunc(list, n, byPlace)
	if dup {
		return list
	}
	return slices.Insert(slices.Clone(list), i, n)
}

func cut(list []*note, n *note) []*note {
	return slices.DeleteFunc(slices.Clone(list), func(o *note) bool { return o == n })
}

func (w *model) add(n *note) {
	w.seq++
	n.at.Seq = w.seq
	w.store = put(w.store, n)
}

func (w *model) see(n *note) {
	if w.ended[n.at] == "" {
		w.visible = put(w.visible, n)
	}
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
		w.inbox = append(w.inbox, w.volatile(w.message()))
	case n < 32:
		w.next(&w.log)
	case n < 43:
		w.next(&w.posted)
	case n < 56:
		w.next(&w.inbox)
	case n < 63:
		w.next(&w.loader)
	case n < 66:
		w.join()
	case n < 68:
		w.leave(w.anyone())
	case n < 79:
		w.ack()
	case n < 83:
		w.giveBack()
	case n < 85:
		w.finish(w.rnd.IntN(2) == 0)
	case n < 86:
		w.rare(w.rnd.IntN(10))
	case n < 88:
		w.now += int64(w.rnd.IntN(20))
	case n < 89:
		w.pull()
	case n < 90 && w.rnd.IntN(2) == 0:
		w.quiet()
	default:
		w.dispatch()
	}
}

func (w *model) rare(n int) {
	switch {
	case n < 3:
		w.m.SetLimits(w.limits())
	case n < 4:
		w.m.Pause(w.rnd.IntN(2) == 0)
	case n < 5:
		w.m.DropGroups()
	case n < 6 && w.with.trim:
		w.trims += 3
		w.m.Trim(1+w.rnd.IntN(3)+w.m.dying, 0)
	case n < 7:
		w.m.DropGroup("x")
	default:
		w.m.Expire(w.now)
	}
	w.perform()
}

func (w *model) next(list *[]func()) {
	if len(*list) > 0 {
		f := (*list)[0]
		*list = (*list)[1:]
		f()
		w.perform()
	}
}

func (w *model) dispatch() {
	w.m.Dispatch(w.now)
	w.perform()
}

func (w *model) enqueue() {
	if w.with.topic {
		return
	}
	n := w.message()
	w.log = append(w.log, func() {
		w.add(n)
		w.posted = append(w.posted, func() {
			w.inbox = append(w.inbox, func() {
				if w.out[n.at].n == nil {
					w.see(n)
				}
				w.m.Arrive(n.entry())
			})
		})
	})
}

func (w *model) volatile(n *note) func() {
	n.volatile = true
	return func() {
		e := n.entry()
		w.m.ArriveVolatile(e)
		n.at = e.Place
		w.see(n)
	}
}

// perform does what the machine asks for.
func (w *model) perform() {
	for _, f := range w.m.Take(nil) {
		switch f.Action {
		case Deliver:
			w.deliver(f.Entry, f.Consumer)
		case Load:
			w.loader = append(w.loader, func() { w.read(f.Query) })
		case Spill:
			w.loader = append(w.loader, func() { w.spill = put(w.spill, f.Entry.Value.(*note)) })
		case Count:
			w.noteAt(f.Entry.Place).failed = f.Entry.Count
		case DeadLetter:
			w.bury(f.Entry, f.Cause)
		case Discard:
			w.end(f.Entry.Value.(*note), "discarded")
		}
	}
}

func (w *model) noteAt(p Place) *note {
	for _, list := range [][]*note{w.store, w.spill, w.visible} {
		if i, ok := slices.BinarySearchFunc(list, &note{at: p}, byPlace); ok {
			return list[i]
		}
	}
	if h, ok := w.out[p]; ok {
		return h.n
	}
	w.t.Fatalf("nothing is at %v", p)
	return nil
}

// end notes that a message has left the queue for good.
func (w *model) end(n *note, how string) {
	if was := w.ended[n.at]; was != "" {
		w.t.Fatalf("%v is %s, and was %s before", n.at, how, was)
	}
	w.ended[n.at] = how
	w.visible = cut(w.visible, n)
}

func (w *model) bury(e *Entry, cause Cause) {
	n := w.noteAt(e.Place)
	switch cause {
	case Expired:
		if n.expires == 0 || w.now < n.expires {
			w.t.Fatalf("%v has expired at %d, its time is %d", e.Place, w.now, n.expires)
		}
	case Overflow:
		if w.trims--; w.trims < 0 {
			w.t.Fatalf("%v was dropped, nobody asked for that", e.Place)
		}
		if len(w.visible) > 0 && w.visible[0] != n {
			w.t.Fatalf("%v was dropped, the first is %v", e.Place, w.visible[0].at)
		}
	}
	w.consume(holding{n: n, e: e}, cause.String())
}

// consume logs the removal of a message; the machine hears of it later.
func (w *model) consume(h holding, how string) {
	w.end(h.n, how)
	settle := func() {
		w.inbox = append(w.inbox, func() {
			delete(w.out, h.n.at)
			w.m.Settle(h.e)
		})
	}
	if h.n.volatile {
		settle()
		return
	}
	w.log = append(w.log, func() {
		if !slices.Contains(w.store, h.n) {
			w.t.Fatalf("%v was removed twice", h.n.at)
		}
		w.store = cut(w.store, h.n)
		w.posted = append(w.posted, settle)
	})
}

// read answers a query, some of it, or not.
func (w *model) read(q *Query) {
	if w.rnd.IntN(10) == 0 {
		w.inbox = append(w.inbox, func() { w.m.LoadFailed(q) })
		return
	}
	page, at, end := w.found(q)
	answer := func() {
		for _, e := range page {
			if i, known := w.m.window.find(e.Place); !known || w.m.window.list[i].state.waiting() {
				w.see(e.Value.(*note))
			}
		}
		w.m.Loaded(q, page, at, end)
	}
	// Between the look at the store and the answer others may tell something.
	post := func() { w.inbox = append(w.inbox, answer) }
	w.loader = append([]func(){post}, w.loader...)
}

func (w *model) found(q *Query) (page []*Entry, at Place, end bool) {
	list := w.store
	if q.Source == Spilled {
		list = w.spill
	}
	if q.Entries != nil {
		for _, e := range q.Entries {
			if i, ok := slices.BinarySearchFunc(list, &note{at: e.Place}, byPlace); ok {
				page = append(page, list[i].entry())
			}
		}
		return page, at, true
	}
	at = q.After
	most, looks := min(q.N, 1+w.rnd.IntN(6)), 1+w.rnd.IntN(8)
	for _, n := range list {
		if !q.After.Less(n.at) {
			continue
		}
		if len(page) == most || q.Match != nil && looks == 0 {
			return page, at, false
		}
		at = n.at
		looks--
		e := n.entry()
		if q.Match != nil && !q.Match(e) {
			continue
		}
		page = append(page, e)
		if q.Source == Spilled {
			w.spill = cut(w.spill, n)
		}
	}
	return page, at, true
}

func (w *model) join() {
	if len(w.drinks) >= 4 {
		return
	}
	d := &drinker{prefetch: 1 + w.rnd.IntN(5)}
	d.c = &Consumer{Credit: d.prefetch, Value: fmt.Sprint(w.rnd.IntN(1000))}
	if w.with.kinds && w.rnd.IntN(3) > 0 {
		d.selects([]string{"a", "b", "ab", "bc"}[w.rnd.IntN(4)])
	}
	if w.with.priorities {
		d.c.Priority = w.rnd.IntN(3)
	}
	switch {
	case w.with.pull && w.rnd.IntN(3) == 0:
		d.c.Credit, d.prefetch = 0, 0
	case w.rnd.IntN(6) == 0:
		d.c.Credit, d.c.Pool = 0, w.pool
	}
	d.c.Exclusive = w.with.exclusive && w.rnd.IntN(4) == 0
	w.drinks = append(w.drinks, d)
	w.m.Add(d.c)
}

func (d *drinker) selects(kinds string) {
	d.c.Selector = kinds
	d.c.Match = func(e *Entry) bool {
		for _, k := range kinds {
			if string(k) == e.Value.(*note).kind {
				return true
			}
		}
		return false
	}
}

// anyone gives a consumer at random, always the same for the same seed.
func (w *model) anyone() *drinker {
	if len(w.drinks) == 0 {
		return nil
	}
	return w.drinks[w.rnd.IntN(len(w.drinks))]
}

func (w *model) leave(d *drinker) {
	if d == nil {
		return
	}
	w.drinks = slices.DeleteFunc(slices.Clone(w.drinks), func(o *drinker) bool { return o == d })
	failed := w.rnd.IntN(2) == 0
	for _, h := range d.list {
		w.returned(h, failed)
		w.paid(d)
	}
	d.list = nil
	w.m.Remove(d.c, failed)
	w.perform()
}

// returned notes that nobody has the message of h any more.
func (w *model) returned(h holding, failed bool) {
	delete(w.out, h.n.at)
	if failed {
		if int(h.e.Count) < w.m.limits.MaxRedeliveries {
			e := Entry{Count: h.e.Count + 1}
			h.n.due = w.now + w.m.limits.delay(&e)
		}
		if h.n.volatile {
			h.n.failed++
		}
	}
	w.see(h.n)
}

// paid notes that a delivery is over.
func (w *model) paid(d *drinker) {
	if d.c.Pool != nil {
		w.lent--
	}
}

func (w *model) pull() {
	if d := w.anyone(); d != nil && d.prefetch == 0 && d.c.Pool == nil {
		if w.rnd.IntN(5) == 0 && w.m.Unpull(d.c) {
			d.pulls--
			return
		}
		if w.m.Pull(d.c) {
			d.pulls++
		}
	}
}

// some takes one delivery of a consumer.
func (w *model) some() (h holding, ok bool) {
	d := w.anyone()
	if d == nil || len(d.list) == 0 {
		return h, false
	}
	i := w.rnd.IntN(len(d.list))
	h = d.list[i]
	d.list = slices.Delete(slices.Clone(d.list), i, i+1)
	w.paid(d)
	return h, true
}

func (w *model) ack() {
	h, ok := w.some()
	if !ok {
		return
	}
	w.m.Ack(h.e, h.d.c)
	if w.rnd.IntN(3) == 0 {
		w.held = append(w.held, h)
		return
	}
	w.consume(h, "consumed")
}

func (w *model) giveBack() {
	if h, ok := w.some(); ok {
		failed := w.rnd.IntN(2) == 0
		w.returned(h, failed)
		w.m.Return(h.e, h.d.c, failed)
		w.perform()
	}
}

// finish commits or rolls back what is held.
func (w *model) finish(commit bool) {
	for _, h := range w.held {
		if commit {
			w.consume(h, "consumed")
			continue
		}
		w.returned(h, true)
		w.m.Return(h.e, h.d.c, true)
	}
	w.held = nil
	w.perform()
}
