package store

import (
	"slices"
	"time"

	"github.com/quorate/quorate/wal"
)

// sealed is a closed generation with the small state as it stood at its last
// entry: all that the writer needs while Apply goes on.
type sealed struct {
	gen     *generation
	meta    metaRecord
	queues  []queueRecord // for each delta of gen
	windows []window
	evicted []string
	stages  []sealedStage
	uploads map[opaqueID]uploadState
	ids     sealedIDs
}

type sealedStage struct {
	id       opaqueID
	wipe     bool
	alive    bool
	pieces   uint64
	prepared bool
	from     int
	ops      []stagedOp // all of them; those before from are in the index
}

// overlayUsage counts what an operator wants to know of the overlay.
type overlayUsage struct {
	generations uint64
	stalls      uint64
	stalled     time.Duration
	flushing    time.Duration
}

// Settle says that the entry at index is applied completely; membership is not
// nil when the entry changed it. A generation that is full closes here, so a
// generation always ends between two entries. While the one before is still
// being written, Settle waits: input is never faster than the index for long.
func (s *Store) Settle(index wal.Index, term uint64, membership []byte) {
	s.applying.Lock()
	defer s.applying.Unlock()
	s.inEntry = false
	defer s.settled.Broadcast()
	if s.failed.Load() != nil {
		return
	}
	s.mu.Lock()
	s.mu.applied, s.mu.term = index, term
	if membership != nil {
		s.mu.membership = slices.Clone(membership)
	}
	s.mu.active.last = index
	s.mu.active.log += 32
	full := s.fullLocked()
	s.mu.Unlock()
	if full {
		s.closeGeneration(nil)
	}
}

func (s *Store) fullLocked() bool {
	g := s.mu.active
	return g.memory >= s.o.GenerationMemory || g.log >= s.o.GenerationLog ||
		g.entries >= s.o.GenerationEntries || g.freed >= s.o.GenerationFreed
}

// closeGeneration hands the active generation to the writer, which then calls
// after, if it is not nil, with the index at exactly that state. It waits until
// the generation before is written. Store.applying is held, so nothing is
// applied meanwhile. It reports false when the store failed or is closed.
func (s *Store) closeGeneration(after func(*index, metaRecord)) bool {
	if !s.awaitWriter() {
		return false
	}
	s.mu.Lock()
	j := job{after: after, sealed: s.sealLocked()}
	s.mu.Unlock()
	s.writer.jobs <- j
	return true
}

// awaitWriter waits until no generation is closing.
func (s *Store) awaitWriter() bool {
	var since time.Time
	for {
		s.mu.RLock()
		busy, retired := s.mu.closing != nil, s.retired
		s.mu.RUnlock()
		if !busy {
			break
		}
		if since.IsZero() {
			since = time.Now()
			s.log.Debug("apply waits for the index")
		}
		select {
		case <-retired:
		case <-s.failing:
			return false
		case <-s.closing:
			return false
		}
	}
	if !since.IsZero() {
		s.mu.Lock()
		s.mu.usage.stalls++
		s.mu.usage.stalled += time.Since(since)
		s.mu.Unlock()
	}
	return s.failed.Load() == nil
}

// sealLocked closes the active generation and begins the next.
func (s *Store) sealLocked() *sealed {
	g, st := s.mu.active, &s.mu.state
	sl := &sealed{gen: g, uploads: g.uploads, meta: metaRecord{
		applied: st.applied, term: st.term, membership: st.membership, reign: st.reign,
		lastQueue: st.lastQueue, clock: st.producers.clock, limit: st.producers.limit, jobs: st.jobCounters, ids: st.sentIDs.idCounters,
	}}
	sl.queues = make([]queueRecord, len(g.deltas))
	for i, d := range g.deltas {
		q := d.queue
		sl.queues[i] = queueRecord{q.kind, q.name, q.sub, q.next, q.purged, q.depth, q.bytes, q.shared, slices.Clone(q.heads), q.paused}
		q.closing, q.active = q.active, nil
	}
	for _, w := range g.windows {
		if st.producers.byName[w.name] == w {
			c := *w
			c.newer, c.older = nil, nil
			sl.windows = append(sl.windows, c)
		}
	}
	for name := range g.evicted {
		if st.producers.byName[name] == nil {
			sl.evicted = append(sl.evicted, name)
		}
	}
	for id, d := range g.stages {
		ss := sealedStage{id: id, wipe: d.wipe, from: d.from}
		if cur := st.stages[id]; cur != nil {
			ss.alive, ss.pieces, ss.prepared, ss.ops = true, cur.pieces, cur.prepared, cur.ops[:len(cur.ops):len(cur.ops)]
		}
		sl.stages = append(sl.stages, ss)
	}
	sl.ids = st.sentIDs.seal(g.nextID)
	s.mu.closing = g
	s.mu.active = newGeneration(g.number+1, &st.sentIDs)
	return sl
}

// retire makes the index take the place of the closing generation.
func (s *Store) retire(sl *sealed, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range sl.gen.deltas {
		q, rec := d.queue, &sl.queues[i]
		q.flushed, q.indexDepth = rec.next-1, rec.depth
		q.heads, q.shared = rec.heads, rec.shared
		q.closing = nil
	}
	s.mu.closing = nil
	s.mu.low = sl.meta.applied
	s.mu.epoch++
	s.mu.usage.generations++
	s.mu.usage.flushing += took
	close(s.retired)
	s.retired = make(chan struct{})
}
