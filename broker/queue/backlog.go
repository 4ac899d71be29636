package queue

// A Source says where the messages behind the window are.
type Source uint8

// The sources.
const (
	Stored  Source = iota // in the replicated store
	Spilled               // in the spill of volatile messages
)

// String gives the source in lower case.
func (s Source) String() string { return [...]string{"stored", "spilled"}[s] }

// A backlog is what is known about one source, by the machine about all of it or
// by a view about what it selects. Invariant: every such message that is pending
// in the source at or before frontier is in the window; if complete, so is every
// other.
type backlog struct {
	frontier Place
	complete bool
	loading  bool
	missed   Place // while loading, the first message that was left to the source; zero if none was
}

func (b *backlog) covers(p Place) bool { return b.complete || !b.frontier.Less(p) }

// begin notes that what is behind the frontier is being read.
func (b *backlog) begin() { b.loading, b.missed = true, Place{} }

// leave notes that p is left to the source: everything from it on is not known
// to be in the window.
func (b *backlog) leave(p Place) {
	if b.complete || p.Compare(b.frontier) <= 0 {
		b.frontier = p.before()
	}
	b.complete = false
	if b.missed == (Place{}) || p.Less(b.missed) {
		b.missed = p
	}
}

// absorb adds what is known otherwise.
func (b *backlog) absorb(o *backlog) {
	b.complete = b.complete || o.complete
	if b.frontier.Less(o.frontier) {
		b.frontier = o.frontier
	}
}

// loaded notes that what is behind after, up to last, was read; end: there was
// no more. What was left to the source meanwhile may not have been among it. A
// page that does not join the frontier, because the window was cut while it was
// read, moves nothing: it is asked for again.
func (b *backlog) loaded(after, last Place, end bool) {
	b.loading = false
	if b.complete || b.frontier.Less(after) {
		return
	}
	missed := b.missed != (Place{})
	if missed && !last.Less(b.missed) {
		last = b.missed.before()
	}
	if b.frontier.Less(last) {
		b.frontier = last
	}
	b.complete = end && !missed
}
