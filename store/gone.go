package store

import (
	"maps"
	"math/bits"
	"slices"
)

// goneSet is a set of sequences, dense where a consumer works in order: a
// million removed in a row cost 1/8 MB.
type goneSet struct {
	pages map[uint64]*gonePage
	last  uint64 // number of page, for runs
	page  *gonePage
	n     int
}

const gonePageBits = 512

type gonePage [gonePageBits / 64]uint64

// gonePageMemory is what a page costs with its place in the map.
const gonePageMemory = gonePageBits/8 + 48

func (g *goneSet) find(seq Seq) *gonePage {
	no := uint64(seq) / gonePageBits
	if g.page != nil && g.last == no {
		return g.page
	}
	return g.pages[no]
}

func (g *goneSet) has(seq Seq) bool {
	p := g.find(seq)
	bit := uint64(seq) % gonePageBits
	return p != nil && p[bit/64]&(1<<(bit%64)) != 0
}

// add gives the memory that it took.
func (g *goneSet) add(seq Seq) (memory int) {
	p := g.find(seq)
	no := uint64(seq) / gonePageBits
	if p == nil {
		if g.pages == nil {
			g.pages = make(map[uint64]*gonePage)
		}
		p = new(gonePage)
		g.pages[no] = p
		memory = gonePageMemory
	}
	g.last, g.page = no, p
	bit := uint64(seq) % gonePageBits
	if p[bit/64]&(1<<(bit%64)) == 0 {
		p[bit/64] |= 1 << (bit % 64)
		g.n++
	}
	return memory
}

// next gives the first sequence from seq on that is not in the set.
func (g *goneSet) next(seq Seq) Seq {
	for {
		p := g.pages[uint64(seq)/gonePageBits]
		if p == nil {
			return seq
		}
		bit := uint64(seq) % gonePageBits
		for w := bit / 64; w < uint64(len(p)); w++ {
			free := ^p[w]
			if w == bit/64 {
				free &= ^uint64(0) << (bit % 64)
			}
			if free != 0 {
				return seq - Seq(bit) + Seq(w*64) + Seq(bits.TrailingZeros64(free))
			}
		}
		seq += Seq(gonePageBits - bit)
	}
}

// runs calls f for each run of consecutive sequences from lo to hi, both in the
// set, in order.
func (g *goneSet) runs(f func(lo, hi Seq) error) error {
	var lo, hi Seq
	for _, no := range slices.Sorted(maps.Keys(g.pages)) {
		for w, v := range g.pages[no] {
			for v != 0 {
				b := bits.TrailingZeros64(v)
				n := bits.TrailingZeros64(^(v >> b))
				from := Seq(no*gonePageBits) + Seq(w*64+b)
				to := from + Seq(n) - 1
				if b+n >= 64 {
					v = 0
				} else {
					v &= ^uint64(0) << (b + n)
				}
				if lo != 0 && from == hi+1 {
					hi = to
					continue
				}
				if lo != 0 {
					if err := f(lo, hi); err != nil {
						return err
					}
				}
				lo, hi = from, to
			}
		}
	}
	if lo == 0 {
		return nil
	}
	return f(lo, hi)
}
