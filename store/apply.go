package store

import (
	"fmt"

	"github.com/quorate/quorate/wal"
)

// scratch is memory that Apply uses again and again.
type scratch struct {
	ops    []op
	nested []op
	found  map[place]found
	nearby nearby
	jobs   map[JobPos]*Job // of the index; by the due time that the operation names
}

// place is a message's place among all queues.
type place struct {
	queue QueueID
	pos   Pos
}

// Apply applies one batch of the entry at index; offset is where the batch
// begins in the entry's data. It gives a *Result, or nil after the store failed.
// The batch is not kept.
func (s *Store) Apply(index wal.Index, term uint64, offset int, batch []byte) any {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.failed.Load() != nil {
		return nil
	}
	s.inEntry = true
	var err error
	if s.scratch.ops, err = decodeBatch(s.scratch.ops[:0], batch); err != nil {
		s.fail(fmt.Errorf("entry %d: %w", index, err))
		return nil
	}
	if err := s.lockPrefetched(s.scratch.ops); err != nil {
		s.fail(fmt.Errorf("apply entry %d: %w", index, err))
		return nil
	}
	r := newResult(len(s.scratch.ops))
	for i := range s.scratch.ops {
		o := &s.scratch.ops[i]
		if o.typ == opCommit {
			r.Ops = s.commitStage(index, o, r.Ops)
			continue
		}
		r.Ops = append(r.Ops, s.applyOp(index, offset, o))
	}
	s.mu.active.log += int64(len(batch))
	s.mu.Unlock()
	return r
}

// applyOp applies one operation. Store.mu is held.
func (s *Store) applyOp(at wal.Index, offset int, o *op) Outcome {
	switch o.typ {
	case opEnqueue:
		return s.applyEnqueue(at, offset, o)
	case opRemove:
		return s.applyRemove(at, o)
	case opMove:
		return s.applyMove(at, o)
	case opSetCount:
		return s.applySetCount(at, o)
	case opCreateQueue:
		return s.applyCreate(at, o)
	case opDeleteQueue:
		return s.applyDelete(at, o)
	case opDeleteIdle:
		return s.applyDeleteIdle(at, o)
	case opPurgeQueue:
		return s.applyPurge(at, o)
	case opPause:
		return s.applyPause(at, o)
	case opSchedule:
		return s.applySchedule(at, offset, o)
	case opFire:
		return s.applyFire(at, o)
	case opUnschedule:
		return s.applyUnschedule(at, o)
	case opPart:
		return s.applyPart(at, offset, o)
	case opStage:
		return s.applyStage(at, offset, o)
	case opDrop:
		return s.applyDrop(at, o)
	case opReign:
		return s.applyReign(at, o)
	case opLimits:
		s.mu.producers.limit = o.n
		s.evictProducers()
		return Outcome{Index: at}
	case opLimitIDs:
		s.mu.sentIDs.limit = o.n
		s.mu.sentIDs.evict()
		return Outcome{Index: at}
	}
	panic("store: decoded operation of an unknown type")
}

// delta gives what the active generation changed in q, to be changed.
func (s *Store) delta(q *queue) *delta {
	if q.active == nil {
		q.active = &delta{queue: q, first: q.next}
		s.mu.active.deltas = append(s.mu.active.deltas, q.active)
		s.mu.active.memory += deltaMemory
	}
	return q.active
}

func (s *Store) applyCreate(at wal.Index, o *op) Outcome {
	name := queueName{o.kind, string(o.name)}
	if id, ok := s.mu.byName[name]; ok {
		return Outcome{Queue: id, Index: at}
	}
	s.mu.lastQueue++
	q := &queue{id: s.mu.lastQueue, kind: o.kind, name: name.name, sub: o.sub, next: 1}
	s.mu.queues[q.id] = q
	s.mu.byName[name] = q.id
	s.delta(q).created = true
	return Outcome{Created: true, Queue: q.id, Index: at}
}

func (s *Store) applyDelete(at wal.Index, o *op) Outcome {
	q := s.mu.queues[o.queue]
	if q == nil {
		return Outcome{Code: NoQueue, Queue: o.queue, Index: at}
	}
	d := s.delta(q)
	s.mu.active.freed += int64(q.bytes)
	s.emptyDelta(d)
	d.deleted = true
	delete(s.mu.queues, q.id)
	delete(s.mu.byName, queueName{q.kind, q.name})
	return Outcome{Queue: q.id, Index: at}
}

// applyDeleteIdle deletes a queue that nothing is pending in.
func (s *Store) applyDeleteIdle(at wal.Index, o *op) Outcome {
	if q := s.mu.queues[o.queue]; q != nil && q.depth > 0 {
		return Outcome{Code: NotEmpty, Queue: o.queue, Index: at}
	}
	return s.applyDelete(at, o)
}

func (s *Store) applyPurge(at wal.Index, o *op) Outcome {
	q := s.mu.queues[o.queue]
	if q == nil {
		return Outcome{Code: NoQueue, Queue: o.queue, Index: at}
	}
	d := s.delta(q)
	s.mu.active.freed += int64(q.bytes)
	s.emptyDelta(d)
	d.purged = true
	q.purged = q.next - 1
	q.depth, q.bytes = 0, 0
	return Outcome{Queue: q.id, Index: at}
}

func (s *Store) applyPause(at wal.Index, o *op) Outcome {
	q := s.mu.queues[o.queue]
	if q == nil {
		return Outcome{Code: NoQueue, Queue: o.queue, Index: at}
	}
	if q.paused != o.on {
		s.delta(q)
		q.paused = o.on
	}
	return Outcome{Queue: q.id, Index: at}
}

// emptyDelta forgets what the generation has of a queue that is purged. What
// is older goes with the generation.
func (s *Store) emptyDelta(d *delta) {
	g := s.mu.active
	for i := range d.lanes {
		l := d.lanes[i].lane
		d.lanes[i].added.from(0, func(e *entry) bool {
			g.memory -= e.memory()
			if e.state&entryMemory != 0 {
				g.bodies -= int64(e.size)
			}
			if e.state&entryShared != 0 {
				g.release(e.body, queueRef(d.queue.id, Pos{l, e.seq}))
			}
			return true
		})
		g.memory -= int64(len(d.lanes[i].gone.pages)) * gonePageMemory
	}
	d.lanes, d.counts = nil, nil
}

func queueRef(q QueueID, p Pos) ref {
	return ref{kind: refQueue, lane: p.Lane, a: uint64(q), b: uint64(p.Seq)}
}

// bodySource is where an enqueue's body comes from.
type bodySource struct {
	id     bodyID
	data   []byte // inline bytes, not to be kept; nil for a shared one
	shared bool   // it is in the shared range already
	upload *op    // the upload to end once it is held
}

func (s *Store) applyEnqueue(at wal.Index, offset int, o *op) Outcome {
	src := bodySource{id: bodyID{at, uint32(offset + o.at)}, data: o.body}
	if o.upload {
		id, ok := s.upload(o)
		if !ok {
			return Outcome{Code: NoUpload, Index: at}
		}
		src = bodySource{id: id, shared: true, upload: o}
	}
	out := s.enqueue(at, o, src)
	if src.upload != nil {
		s.endUpload(o.id)
	}
	return out
}

// enqueue makes a message visible in its targets.
func (s *Store) enqueue(at wal.Index, o *op, src bodySource) Outcome {
	out := Outcome{Index: at}
	live := s.resolve(o, &out)
	if live == 0 {
		out.Code = NoQueue
		return out
	}
	if !s.admit(o) {
		return Outcome{Code: Duplicate, Queue: out.Queue, Index: at}
	}
	e := s.newEntry(at, o, &src, live)
	rest := o.targets
	for i := range o.ntargets {
		var t Target
		t, rest = nextTarget(rest)
		if q := s.mu.queues[t.Queue]; q != nil {
			out.Seqs[i] = s.add(q, t.Lane, e)
		}
	}
	return out
}

// resolve counts the targets that exist and makes room for their sequences.
func (s *Store) resolve(o *op, out *Outcome) (live int) {
	rest := o.targets
	for i := range o.ntargets {
		var t Target
		t, rest = nextTarget(rest)
		if i == 0 {
			out.Queue = t.Queue
		}
		if s.mu.queues[t.Queue] != nil {
			live++
		}
	}
	if live > 0 {
		out.Seqs = make([]Seq, o.ntargets)
	}
	return live
}

// admit reports whether a message is sent for the first time, and remembers it.
func (s *Store) admit(o *op) bool {
	if len(o.once) > 0 && s.mu.sentIDs.has(o.once) || o.sequence != 0 && !s.admitSequence(o) {
		return false
	}
	if len(o.once) > 0 {
		s.admitID(o.once)
	}
	return true
}

// admitSequence checks and changes the producer's window.
func (s *Store) admitSequence(o *op) bool {
	w := s.mu.producers.find(o.name)
	if w != nil && w.seen(o.sequence) {
		return false
	}
	w = s.mu.producers.touch(w, o.name)
	w.mark(o.sequence)
	g := s.mu.active
	if w.generation != g.number {
		w.generation = g.number
		g.windows = append(g.windows, w)
		g.memory += deltaMemory
	}
	s.evictProducers()
	return true
}

func (s *Store) evictProducers() {
	s.mu.producers.evict(func(name string) { s.mu.active.evicted[name] = struct{}{} })
}

// newEntry makes the entry that the targets get, and the shared body if there
// are several.
func (s *Store) newEntry(at wal.Index, o *op, src *bodySource, live int) entry {
	g := s.mu.active
	e := entry{index: at, body: src.id, size: uint32(o.size), hlen: uint32(len(o.header))}
	if o.size > 0 && (src.shared || live > 1) {
		e.state |= entryShared
		if !src.shared {
			g.addChunk(src.id, 0, src.id, src.data, s.o.GenerationBodies)
		}
	}
	if n := len(src.data); e.state&entryShared == 0 && n > 0 && g.bodies+int64(n) <= s.o.GenerationBodies {
		e.state |= entryMemory
		e.data = make([]byte, len(o.header)+n)
		copy(e.data[copy(e.data, o.header):], src.data)
		return e
	}
	e.data = append([]byte(nil), o.header...)
	return e
}

// add puts e at the end of a lane of q.
func (s *Store) add(q *queue, lane Lane, e entry) Seq {
	d, g := s.delta(q), s.mu.active
	e.seq = q.next
	q.next++
	d.laneFor(lane).added.push(e)
	q.depth++
	q.bytes += e.bytes()
	g.entries++
	g.memory += e.memory()
	if e.state&entryMemory != 0 {
		g.bodies += int64(e.size)
	}
	if e.state&entryShared != 0 {
		g.refer(e.body, queueRef(q.id, Pos{lane, e.seq}))
	}
	return e.seq
}

func (s *Store) applyRemove(at wal.Index, o *op) Outcome {
	out := Outcome{Queue: o.queue, Index: at}
	q := s.mu.queues[o.queue]
	if q == nil {
		out.Code = NoQueue
		return out
	}
	m, ok := s.lookup(q, o.pos)
	if !ok {
		out.Code = NoMessage
		return out
	}
	s.remove(q, o.pos, &m)
	return out
}

// remove takes the message that lookup found out of q.
func (s *Store) remove(q *queue, p Pos, m *found) {
	d, g := s.delta(q), s.mu.active
	q.depth--
	q.bytes -= m.bytes()
	g.entries++
	if p.Seq >= d.first {
		l := d.lane(p.Lane)
		e := l.added.find(p.Seq)
		g.memory -= e.memory()
		if e.state&entryMemory != 0 {
			g.bodies -= int64(e.size)
		}
		l.added.remove(p.Seq)
	} else {
		g.memory += int64(d.laneFor(p.Lane).gone.add(p.Seq))
		g.freed += int64(m.bytes())
		delete(d.counts, p)
	}
	if m.shared {
		g.release(m.body, queueRef(q.id, p))
	}
}

func (s *Store) applyMove(at wal.Index, o *op) Outcome {
	out := Outcome{Queue: o.queue, Index: at}
	q, to := s.mu.queues[o.queue], s.mu.queues[o.to.Queue]
	if q == nil || to == nil {
		out.Code = NoQueue
		return out
	}
	m, ok := s.lookup(q, o.pos)
	if !ok {
		out.Code = NoMessage
		return out
	}
	e := entry{index: at, body: m.body, size: m.size, hlen: uint32(len(o.header))}
	e.data = append(make([]byte, 0, len(o.header)+len(m.data)), o.header...)
	switch {
	case m.shared:
		e.state |= entryShared
	case m.inMemory:
		e.state |= entryMemory
		e.data = append(e.data, m.data...)
	}
	seq := s.add(to, o.to.Lane, e)
	s.remove(q, o.pos, &m)
	out.Seqs = []Seq{seq}
	return out
}

func (s *Store) applySetCount(at wal.Index, o *op) Outcome {
	out := Outcome{Queue: o.queue, Index: at}
	q := s.mu.queues[o.queue]
	if q == nil {
		out.Code = NoQueue
		return out
	}
	if _, ok := s.lookup(q, o.pos); !ok {
		out.Code = NoMessage
		return out
	}
	d := s.delta(q)
	if o.pos.Seq >= d.first {
		d.find(o.pos).count = uint32(o.n)
		return out
	}
	if d.counts == nil {
		d.counts = make(map[Pos]uint32)
	}
	if _, ok := d.counts[o.pos]; !ok {
		s.mu.active.memory += refMemory
	}
	d.counts[o.pos] = uint32(o.n)
	return out
}
