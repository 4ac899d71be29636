package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/quorate/quorate/wal"
)

// Stored is a pending message without its body.
type Stored struct {
	Pos
	Index    wal.Index // of the log's entry that it entered the queue with
	Count    uint32    // as SetCount set it last
	Header   []byte    // not to be changed
	BodySize int

	body   []byte // if it was in memory
	shared bool   // the body is the shared one id; never changes for a message
	id     bodyID
	known  bool // shared and id are set
}

// Load gives the next pending messages behind after, in order: at most n, and
// no more after the first that brings their headers to maxBytes. Messages that
// enter or go meanwhile may or may not be among them. A queue that does not
// exist has none.
func (s *Store) Load(q QueueID, after Pos, n int, maxBytes int) ([]Stored, error) {
	if n <= 0 {
		return nil, nil
	}
	l := loader{s: s, id: q, n: n, maxBytes: maxBytes}
	for {
		done, err := l.pass(after)
		if err != nil {
			return nil, fmt.Errorf("load queue %d from %s: %w", q, after, err)
		}
		if done || l.full() {
			return l.out, nil
		}
		if k := len(l.out); k > 0 { // a generation went to the index: look again behind what we have
			after = l.out[k-1].Pos
		}
	}
}

// loader collects messages of one queue in several looks.
type loader struct {
	s        *Store
	id       QueueID
	n        int
	maxBytes int

	out   []Stored
	bytes int

	recent []Stored // of the overlay, those behind what is in out
	epoch  uint64
}

func (l *loader) full() bool { return len(l.out) >= l.n || l.bytes >= l.maxBytes && len(l.out) > 0 }

func (l *loader) take(m Stored) bool {
	l.out = append(l.out, m)
	l.bytes += len(m.Header)
	return !l.full()
}

// pass looks once, behind after. It reports false if a generation went to the
// index meanwhile, so that what it saw does not fit together any more.
func (l *loader) pass(after Pos) (done bool, err error) {
	ix, lo, err := l.overlay(after)
	if err != nil {
		return false, err
	}
	if ix != nil {
		defer ix.users.Done()
		if ok, err := l.indexed(ix, lo); err != nil || !ok || l.full() {
			return ok, err
		}
	}
	for _, m := range l.recent {
		if !l.take(m) {
			break
		}
	}
	return true, nil
}

// overlay takes what the overlay has behind after, and says where to go on in
// the index; ix is nil if it has nothing of the queue. Else the caller calls
// ix.users.Done.
func (l *loader) overlay(after Pos) (ix *index, lo Pos, err error) {
	s := l.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	l.recent, l.epoch = l.recent[:0], s.mu.epoch
	if s.mu.closed {
		return nil, lo, ErrClosed
	}
	q := s.mu.queues[l.id]
	if q == nil {
		return nil, lo, nil
	}
	want := l.n - len(l.out)
	for lane := after.Lane; lane < Lanes && len(l.recent) < want; lane++ {
		from := Seq(0)
		if lane == after.Lane {
			from = after.Seq
		}
		for _, d := range []*delta{q.closing, q.active} {
			l.fromDelta(q, d, lane, from, want)
		}
	}
	if q.indexDepth == 0 {
		return nil, lo, nil
	}
	s.mu.ix.users.Add(1)
	lo = Pos{after.Lane, after.Seq + 1}
	lo.Seq = max(lo.Seq, q.head(lo.Lane))
	return s.mu.ix, lo, nil
}

func (l *loader) fromDelta(q *queue, d *delta, lane Lane, from Seq, want int) {
	if d == nil || d.lane(lane) == nil {
		return
	}
	older := d == q.closing
	d.lane(lane).added.from(from, func(e *entry) bool {
		p := Pos{lane, e.seq}
		if older && (p.Seq <= q.purged || q.active != nil && q.active.removed(p)) {
			return true
		}
		if len(l.recent) == want {
			return false
		}
		m := Stored{Pos: p, Index: e.index, Count: e.count, Header: e.header(), BodySize: int(e.size)}
		if older {
			m.Count = q.count(p, e.count)
		}
		if e.state&entryMemory != 0 {
			m.body = e.data[e.hlen:]
		}
		l.recent = append(l.recent, m)
		return true
	})
}

// loadStep is how many entries of the index are looked at before the overlay
// is asked which of them are still there.
const loadStep = 64

// indexed merges the index, from lo on, with what is in recent.
func (l *loader) indexed(ix *index, lo Pos) (ok bool, err error) {
	_, hi := partRange(l.id, inEntries)
	it, err := ix.db.NewIter(&pebble.IterOptions{LowerBound: appendPosKey(nil, l.id, inEntries, lo), UpperBound: hi})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var step []Stored
	more := it.First()
	for more && !l.full() {
		step = step[:0]
		for more && len(step) < loadStep {
			m, err := storedAt(it)
			if err != nil {
				return false, err
			}
			step = append(step, m)
			more = it.Next()
		}
		last := step[len(step)-1].Pos
		next, ok := l.visible(&step, last)
		if !ok {
			return false, nil
		}
		for _, m := range step {
			if !l.before(m.Pos) || !l.take(m) {
				return true, nil
			}
		}
		if more && (next.Lane != last.Lane || next.Seq > last.Seq+loadStep) {
			more = it.SeekGE(appendPosKey(nil, l.id, inEntries, next))
		}
	}
	return true, it.Error()
}

// before takes what the overlay has before p. Within a lane there is nothing:
// what is in the index is older.
func (l *loader) before(p Pos) bool {
	for len(l.recent) > 0 && l.recent[0].Less(p) {
		m := l.recent[0]
		l.recent = l.recent[1:]
		if !l.take(m) {
			return false
		}
	}
	return true
}

func storedAt(it *pebble.Iterator) (Stored, error) {
	_, p, ok := posOfKey(it.Key())
	if !ok {
		return Stored{}, fmt.Errorf("%w: entry key %x", ErrCorrupt, it.Key())
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return Stored{}, err
	}
	e, err := decodeEntry(slices.Clone(v))
	if err != nil {
		return Stored{}, fmt.Errorf("entry %s: %w", p, err)
	}
	return Stored{
		Pos: p, Index: e.index, Count: e.count, Header: e.header, BodySize: int(e.size),
		known: true, shared: e.shared, id: e.body,
	}, nil
}

// visible leaves in step what is still there, with its present count, and gives
// the place behind last where the next live one may be. It reports false if a
// generation went to the index since overlay looked.
func (l *loader) visible(step *[]Stored, last Pos) (next Pos, ok bool) {
	s := l.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.epoch != l.epoch {
		return next, false
	}
	q := s.mu.queues[l.id]
	if q == nil {
		*step = nil
		return last, true
	}
	all := *step
	keep := all[:0]
	for _, m := range all {
		if m.Seq > q.flushed {
			continue // of a generation that is being written; the overlay has it
		}
		if q.maybeIndexed(m.Pos) {
			m.Count = q.count(m.Pos, m.Count)
			keep = append(keep, m)
		}
	}
	*step = keep
	return q.skip(last), true
}

// skip gives the first place behind p, in its lane, that no generation knows as
// gone.
func (q *queue) skip(p Pos) Pos {
	seq := max(p.Seq+1, q.purged+1)
	for {
		from := seq
		for _, d := range []*delta{q.closing, q.active} {
			if d != nil && d.lane(p.Lane) != nil {
				seq = d.lane(p.Lane).gone.next(seq)
			}
		}
		if seq == from {
			return Pos{p.Lane, seq}
		}
	}
}
