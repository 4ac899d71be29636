package store

import "fmt"

// found is what Apply needs to know of a message.
type found struct {
	body     bodyID
	size     uint32
	hlen     uint32
	shared   bool
	inMemory bool
	data     []byte // the body, if inMemory
	missing  bool   // the index does not have it
}

func (m *found) bytes() uint64 { return uint64(m.hlen) + uint64(m.size) }

// lookup finds the live message at p: in the overlay, or in what prefetch read
// from the index. Store.mu is held.
func (s *Store) lookup(q *queue, p Pos) (found, bool) {
	if e := q.find(p); e != nil {
		m := found{body: e.body, size: e.size, hlen: e.hlen, shared: e.state&entryShared != 0}
		if m.inMemory = e.state&entryMemory != 0; m.inMemory {
			m.data = e.data[e.hlen:]
		} else if f, ok := s.scratch.found[place{q.id, p}]; ok && f.inMemory {
			m.data, m.inMemory = f.data, true // read from the log by prefetch, for a move
		}
		return m, true
	}
	if !q.maybeIndexed(p) {
		return found{}, false
	}
	m, ok := s.scratch.found[place{q.id, p}]
	return m, ok && !m.missing
}

// lockPrefetched reads what the operations need from the index and then takes
// the lock that they are applied under. When a generation went to the index in
// between, it looks again.
func (s *Store) lockPrefetched(ops []op) error {
	for {
		s.mu.RLock()
		epoch := s.mu.epoch
		s.mu.RUnlock()
		if err := s.prefetch(ops); err != nil {
			return err
		}
		s.mu.Lock()
		if s.mu.epoch == epoch {
			return nil
		}
		s.mu.Unlock()
	}
}

// prefetch reads from the index what the operations name and the overlay does
// not have.
func (s *Store) prefetch(ops []op) error {
	if len(s.scratch.found) > 0 {
		clear(s.scratch.found)
	}
	if len(s.scratch.jobs) > 0 {
		clear(s.scratch.jobs)
	}
	for i := range ops {
		o := &ops[i]
		switch o.typ {
		case opRemove, opMove, opSetCount:
			if err := s.prefetchOne(o); err != nil {
				return err
			}
		case opFire, opUnschedule:
			if err := s.prefetchJob(o); err != nil {
				return err
			}
		case opCommit:
			if err := s.prefetchStage(o.id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) prefetchStage(id opaqueID) error {
	s.mu.RLock()
	st := s.mu.stages[id]
	s.mu.RUnlock()
	if st == nil {
		return nil
	}
	for i := range st.ops { // only Apply changes it
		switch o := &st.ops[i].op; o.typ {
		case opRemove, opMove, opSetCount:
			if err := s.prefetchOne(o); err != nil {
				return err
			}
		case opFire, opUnschedule:
			if err := s.prefetchJob(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefetchOne reads the message that o names if the index may have it. For a
// move it also gets the body, unless the active generation can address it: what
// an older one wrote may go together with the message that is moved.
func (s *Store) prefetchOne(o *op) error {
	s.mu.RLock()
	q := s.mu.queues[o.queue]
	var fromIndex, fromOverlay bool
	if q != nil {
		if e := q.find(o.pos); e != nil {
			fromOverlay = o.typ == opMove && e.state&(entryMemory|entryShared) == 0 && e.size > 0 &&
				(q.active == nil || o.pos.Seq < q.active.first)
		} else {
			fromIndex = q.maybeIndexed(o.pos)
		}
	}
	ix, epoch := s.mu.ix, s.mu.epoch
	s.mu.RUnlock()
	at := place{o.queue, o.pos}
	if fromOverlay {
		body, err := s.Body(o.queue, &Stored{Pos: o.pos})
		if err != nil {
			return err
		}
		s.remember(at, found{inMemory: true, data: body})
	}
	if !fromIndex {
		return nil
	}
	if f, ok := s.scratch.found[at]; ok && (o.typ != opMove || f.inMemory || f.shared || f.missing) {
		return nil
	}
	return s.prefetchIndexed(ix, epoch, o, at)
}

func (s *Store) prefetchIndexed(ix *index, epoch uint64, o *op, at place) error {
	m, err := s.scratch.nearby.at(ix, epoch, o.queue, o.pos)
	if err != nil {
		return fmt.Errorf("read message %s of queue %d: %w", o.pos, o.queue, err)
	}
	if o.typ == opMove && !m.missing && !m.shared && m.size > 0 {
		if m.data, err = ix.ownBody(o.queue, o.pos); err != nil {
			return fmt.Errorf("read the body of message %s of queue %d: %w", o.pos, o.queue, err)
		}
		m.inMemory = true
	}
	s.remember(at, m)
	return nil
}

func (s *Store) remember(at place, m found) {
	if s.scratch.found == nil {
		s.scratch.found = make(map[place]found)
	}
	s.scratch.found[at] = m
}
