package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// What is read ahead for who takes the bodies of a queue one after the other.
const (
	runEntries = 64
	runBytes   = 256 << 10
	maxRuns    = 8
)

// bodyRuns are bodies of the index that were read together, since to find one
// costs more than to go on to its neighbours. Each is given out once. A body
// never changes, and no place of an index is used again, so what is held is never
// wrong.
type bodyRuns struct {
	mu   sync.Mutex
	runs []bodyRun // the one used longest ago first
}

// bodyRun is what was read of a lane, from a place on; or, with no bodies, the
// place of a single read, by which the next one is known to follow.
type bodyRun struct {
	ix     *index
	queue  QueueID
	lane   Lane
	from   Seq
	bodies [][]byte // nil where there is none, or it was given out
}

// take gives the body at p, if it was read. Else follows tells whether p comes
// soon behind something that was.
func (r *bodyRuns) take(ix *index, q QueueID, p Pos) (body []byte, follows bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.runs {
		run := &r.runs[i]
		if run.ix != ix || run.queue != q || run.lane != p.Lane || p.Seq < run.from || p.Seq >= run.from+Seq(len(run.bodies))+runEntries {
			continue
		}
		if n := p.Seq - run.from; n < Seq(len(run.bodies)) && run.bodies[n] != nil {
			body, run.bodies[n] = run.bodies[n], nil
			return body, true
		}
		return nil, true
	}
	return nil, false
}

// put holds a run, in the place of the one that it follows or of the oldest.
func (r *bodyRuns) put(run bodyRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.runs {
		old := &r.runs[i]
		if old.ix == run.ix && old.queue == run.queue && old.lane == run.lane && old.from <= run.from && run.from < old.from+Seq(len(old.bodies))+runEntries {
			r.runs = slices.Delete(r.runs, i, i+1)
			break
		}
	}
	if len(r.runs) == maxRuns {
		r.runs = slices.Delete(r.runs, 0, 1)
	}
	r.runs = append(r.runs, run)
}

// clear lets go of all bodies.
func (r *bodyRuns) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = nil
}

// ownBody reads a body from its queue's range of the index, and those behind it
// when the last ones were read in order; pebble.ErrNotFound if there is none.
func (s *Store) ownBody(ix *index, q QueueID, p Pos) ([]byte, error) {
	body, follows := s.runs.take(ix, q, p)
	if body != nil {
		return body, nil
	}
	run := bodyRun{ix: ix, queue: q, lane: p.Lane, from: p.Seq}
	var err error
	if follows {
		run.bodies, err = ix.ownBodies(q, p)
	}
	if err == nil && len(run.bodies) > 0 && run.bodies[0] != nil {
		body, run.bodies[0] = run.bodies[0], nil
	} else if err == nil {
		body, err = ix.ownBody(q, p)
	}
	if err == nil {
		s.runs.put(run)
	}
	return body, err
}

// ownBodies reads the bodies from p on, as many as make a run. As with get, who
// reads does not stand still with an index that gave up.
func (ix *index) ownBodies(q QueueID, p Pos) ([][]byte, error) {
	type result struct {
		bodies [][]byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		bodies, err := ix.scanBodies(q, p)
		done <- result{bodies, err}
	}()
	select {
	case r := <-done:
		return r.bodies, r.err
	case <-ix.died:
		return nil, errDied
	}
}

func (ix *index) scanBodies(q QueueID, p Pos) ([][]byte, error) {
	bodies := make([][]byte, runEntries)
	bytes := 0
	lo, hi := appendPosKey(nil, q, inBodies, p), appendPosKey(nil, q, inBodies, Pos{p.Lane, p.Seq + runEntries})
	err := scan(ix.db, lo, hi, func(key, v []byte) error {
		_, at, ok := posOfKey(key)
		if !ok {
			return fmt.Errorf("%w: body key %x", ErrCorrupt, key)
		}
		if bytes += len(v); bytes > runBytes && at != p {
			return errEnough
		}
		bodies[at.Seq-p.Seq] = slices.Clone(v)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return bodies, err
}
