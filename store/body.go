package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Body gives the body of a message that Load found. It is not to be changed. A
// message that has gone meanwhile gives ErrNotFound.
func (s *Store) Body(q QueueID, st *Stored) ([]byte, error) {
	if st.body != nil {
		return st.body, nil
	}
	var err error
	for range 4 { // a generation may go to the index between two looks
		var body []byte
		var epoch uint64
		if body, epoch, err = s.body(q, st); err == nil {
			return body, nil
		}
		s.mu.RLock()
		same := s.mu.epoch == epoch
		s.mu.RUnlock()
		if same {
			break
		}
	}
	if errors.Is(err, pebble.ErrNotFound) {
		err = ErrNotFound
	}
	return nil, fmt.Errorf("body of message %s of queue %d: %w", st.Pos, q, err)
}

// body looks once: memory, the log, the index.
func (s *Store) body(id QueueID, st *Stored) (body []byte, epoch uint64, err error) {
	s.mu.RLock()
	epoch, p := s.mu.epoch, st.Pos
	if s.mu.closed {
		s.mu.RUnlock()
		return nil, epoch, ErrClosed
	}
	q := s.mu.queues[id]
	var e *entry
	if q != nil {
		e = q.find(p)
	}
	if q == nil || e == nil && !q.maybeIndexed(p) {
		s.mu.RUnlock()
		return nil, epoch, ErrNotFound
	}
	var at entry
	if e != nil {
		at = *e
	}
	ix := s.mu.ix
	ix.users.Add(1)
	s.mu.RUnlock()
	defer ix.users.Done()

	if e == nil {
		body, err = s.indexedBody(ix, id, st)
		return body, epoch, err
	}
	switch {
	case at.size == 0:
		return []byte{}, epoch, nil
	case at.state&entryMemory != 0:
		return at.data[at.hlen:], epoch, nil
	case at.state&entryShared != 0:
		body, err = s.sharedBody(ix, at.body, at.size)
	default:
		body, err = s.logBody(at.body, at.size)
	}
	return body, epoch, err
}

func (s *Store) indexedBody(ix *index, q QueueID, st *Stored) ([]byte, error) {
	rec := entryRecord{size: uint32(st.BodySize), shared: st.shared, body: st.id}
	if !st.known {
		var err error
		if rec, err = ix.entry(q, st.Pos); err != nil {
			return nil, err
		}
	}
	if rec.size == 0 {
		return []byte{}, nil
	}
	if rec.shared {
		return s.sharedBody(ix, rec.body, rec.size)
	}
	b, err := s.ownBody(ix, q, st.Pos)
	if err == nil && len(b) != int(rec.size) {
		err = fmt.Errorf("%w: body of %d bytes, %d expected", ErrCorrupt, len(b), rec.size)
	}
	return b, err
}

// sharedBody puts a shared body together, chunk by chunk.
func (s *Store) sharedBody(ix *index, id bodyID, size uint32) ([]byte, error) {
	var body []byte
	for n := uint32(0); uint32(len(body)) < size; n++ {
		b, err := s.chunk(ix, id, n)
		if err != nil {
			return nil, err
		}
		if len(b) == int(size) {
			return b, nil
		}
		if len(b) == 0 || len(body)+len(b) > int(size) {
			return nil, fmt.Errorf("%w: chunk %d of %d bytes in a body of %d", ErrCorrupt, n, len(b), size)
		}
		if body == nil {
			body = make([]byte, 0, size)
		}
		body = append(body, b...)
	}
	return body, nil
}

func (s *Store) chunk(ix *index, id bodyID, n uint32) ([]byte, error) {
	s.mu.RLock()
	c, ok := s.mu.active.chunk(id, n)
	if !ok && s.mu.closing != nil {
		c, ok = s.mu.closing.chunk(id, n)
	}
	s.mu.RUnlock()
	switch {
	case !ok:
		return ix.chunk(id, n)
	case c.data != nil:
		return c.data, nil
	}
	return s.logBody(c.at, c.size)
}

func (g *generation) chunk(id bodyID, n uint32) (chunk, bool) {
	b := g.shared[id]
	if b == nil {
		return chunk{}, false
	}
	c, ok := b.chunks[n]
	return c, ok
}
