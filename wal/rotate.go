package wal

import (
	"fmt"
	"sort"
)

// rotateFull begins a new segment behind the last entry.
func (l *Log) rotateFull(st State) error {
	return l.rotate(l.mu.last+1, l.mu.terms.at(l.mu.last), st)
}

// rotate begins a new segment at entry first, whose predecessor has prevTerm.
// Entries from first on are void as soon as the new segment has its name.
func (l *Log) rotate(first Index, prevTerm uint64, st State) error {
	// The header vouches for the bytes of the segment before.
	if err := l.sync(); err != nil {
		return err
	}
	kept := sort.Search(len(l.mu.segments), func(k int) bool { return l.mu.segments[k].first >= first })
	st.Commit = min(st.Commit, first-1)
	return l.replace(kept, first, prevTerm, st)
}

// replace keeps the oldest segments, and puts a new one behind them.
func (l *Log) replace(kept int, first Index, prevTerm uint64, st State) error {
	h := header{seq: l.w.active.seg.seq + 1, salt: l.w.spare.salt(), first: first, prevTerm: prevTerm, state: st}
	h.front = h.seq
	if kept > 0 {
		before := l.mu.segments[kept-1]
		h.prevSeq, h.prevEnd, h.front = before.seq, before.end, l.mu.segments[0].seq
	}
	w, err := l.create(h, nil, headerLen)
	if err != nil {
		return l.fail("rotate", err)
	}
	// Buffers go on with the new writer. The old file is synced or void.
	w.buf, w.zeros = l.w.active.buf[:0], l.w.active.zeros
	l.w.active.close()
	l.w.active = w

	l.mu.Lock()
	l.doomLocked(l.mu.segments[kept:])
	l.mu.segments = append(l.mu.segments[:kept:kept], w.seg)
	l.mu.state = st
	switch {
	case kept == 0:
		l.mu.recent.cut(0)
		l.mu.terms.reset(first-1, prevTerm)
		l.mu.cuts++
	case first <= l.mu.last:
		l.mu.recent.cut(first)
		l.mu.terms.cut(first)
		l.mu.cuts++
	}
	l.mu.last = first - 1
	l.mu.Unlock()
	l.sweep() // what could not be removed is tried again later
	return nil
}

// TruncateFront says that the entries below i are not needed any more. Whole
// segments go, never the youngest one, and never what is above the commit index.
// A segment that is being read goes with its last reader. The error of a removal
// is not final; the files are tried again later.
func (l *Log) TruncateFront(i Index) error {
	l.w.Lock()
	defer l.w.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	// Above the commit index raft could not start from what is left.
	i = min(i, l.mu.state.Commit+1)
	n := 0
	for n+1 < len(l.mu.segments) && l.mu.segments[n+1].first <= i {
		n++
	}
	if n > 0 {
		if err := l.dropFront(n); err != nil {
			return err
		}
	}
	return l.sweep()
}

// dropFront makes the n-th segment the first one: durably so before a file
// goes, as a missing file is damage otherwise.
func (l *Log) dropFront(n int) error {
	w := &l.w.active
	m := mark{salt: w.seg.salt, offset: w.next(), reach: w.synced, front: l.mu.segments[n].seq}
	w.buf, w.reach = appendMark(w.buf, w.seed, m), w.synced
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.sync(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doomLocked(l.mu.segments[:n])
	l.mu.segments = append([]*segment(nil), l.mu.segments[n:]...)
	first := l.firstLocked()
	l.mu.terms.prune(first - 1)
	l.mu.recent.dropBefore(first)
	return nil
}

// Reset empties the log: a snapshot that ends with entry after, of the given
// term, took the place of everything. The hard state stays, but its commit index
// becomes after, and its term is at least the given one, then without a vote. It
// is durable on return; a crash leaves the log as before or as after. An
// ErrInvalid (after is below the commit index) has changed nothing.
func (l *Log) Reset(after Index, term uint64) error {
	l.w.Lock()
	defer l.w.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	st := l.mu.state
	if after < st.Commit {
		return fmt.Errorf("%w: reset to entry %d below the commit index %d", ErrInvalid, after, st.Commit)
	}
	if st.Commit = after; term > st.Term {
		st.Term, st.Vote = term, 0
	}
	return l.replace(0, after+1, term, st)
}

// doomLocked hands segments over to sweep.
func (l *Log) doomLocked(segments []*segment) {
	l.mu.doomed = append(l.mu.doomed, segments...)
}
