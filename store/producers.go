package store

import (
	"encoding/binary"
)

// windowSize is how many sequences of a producer are remembered.
const windowSize = 2048

// defaultProducers is how many producers are remembered until a Limits
// operation says otherwise. It is part of the replicated state.
const defaultProducers = 4096

// A window remembers which of the last sequences of a producer took effect.
// Bit n of the bitmap is sequence last-n.
type window struct {
	name   string
	last   uint64
	use    uint64 // of the producers' clock, when it was last changed or asked
	bitmap [windowSize / 64]uint64

	newer, older *window
	generation   uint64 // the last one that changed it
}

// seen reports whether the sequence took effect before; below the window it
// does not know and says no: rather double than lost.
func (w *window) seen(seq uint64) bool {
	if seq > w.last {
		return false
	}
	back := w.last - seq
	return back < windowSize && w.bitmap[back/64]&(1<<(back%64)) != 0
}

func (w *window) mark(seq uint64) {
	if seq > w.last {
		w.shift(seq - w.last)
		w.last = seq
	}
	if back := w.last - seq; back < windowSize {
		w.bitmap[back/64] |= 1 << (back % 64)
	}
}

func (w *window) shift(n uint64) {
	if n >= windowSize {
		clear(w.bitmap[:])
		return
	}
	words, bits := int(n/64), n%64
	for i := len(w.bitmap) - 1; i >= 0; i-- {
		var v uint64
		if i-words >= 0 {
			v = w.bitmap[i-words] << bits
		}
		if bits > 0 && i-words-1 >= 0 {
			v |= w.bitmap[i-words-1] >> (64 - bits)
		}
		w.bitmap[i] = v
	}
}

// append encodes the window: varints last and use, then the bitmap as the
// number of words up to the last that is not zero and these words.
func (w *window) append(b []byte) []byte {
	b = append(b, recordVersion)
	b = binary.AppendUvarint(b, w.last)
	b = binary.AppendUvarint(b, w.use)
	n := len(w.bitmap)
	for n > 0 && w.bitmap[n-1] == 0 {
		n--
	}
	b = append(b, byte(n))
	for _, v := range w.bitmap[:n] {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func decodeWindow(name string, b []byte) (*window, error) {
	r := reader{b: b}
	r.version()
	w := &window{name: name, last: r.uvarint(), use: r.uvarint()}
	n := int(r.byte())
	if n > len(w.bitmap) {
		r.fail("window of %d words", n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		if v := r.take(8); v != nil {
			w.bitmap[i] = binary.LittleEndian.Uint64(v)
		}
	}
	return w, r.end()
}

// producers are the windows, evicted in the order of their last use. The order
// follows the log, so every node evicts the same.
type producers struct {
	byName map[string]*window
	newest *window
	oldest *window
	clock  uint64
	limit  uint64
}

func newProducers() producers {
	return producers{byName: make(map[string]*window), limit: defaultProducers}
}

// find gives the window of a producer or nil.
func (p *producers) find(name []byte) *window { return p.byName[string(name)] }

// touch makes w the newest, and creates it first if it is nil.
func (p *producers) touch(w *window, name []byte) *window {
	if w == nil {
		w = &window{name: string(name)}
		p.byName[w.name] = w
	} else if p.newest != w {
		p.unlink(w)
	}
	p.clock++
	w.use = p.clock
	p.push(w)
	return w
}

// push links w as the newest, unless it is that already.
func (p *producers) push(w *window) {
	if p.newest == w {
		return
	}
	w.older = p.newest
	if p.newest != nil {
		p.newest.newer = w
	}
	p.newest = w
	if p.oldest == nil {
		p.oldest = w
	}
}

func (p *producers) unlink(w *window) {
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		p.newest = w.older
	}
	if w.older != nil {
		w.older.newer = w.newer
	} else {
		p.oldest = w.newer
	}
	w.newer, w.older = nil, nil
}

// evict removes the oldest windows above the limit and gives each to gone.
func (p *producers) evict(gone func(name string)) {
	for uint64(len(p.byName)) > p.limit {
		w := p.oldest
		p.unlink(w)
		delete(p.byName, w.name)
		gone(w.name)
	}
}
