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

// A backlog is what the machine knows about one source. Invariant: every
// pending message of the source at or before frontier is in the window; if
// complete, so is every other.
type backlog struct {
	frontier Place
	complete bool
	loading  bool
	missed   bool // while loading, a message arrived that was left to the source
}

func (b *backlog) covers(p Place) bool { return b.complete || !b.frontier.Less(p) }

// leave notes that everything from p on is not known to be in the window.
func (b *backlog) leave(p Place) {
	if b.complete || p.Compare(b.frontier) <= 0 {
		b.frontier = p.before()
	}
	b.complete = false
}

// loaded notes that the page behind after, up to last, was read; short: it was
// all there was. A page that does not join the frontier, because the window was
// cut while it was read, moves nothing: it is asked for again.
func (b *backlog) loaded(after, last Place, short bool) {
	b.loading = false
	if b.complete || b.frontier.Less(after) {
		return
	}
	if b.frontier.Less(last) {
		b.frontier = last
	}
	b.complete = short && !b.missed
}
