package store

import (
	"slices"
	"sort"

	"github.com/quorate/quorate/wal"
)

// entry is a message in the overlay.
type entry struct {
	seq   Seq
	index wal.Index // where it entered the queue
	body  bodyID    // where the body is in the log; of a shared one its id
	count uint32
	size  uint32 // of the body
	hlen  uint32 // of the header
	state entryState
	data  []byte // the header; behind it the body, if it is inMemory
}

type entryState uint8

const (
	entryGone   entryState = 1 << iota // was removed within this generation
	entryShared                        // the body is in the shared range
	entryMemory                        // data has the body too
)

// entryMemory is what an entry costs besides its data.
const entryOverhead = 96

func (e *entry) header() []byte { return e.data[:e.hlen:e.hlen] }

func (e *entry) memory() int64 { return entryOverhead + int64(len(e.data)) }

func (e *entry) bytes() uint64 { return uint64(e.hlen) + uint64(e.size) }

// entryList holds entries by ascending sequence, in chunks that go as soon as
// all in them are gone.
type entryList struct {
	chunks []*entryChunk
	live   int
}

type entryChunk struct {
	e    []entry
	live int
}

const (
	minChunk = 4
	maxChunk = 256
)

func (l *entryList) push(e entry) {
	var tail *entryChunk
	if n := len(l.chunks); n > 0 {
		tail = l.chunks[n-1]
	}
	switch {
	case tail == nil:
		tail = &entryChunk{e: make([]entry, 0, minChunk)}
		l.chunks = append(l.chunks, tail)
	case len(tail.e) < cap(tail.e):
	case tail.live == 0:
		clear(tail.e)
		tail.e = tail.e[:0]
	default:
		n := min(2*cap(tail.e), maxChunk)
		tail = &entryChunk{e: make([]entry, 0, n)}
		l.chunks = append(l.chunks, tail)
	}
	tail.e = append(tail.e, e)
	tail.live++
	l.live++
}

// chunk gives the number of the first chunk that ends at or behind seq.
func (l *entryList) chunk(seq Seq) int {
	for i := 0; i < len(l.chunks) && i < 2; i++ {
		if c := l.chunks[i].e; c[len(c)-1].seq >= seq {
			return i
		}
	}
	return sort.Search(len(l.chunks), func(i int) bool {
		c := l.chunks[i].e
		return c[len(c)-1].seq >= seq
	})
}

// at gives the place of the first entry at or behind seq.
func (c *entryChunk) at(seq Seq) int {
	if first := c.e[0].seq; seq >= first {
		if i := int(seq - first); i < len(c.e) && c.e[i].seq == seq {
			return i
		}
	}
	return sort.Search(len(c.e), func(i int) bool { return c.e[i].seq >= seq })
}

// find gives the live entry of that sequence or nil.
func (l *entryList) find(seq Seq) *entry {
	n := l.chunk(seq)
	if n == len(l.chunks) {
		return nil
	}
	c := l.chunks[n]
	if e := &c.e[c.at(seq)]; e.seq == seq && e.state&entryGone == 0 {
		return e
	}
	return nil
}

// remove marks the live entry of that sequence as gone and lets go of its data.
func (l *entryList) remove(seq Seq) {
	n := l.chunk(seq)
	c := l.chunks[n]
	e := &c.e[c.at(seq)]
	e.state |= entryGone
	e.data = nil
	c.live--
	l.live--
	if c.live == 0 && n < len(l.chunks)-1 {
		l.chunks = slices.Delete(l.chunks, n, n+1)
	}
}

// from calls f for each live entry behind seq in order, until it says false.
func (l *entryList) from(seq Seq, f func(e *entry) bool) {
	n := l.chunk(seq + 1)
	for ; n < len(l.chunks); n++ {
		c := l.chunks[n]
		for i := c.at(seq + 1); i < len(c.e); i++ {
			if c.e[i].state&entryGone == 0 && !f(&c.e[i]) {
				return
			}
		}
	}
}
