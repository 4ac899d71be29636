package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Jobs gives the next jobs behind after, in order: at most n, and no more after
// the first that brings their headers and specs to maxBytes. A job that is
// fired or changed meanwhile may be missing, or be there as it was.
func (s *Store) Jobs(after JobPos, n, maxBytes int) ([]Job, error) {
	if n <= 0 {
		return nil, nil
	}
	l := jobLoader{s: s, n: n, maxBytes: maxBytes}
	for {
		done, err := l.pass(after)
		if err != nil {
			return nil, fmt.Errorf("load jobs behind %s: %w", after, err)
		}
		if done || l.full() {
			return l.out, nil
		}
		if k := len(l.out); k > 0 { // a generation went to the index: look again behind what we have
			after = l.out[k-1].JobPos
		}
	}
}

// jobLoader collects jobs in several looks.
type jobLoader struct {
	s        *Store
	n        int
	maxBytes int

	out   []Job
	bytes int

	recent []*Job // of the overlay, those behind what is in out
	epoch  uint64
}

func (l *jobLoader) full() bool {
	return len(l.out) >= l.n || l.bytes >= l.maxBytes && len(l.out) > 0
}

func (l *jobLoader) take(j *Job) bool {
	l.out = append(l.out, *j)
	l.bytes += len(j.Header) + len(j.Spec)
	return !l.full()
}

// pass looks once, behind after. It reports false if a generation went to the
// index meanwhile, so that what it saw does not fit together any more.
func (l *jobLoader) pass(after JobPos) (done bool, err error) {
	ix, err := l.overlay(after)
	if err != nil {
		return false, err
	}
	defer ix.users.Done()
	if ok, err := l.indexed(ix, after); err != nil || !ok || l.full() {
		return ok, err
	}
	for _, j := range l.recent {
		if !l.take(j) {
			break
		}
	}
	return true, nil
}

// overlay takes what the overlay has behind after. The caller calls
// ix.users.Done.
func (l *jobLoader) overlay(after JobPos) (*index, error) {
	s := l.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.closed {
		return nil, ErrClosed
	}
	l.recent, l.epoch = l.recent[:0], s.mu.epoch
	want := l.n - len(l.out)
	collect := func(g *generation, visible func(*Job) bool) {
		n := 0
		g.jobs.live.from(after, func(j *Job) bool {
			if visible(j) {
				l.recent = append(l.recent, j)
				n++
			}
			return n < want
		})
	}
	collect(s.mu.active, func(*Job) bool { return true })
	if s.mu.closing != nil {
		collect(s.mu.closing, func(j *Job) bool { _, known := s.mu.active.jobs.find(j.ID); return !known })
	}
	slices.SortFunc(l.recent, func(a, b *Job) int { return compareJobs(a.JobPos, b.JobPos) })
	s.mu.ix.users.Add(1)
	return s.mu.ix, nil
}

// indexed merges the index behind after with what is in recent.
func (l *jobLoader) indexed(ix *index, after JobPos) (ok bool, err error) {
	after.ID++
	it, err := ix.db.NewIter(&pebble.IterOptions{LowerBound: appendJobPosKey(nil, after), UpperBound: []byte{keyJobPos + 1}})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var step []*Job
	for more := it.First(); more && !l.full(); {
		step = step[:0]
		for ; more && len(step) < loadStep; more = it.Next() {
			j, err := jobAtKey(it)
			if err != nil {
				return false, err
			}
			step = append(step, j)
		}
		if step, ok = l.visible(step); !ok {
			return false, nil
		}
		for _, j := range step {
			if !l.before(j.JobPos) || !l.take(j) {
				return true, nil
			}
		}
	}
	return true, it.Error()
}

// before takes what the overlay has before p.
func (l *jobLoader) before(p JobPos) bool {
	for len(l.recent) > 0 && l.recent[0].JobPos.Less(p) {
		j := l.recent[0]
		l.recent = l.recent[1:]
		if !l.take(j) {
			return false
		}
	}
	return true
}

// visible leaves the jobs that no generation changed. It reports false if a
// generation went to the index since overlay looked.
func (l *jobLoader) visible(step []*Job) ([]*Job, bool) {
	s := l.s
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.epoch != l.epoch {
		return nil, false
	}
	return slices.DeleteFunc(step, func(j *Job) bool { _, known := s.overlayJob(j.ID); return known }), true
}

func jobAtKey(it *pebble.Iterator) (*Job, error) {
	p, ok := jobPosOfKey(it.Key())
	if !ok {
		return nil, fmt.Errorf("%w: job key %x", ErrCorrupt, it.Key())
	}
	v, err := it.ValueAndErr()
	if err != nil {
		return nil, err
	}
	j, err := decodeJob(p, slices.Clone(v))
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", p, err)
	}
	return &j, nil
}

// Job gives one job, or ErrNoJob.
func (s *Store) Job(id JobID) (Job, error) {
	for {
		s.mu.RLock()
		j, known := s.overlayJob(id)
		ix, epoch, closed := s.mu.ix, s.mu.epoch, s.mu.closed
		if !closed {
			ix.users.Add(1)
		}
		s.mu.RUnlock()
		if closed {
			return Job{}, ErrClosed
		}
		var err error
		if !known {
			j, err = ix.job(id)
		}
		ix.users.Done()
		if err == nil && j != nil {
			return *j, nil
		}
		if err == nil || s.sameEpoch(epoch) {
			return Job{}, fmt.Errorf("job %d: %w", id, noJob(err))
		}
	}
}

func (s *Store) sameEpoch(epoch uint64) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.epoch == epoch
}

// noJob gives the error for a job that is not there, err being why.
func noJob(err error) error {
	if err == nil || errors.Is(err, pebble.ErrNotFound) && !errors.Is(err, ErrCorrupt) {
		return ErrNoJob
	}
	return err
}

// JobBody gives the body of a job that Jobs or Job found. It is not to be
// changed. A job that has gone meanwhile gives ErrNoJob.
func (s *Store) JobBody(j *Job) ([]byte, error) {
	if j.BodySize == 0 {
		return []byte{}, nil
	}
	for {
		s.mu.RLock()
		ix, epoch, closed := s.mu.ix, s.mu.epoch, s.mu.closed
		if !closed {
			ix.users.Add(1)
		}
		s.mu.RUnlock()
		if closed {
			return nil, ErrClosed
		}
		body, err := s.sharedBody(ix, j.body, uint32(j.BodySize))
		ix.users.Done()
		if err == nil {
			return body, nil
		}
		if s.sameEpoch(epoch) {
			return nil, fmt.Errorf("body of job %d: %w", j.ID, noJob(err))
		}
	}
}
