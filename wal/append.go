package wal

import "fmt"

// Append writes entries and, when st is not nil, the hard state. They are
// durable after the next Sync. The first entry follows the last one of the log,
// or replaces one above the commit index and all behind it; such a cut is
// durable at once. Commit never goes back: a lower one counts as the one before;
// it is never above the last entry, so a snapshot's Reset comes before its state.
// An ErrInvalid has changed nothing; any other error is final.
func (l *Log) Append(st *State, entries []Entry) error {
	l.w.Lock()
	defer l.w.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	next, err := l.check(st, entries)
	if err != nil {
		return err
	}
	if len(entries) == 0 && next == l.mu.state {
		return nil
	}
	w := &l.w.active
	if len(entries) > 0 && entries[0].Index <= l.mu.last {
		first := entries[0].Index
		err = l.rotate(first, l.mu.terms.at(first-1), next)
	} else if w.end >= l.opts.SegmentSize {
		err = l.rotateFull(next)
	}
	if err != nil {
		return err
	}
	if w.synced > w.reach {
		l.mark(0)
	}
	if before := (State{next.Term, next.Vote, w.state.Commit}); before != w.state && len(entries) > 0 {
		// The term goes ahead of its entries, as the commit index goes behind
		// them: no prefix of the log has a state that does not fit.
		w.buf = appendState(w.buf, w.seed, before)
		w.state = before
	}
	for {
		at := w.next()
		n := l.encode(entries)
		done := n == len(entries)
		if done && next != w.state {
			w.buf = appendState(w.buf, w.seed, next)
			w.state = next
		}
		if err := l.flush(); err != nil {
			return err
		}
		l.publish(entries[:n], at)
		if entries = entries[n:]; done {
			break
		}
		if w.end >= l.opts.SegmentSize {
			if err := l.rotateFull(next); err != nil {
				return err
			}
		}
	}
	l.mu.Lock()
	l.mu.state = next
	l.mu.Unlock()
	return nil
}

// check returns the hard state after an append, or an ErrInvalid. The writer
// reads what mu guards without it: nobody else changes it.
func (l *Log) check(st *State, entries []Entry) (State, error) {
	last, next := l.mu.last, l.mu.state
	if len(entries) > 0 {
		first := entries[0].Index
		if first == 0 || first > last+1 {
			return next, fmt.Errorf("%w: entry %d does not follow entry %d", ErrInvalid, first, last)
		}
		if first <= next.Commit {
			return next, fmt.Errorf("%w: entry %d is at or below the commit index %d", ErrInvalid, first, next.Commit)
		}
		term := l.mu.terms.at(first - 1)
		for k := range entries {
			e := &entries[k]
			if e.Index != first+Index(k) || e.Term < term || len(e.Data) > MaxData {
				return next, fmt.Errorf("%w: entry %d of term %d and %d bytes in the place of entry %d after term %d",
					ErrInvalid, e.Index, e.Term, len(e.Data), first+Index(k), term)
			}
			term = e.Term
		}
		last = entries[len(entries)-1].Index
	}
	if st == nil {
		return next, nil
	}
	if st.Term < next.Term || st.Term == next.Term && next.Vote != 0 && st.Vote != next.Vote {
		return next, fmt.Errorf("%w: term %d and vote %d after term %d and vote %d", ErrInvalid, st.Term, st.Vote, next.Term, next.Vote)
	}
	if st.Commit > last {
		return next, fmt.Errorf("%w: commit index %d above the last entry %d", ErrInvalid, st.Commit, last)
	}
	return State{Term: st.Term, Vote: st.Vote, Commit: max(st.Commit, next.Commit)}, nil
}

// encode puts entries into the buffer, as many as fit into one write and into
// the segment, and returns how many.
func (l *Log) encode(entries []Entry) int {
	w := &l.w.active
	for k := range entries {
		if k > 0 && (len(w.buf) >= writeChunk || w.next() >= l.opts.SegmentSize) {
			return k
		}
		w.buf = appendEntry(w.buf, w.seed, &entries[k])
	}
	return len(entries)
}

// publish shows readers what was just written; the first entry lies at the
// given offset.
func (l *Log) publish(entries []Entry, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.w.active.seg
	for k := range entries {
		e := &entries[k]
		s.note(e.Index, at)
		at += int64(aligned(entryHead + len(e.Data)))
		l.mu.terms.append(e.Index, e.Term)
		l.mu.recent.push(*e)
		l.mu.last = e.Index
	}
}

// mark puts a mark into the buffer, which says how far the log is durable.
func (l *Log) mark(flags byte) {
	w := &l.w.active
	m := mark{salt: w.seg.salt, offset: w.next(), reach: w.synced, front: l.mu.segments[0].seq, flags: flags}
	w.buf = appendMark(w.buf, w.seed, m)
	w.reach = w.synced
}

// flush hands the buffer to the file system.
func (l *Log) flush() error {
	w := &l.w.active
	if err := w.write(l.opts); err != nil {
		return l.fail("segment "+w.seg.name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.seg.end, w.seg.size = w.end, w.size
	return nil
}

// Sync returns when everything appended is durable. An error is final: nothing
// can be said about what was appended since the last Sync.
func (l *Log) Sync() error {
	l.w.Lock()
	defer l.w.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	return l.sync()
}

func (l *Log) sync() error {
	w := &l.w.active
	if w.synced == w.end {
		return nil
	}
	if err := w.file.SyncData(); err != nil {
		return l.fail("sync segment "+w.seg.name, err)
	}
	w.synced = w.end
	return nil
}
