package wal

// entryOverhead is what an entry is counted for besides its data, in the
// memory of recent entries and in the limit of one read.
const entryOverhead = 64

// recent is the end of the log in memory: a ring of the last entries, bounded
// by bytes. Followers that keep up are served from it alone.
type recent struct {
	ring  []Entry // its length is a power of two, or zero
	head  int     // slot of the oldest entry
	n     int
	bytes int64
	limit int64
}

func (r *recent) slot(k int) *Entry { return &r.ring[(r.head+k)&(len(r.ring)-1)] }

// first returns the index of the oldest entry held; ok is false when none is.
func (r *recent) first() (i Index, ok bool) {
	if r.n == 0 {
		return 0, false
	}
	return r.slot(0).Index, true
}

// at returns entry i, which must be held.
func (r *recent) at(i Index) Entry { return *r.slot(int(i - r.slot(0).Index)) }

func (r *recent) push(e Entry) {
	if r.n == len(r.ring) {
		r.grow()
	}
	r.n++
	*r.slot(r.n - 1) = e
	r.bytes += entryOverhead + int64(len(e.Data))
	for r.bytes > r.limit && r.n > 1 {
		r.forget(0)
		r.head = (r.head + 1) & (len(r.ring) - 1)
	}
}

func (r *recent) grow() {
	bigger := make([]Entry, max(64, 2*len(r.ring)))
	for k := range r.n {
		bigger[k] = *r.slot(k)
	}
	r.ring, r.head = bigger, 0
}

// forget clears slot k, which must be the oldest or the youngest.
func (r *recent) forget(k int) {
	e := r.slot(k)
	r.bytes -= entryOverhead + int64(len(e.Data))
	*e = Entry{}
	r.n--
}

// cut drops the entries from i on.
func (r *recent) cut(i Index) {
	for r.n > 0 && r.slot(r.n-1).Index >= i {
		r.forget(r.n - 1)
	}
}

// dropBefore drops the entries below i.
func (r *recent) dropBefore(i Index) {
	for r.n > 0 && r.slot(0).Index < i {
		r.forget(0)
		r.head = (r.head + 1) & (len(r.ring) - 1)
	}
}
