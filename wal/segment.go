package wal

import (
	"fmt"
	"sort"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A segment is one file of the log, as readers know it.
type segment struct {
	header
	name string

	// Guarded by Log.mu.
	end    int64   // behind its last record
	size   int64   // of the file
	sparse []point // where some of its entries begin

	// Guarded by pool.mu, except that file is opened under opening.
	refs    int
	opening sync.Mutex
	file    vfs.File
}

// A point says where an entry begins. One is kept for every sparseStride bytes.
type point struct {
	index Index
	off   int64
}

const sparseStride = 16 << 10

// note keeps the place of an entry if the last one kept is far enough.
func (s *segment) note(i Index, off int64) {
	if n := len(s.sparse); n == 0 || off-s.sparse[n-1].off >= sparseStride {
		s.sparse = append(s.sparse, point{i, off})
	}
}

// find returns an offset from which reading on meets entry i.
func (s *segment) find(i Index) int64 {
	k := sort.Search(len(s.sparse), func(k int) bool { return s.sparse[k].index > i })
	if k == 0 {
		return headerLen
	}
	return s.sparse[k-1].off
}

func (s *segment) corrupt(offset int64, reason string) error {
	return &CorruptError{Segment: s.name, Offset: offset, Reason: reason}
}

// contents is what reading a whole segment told.
type contents struct {
	last    Index  // last live entry, first-1 when there is none
	runs    []run  // terms of the live entries
	entries uint64 // live entries
	state   State
	mark    mark // the last one; zero when there is none
	closed  bool // the last record is a mark of a clean close
	reason  string
}

// scan reads the records up to the limit or the first bad one, whose place
// becomes the segment's end. Entries from until on are void.
func (s *segment) scan(f vfs.File, limit int64, until Index, buf []byte) (contents, error) {
	c := contents{last: s.first - 1, state: s.state}
	sc := newScanner(f, s.salt, headerLen, limit, buf)
	next, term := s.first, s.prevTerm
	for {
		rec, reason, err := sc.next()
		if err != nil {
			return c, fmt.Errorf("segment %s: %w", s.name, err)
		}
		s.end = sc.off
		if reason != "" {
			c.reason = reason
			return c, nil
		}
		c.closed = false
		switch rec.kind {
		case kindEntry:
			e := decodeEntry(rec.payload)
			if e.Index != next || e.Term < term {
				return c, s.corrupt(rec.off, fmt.Sprintf("entry %d of term %d follows entry %d of term %d", e.Index, e.Term, next-1, term))
			}
			if e.Index < until {
				c.add(e.Index, e.Term)
				s.note(e.Index, rec.off)
			}
			next, term = next+1, e.Term
		case kindState:
			c.state = decodeState(rec.payload)
		case kindMark:
			m := decodeMark(rec.payload)
			if m.salt != s.salt || m.offset != rec.off || m.reach > rec.off || m.front > s.seq {
				return c, s.corrupt(rec.off, "mark does not belong here")
			}
			c.mark = m
			c.closed = m.flags&flagClean != 0
		}
	}
}

func (c *contents) add(i Index, term uint64) {
	c.last = i
	c.entries++
	if n := len(c.runs); n == 0 || c.runs[n-1].term != term {
		c.runs = append(c.runs, run{i, term})
	}
}
