package wal

import (
	"fmt"
	"sort"
	"sync"
)

// Term returns the term of entry i, from memory. It knows the one of
// FirstIndex-1 too. Below it is ErrCompacted, above the end ErrUnavailable.
func (l *Log) Term(i Index) (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if i+1 < l.firstLocked() {
		return 0, ErrCompacted
	}
	if i > l.mu.last {
		return 0, ErrUnavailable
	}
	return l.mu.terms.at(i), nil
}

// Entries returns the entries from lo up to hi, hi excluded: at least one, and
// no more than fit into maxBytes, where an entry counts with its data and 64
// bytes. Recent entries come from memory and share their Data with whoever asked
// for them; older ones are read from disk, where the writer is not disturbed. An
// append or a cut meanwhile may shorten the answer. lo = hi gives nothing.
// Errors are ErrCompacted, ErrUnavailable, a CorruptError, or the file system's.
func (l *Log) Entries(lo, hi Index, maxBytes int) ([]Entry, error) {
	r := reading{lo: lo, hi: hi, left: int64(maxBytes)}
	l.mu.RLock()
	if err := l.checkRange(lo, hi); err != nil || lo == hi {
		l.mu.RUnlock()
		return nil, err
	}
	cuts := l.mu.cuts
	for {
		if first, ok := l.mu.recent.first(); ok && r.lo >= first {
			r.takeRecent(&l.mu.recent)
			l.mu.RUnlock()
			return r.out, nil
		}
		s, until, off, end := l.locateLocked(r.lo)
		l.pool.acquire(s)
		l.mu.RUnlock()
		err := l.readSegment(s, &r, min(until, hi), off, end)
		l.pool.release(s)
		if err != nil || r.full || r.lo == hi {
			return r.out, err
		}
		l.mu.RLock()
		if l.mu.cuts != cuts || l.checkRange(r.lo, hi) != nil {
			l.mu.RUnlock()
			return r.out, nil
		}
	}
}

func (l *Log) checkRange(lo, hi Index) error {
	switch {
	case lo < l.firstLocked():
		return ErrCompacted
	case hi > l.mu.last+1 || lo > hi:
		return fmt.Errorf("%w: [%d,%d) of a log that ends with %d", ErrUnavailable, lo, hi, l.mu.last)
	}
	return nil
}

// reading is one call of Entries on its way.
type reading struct {
	lo, hi Index // what is still wanted
	left   int64 // bytes that may still be taken
	full   bool
	out    []Entry
}

// want says whether one more entry of n data bytes may be taken.
func (r *reading) want(n int) bool {
	size := int64(n) + entryOverhead
	if len(r.out) > 0 && size > r.left {
		r.full = true
		return false
	}
	r.left -= min(size, r.left)
	return true
}

func (r *reading) takeRecent(c *recent) {
	if r.out == nil {
		n, left := 0, r.left
		for i := r.lo; i < r.hi; i++ {
			size := int64(len(c.at(i).Data)) + entryOverhead
			if n > 0 && size > left {
				break
			}
			n, left = n+1, left-min(size, left)
		}
		r.out = make([]Entry, 0, n)
	}
	for ; r.lo < r.hi; r.lo++ {
		e := c.at(r.lo)
		if !r.want(len(e.Data)) {
			return
		}
		r.out = append(r.out, e)
	}
}

// locateLocked returns the segment that holds entry i, the entry before which it
// ends, an offset from which reading on meets i, and where its records end.
func (l *Log) locateLocked(i Index) (s *segment, until Index, off, end int64) {
	segments := l.mu.segments
	k := sort.Search(len(segments), func(k int) bool { return segments[k].first > i }) - 1
	s, until = segments[k], l.mu.last+1
	if k+1 < len(segments) {
		until = segments[k+1].first
	}
	return s, until, s.find(i), s.end
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// readSegment takes entries below until from the records between off and end.
func (l *Log) readSegment(s *segment, r *reading, until Index, off, end int64) error {
	f, err := l.pool.open(s)
	if err != nil {
		return err
	}
	buf := readBuffers.Get().(*[]byte)
	sc := newScanner(f, s.salt, off, end, *buf)
	defer func() {
		if cap(sc.buf) <= writeChunk {
			*buf = sc.buf
		}
		readBuffers.Put(buf)
	}()
	for r.lo < until {
		rec, reason, err := sc.next()
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.name, err)
		}
		if reason != "" {
			return s.corrupt(sc.off, fmt.Sprintf("%s where entry %d should be", reason, r.lo))
		}
		if rec.kind != kindEntry {
			continue
		}
		e := decodeEntry(rec.payload)
		if e.Index < r.lo {
			continue
		}
		if e.Index > r.lo {
			return s.corrupt(rec.off, fmt.Sprintf("entry %d where entry %d should be", e.Index, r.lo))
		}
		if !r.want(len(e.Data)) {
			return nil
		}
		e.Data = append([]byte(nil), e.Data...)
		r.out = append(r.out, e)
		r.lo++
	}
	return nil
}
