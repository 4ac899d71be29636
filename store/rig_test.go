package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/quorate/quorate/wal"
)

// memLog is a log in memory that commits at once. An entry holds one or more
// batches behind a head of 16 bytes, each with its length before it.
type memLog struct {
	mu      sync.Mutex
	entries [][]byte
	refuse  func(i wal.Index) bool // of reading
	needs   wal.Index              // the next store that is opened must have it: the log may have dropped what is below

	store *Store
	model *model
	t     *testing.T
}

func (l *memLog) Entry(i wal.Index) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil && l.refuse(i) {
		return nil, wal.ErrCompacted
	}
	if i == 0 || int(i) > len(l.entries) {
		return nil, wal.ErrUnavailable
	}
	return l.entries[i-1], nil
}

func (l *memLog) Propose(batch []byte, done func(any, error)) {
	done(l.commit(batch)[0], nil)
}

// commit puts batches in one entry and applies it.
func (l *memLog) commit(batches ...[]byte) []any {
	data := make([]byte, 16)
	for _, b := range batches {
		data = append(binary.AppendUvarint(data, uint64(len(b))), b...)
	}
	l.mu.Lock()
	l.entries = append(l.entries, data)
	at := wal.Index(len(l.entries))
	l.mu.Unlock()
	return apply(l.store, at, data, func(b []byte, r any) {
		if l.model == nil || r == nil {
			return
		}
		got, want := fmt.Sprintf("%+v", r.(*Result).Ops), fmt.Sprintf("%+v", l.model.apply(l.t, at, b))
		if got != want {
			l.t.Fatalf("entry %d: outcomes\n%s\nwant\n%s", at, got, want)
		}
	})
}

// each calls f for each batch of an entry, with its place in the data.
func each(data []byte, f func(off int, batch []byte)) {
	for off := 16; off < len(data); {
		n, k := binary.Uvarint(data[off:])
		off += k
		f(off, data[off:off+int(n)])
		off += int(n)
	}
}

// apply applies an entry as replica does.
func apply(s *Store, at wal.Index, data []byte, then func([]byte, any)) (results []any) {
	each(data, func(off int, b []byte) {
		r := s.Apply(at, 1, off, b)
		results = append(results, r)
		if then != nil {
			then(b, r)
		}
	})
	var membership []byte
	if at%50 == 0 {
		membership = fmt.Appendf(nil, "members at %d", at)
	}
	s.Settle(at, 1, membership)
	return results
}

// replay applies what the store does not have yet.
func (l *memLog) replay(s *Store) {
	from, _, _ := s.Applied()
	for i := from; int(i) < len(l.entries); i++ {
		apply(s, i+1, l.entries[i], nil)
	}
}

// open opens a store in fs and lets the log replay on it. Reading an entry that
// the log may have dropped is an error.
func (l *memLog) open(t *testing.T, fs vfs.FS, dir string, o Options) *Store {
	t.Helper()
	o.FS = fs
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if at, _, _ := s.Applied(); at < l.needs {
		t.Fatalf("the store is at %d, it was durable at %d", at, l.needs)
	}
	l.needs = 0
	s.SetLog(l)
	l.store = s
	l.refuse = func(i wal.Index) bool { return i <= s.Low() }
	l.replay(s)
	return s
}

// smallOptions draws generations small enough to close again and again.
func smallOptions(r *rand.Rand) Options {
	return Options{
		GenerationMemory:  int64(500 + r.IntN(20_000)),
		GenerationLog:     int64(500 + r.IntN(50_000)),
		GenerationEntries: int64(1 + r.IntN(60)),
		GenerationBodies:  int64(r.IntN(4_000)) + 1,
		MemTable:          256 << 10,
		Cache:             1 << 20,
		Table:             int64(1 + r.IntN(2_000)),
	}
}

// generator draws operations, most of which mean something.
type generator struct {
	r *rand.Rand
	m *model
	n int
}

func (g *generator) queue() QueueID {
	if g.r.IntN(20) == 0 || g.m.last == 0 {
		return QueueID(g.r.IntN(5))
	}
	return g.m.last - QueueID(g.r.IntN(min(5, int(g.m.last))))
}

func (g *generator) place(q QueueID) Pos {
	mq := g.m.queues[q]
	if mq == nil || len(mq.msgs) == 0 || g.r.IntN(15) == 0 {
		return Pos{Lane(g.r.IntN(3)), Seq(g.r.IntN(30))}
	}
	order := mq.order()
	if g.r.IntN(3) > 0 {
		return order[g.r.IntN(min(4, len(order)))]
	}
	return order[g.r.IntN(len(order))]
}

func (g *generator) lane() Lane {
	if g.r.IntN(4) > 0 {
		return 0
	}
	return Lane(g.r.IntN(Lanes))
}

func (g *generator) body() []byte {
	n := []int{0, 10, 200, 3000}[g.r.IntN(4)]
	if g.r.IntN(150) == 0 {
		n = PartSize + g.r.IntN(PartSize)
	}
	b := make([]byte, n)
	for i := 0; i < n; i += 97 {
		b[i] = byte(g.r.Uint32())
	}
	return b
}

func (g *generator) enqueue(b *Batch) {
	e := Enqueue{Header: fmt.Appendf(nil, "header %d", g.n), Body: g.body()}
	e.Targets = g.targets()
	e.Producer, e.Sequence = g.producer()
	e.ID = g.id()
	b.Enqueue(e)
}

func (g *generator) producer() (string, uint64) {
	if g.r.IntN(3) > 0 {
		return "", 0
	}
	return fmt.Sprintf("p%d", g.r.IntN(8)), uint64(1 + g.r.IntN(g.n+10))
}

func (g *generator) id() string {
	if g.r.IntN(4) > 0 {
		return ""
	}
	return fmt.Sprintf("id %d", g.r.IntN(g.n+10))
}

func (g *generator) targets() (list []Target) {
	for range 1 + g.r.IntN(3)*g.r.IntN(2) {
		list = append(list, Target{g.queue(), g.lane()})
	}
	return list
}

// job draws a job, mostly one of the first that are due.
func (g *generator) job() JobPos {
	order := g.m.jobOrder()
	switch {
	case len(order) == 0 || g.r.IntN(15) == 0:
		return JobPos{1 + int64(g.r.IntN(200)), JobID(g.r.IntN(5))}
	case g.r.IntN(3) > 0:
		return order[g.r.IntN(min(4, len(order)))]
	}
	return order[g.r.IntN(len(order))]
}

// dueJobs fires the first jobs, some of which go on near by.
func (g *generator) dueJobs(b *Batch) {
	for _, p := range g.m.jobOrder()[:min(15, len(g.m.jobs))] {
		b.Fire(Fire{Job: p.ID, Due: p.Due, Header: []byte("h"), Next: int64(g.r.IntN(2)) * (p.Due + int64(g.r.IntN(9)))})
	}
}

func (g *generator) jobOp(b *Batch) {
	if g.r.IntN(15) == 0 {
		g.dueJobs(b)
		return
	}
	switch p := g.job(); g.r.IntN(5) {
	case 0, 1:
		s := Schedule{Due: 1 + int64(g.r.IntN(200)), Spec: fmt.Appendf(nil, "spec %d", g.n), Header: fmt.Appendf(nil, "job %d", g.n), Body: g.body()}
		s.Producer, s.Sequence = g.producer()
		s.ID = g.id()
		b.Schedule(s)
	case 2:
		b.Unschedule(p.ID)
	default:
		f := Fire{Job: p.ID, Due: p.Due, Header: fmt.Appendf(nil, "fired %d", g.n)}
		if g.r.IntN(9) > 0 {
			f.Targets = g.targets()
		}
		if g.r.IntN(2) == 0 {
			f.Next, f.Spec = p.Due+int64(g.r.IntN(100)), fmt.Appendf(nil, "spec %d", g.n)
		}
		b.Fire(f)
		if g.r.IntN(4) == 0 {
			b.Fire(f) // the same again, which means something if the time is the same
		}
	}
}

func (g *generator) op(b *Batch) {
	g.n++
	if g.r.IntN(5) == 0 {
		g.jobOp(b)
		return
	}
	switch k := g.r.IntN(100); {
	case k < 45:
		g.enqueue(b)
	case k < 75:
		q := g.queue()
		b.Remove(q, g.place(q))
	case k < 82:
		q := g.queue()
		b.Move(q, g.place(q), g.queue(), g.lane(), fmt.Appendf(nil, "moved %d", g.n))
	case k < 88:
		q := g.queue()
		b.SetCount(q, g.place(q), g.r.Uint32N(9))
	case k < 94 || g.m.last == 0:
		kind := Kind(1 + g.r.IntN(2))
		b.CreateQueue(kind, fmt.Sprintf("queue %d", g.r.IntN(6)), &Subscription{Client: "c", Topic: "t", NoLocal: true})
	case k < 96:
		b.PurgeQueue(g.queue())
	case k < 97:
		if g.r.IntN(2) == 0 {
			b.DeleteIdle(g.queue())
		} else {
			b.DeleteQueue(g.queue())
		}
	case k < 98:
		b.Pause(g.queue(), g.r.IntN(2) == 0)
	default:
		for range 5 { // a queue that is drained
			q := g.queue()
			b.Remove(q, g.place(q))
		}
	}
}

func (g *generator) batch() *Batch {
	b := &Batch{}
	switch g.r.IntN(60) {
	case 2:
		b.LimitIDs(uint64(g.r.IntN(40)))
	case 0:
		b.Reign(uint64(g.n), 1, -5)
	case 1:
		b.Limits(uint64(1 + g.r.IntN(6)))
	default:
		for range 1 + g.r.IntN(4) {
			g.op(b)
		}
	}
	return b
}

// staged draws pieces of transactions and uploads that may stay unfinished.
func (g *generator) staged(p *proposal) []byte {
	id := opaqueID{7, uint64(g.r.IntN(3))}
	switch g.r.IntN(5) {
	case 0:
		n := uint64(len(g.m.uploads[id]))
		return frame(append(p.control(opPart, id, n, 300), make([]byte, 300)...), 1, 1)
	case 1:
		n := uint64(0)
		if st := g.m.stages[id]; st != nil {
			n = st.pieces
		}
		return frame(p.control(opCommit, id, n, 0), 1, 1)
	case 2:
		b := &Batch{}
		b.begin(opDrop, 3)
		b.buf = append(b.buf, byte(1+g.r.IntN(2)), byte(id.term), byte(id.counter))
		b.end()
		return frame(b.buf, b.version, 1)
	}
	b := &Batch{}
	for range 1 + g.r.IntN(5) {
		g.op(b)
	}
	if len(b.uploads) > 0 || len(b.buf) < headRoom { // goes ahead in parts, or is empty
		return nil
	}
	n := uint64(0)
	if st := g.m.stages[id]; st != nil {
		n = st.pieces
	}
	ops := b.buf[headRoom:]
	return frame(append(p.control(opStage, id, n, len(ops)), ops...), b.version, 1)
}
