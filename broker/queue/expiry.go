package queue

import "math"

// sweepSteps is how many queries one search for what has expired may take
// before it rests until the next Expire.
const sweepSteps = 50

// never is a time that does not come.
const never = math.MaxInt64

// A sweep is the search for expired messages behind the window of one source.
// It goes through all of it and then rests until the first of those that it saw,
// or that were left to the source since, can expire.
type sweep struct {
	next    int64 // nothing behind the window expires before
	at      Place // where it goes on
	first   int64 // what next will be
	steps   int   // left until the next Expire
	running bool
}

// init says whether there may be messages that nothing is known of.
func (w *sweep) init(unknown bool) {
	*w = sweep{next: never, first: never}
	if unknown {
		w.next = 0
	}
}

// left notes that a message is behind the window.
func (w *sweep) left(e *Entry) {
	if e.Expires != 0 {
		w.next = min(w.next, e.Expires)
		w.first = min(w.first, e.Expires)
	}
}

// purge notes that the source was emptied; what is left to it is not known.
func (w *sweep) purge() { w.at, w.running = Place{}, false }

// Expire takes what has passed its time to live out of the window, and begins
// to look for more behind it, in bounded steps.
func (m *Machine) Expire(now int64) {
	var dead []*Entry
	for _, e := range m.window.live() {
		if e.state.waiting() && e.Expires != 0 && now >= e.Expires {
			dead = append(dead, e)
		}
	}
	for _, e := range dead {
		m.die(e, Expired)
	}
	for s := range m.sweeps {
		w := &m.sweeps[s]
		w.steps = sweepSteps
		if !w.running {
			m.sweep(Source(s), now)
		}
	}
}

// sweep asks for the next step.
func (m *Machine) sweep(s Source, now int64) {
	w := &m.sweeps[s]
	b := &m.source[s]
	if m.limits.ExpirePage <= 0 || b.complete || now < w.next {
		return
	}
	if w.at == (Place{}) {
		w.first = never // a new pass
	}
	w.running = true
	w.steps--
	after := w.at
	if after.Less(b.frontier) {
		after = b.frontier
	}
	q := &Query{Source: s, After: after, N: m.limits.ExpirePage, Bytes: math.MaxInt, Look: m.limits.ExpirePage, Header: true, sweep: w, soon: never, now: now}
	q.Match = func(e *Entry) bool {
		if e.Expires != 0 && now < e.Expires {
			q.soon = min(q.soon, e.Expires)
		}
		return e.Expires != 0 && now >= e.Expires
	}
	m.ask(q)
}

// swept takes what a step has found, and goes on.
func (m *Machine) swept(q *Query, page []*Entry, last Place, end bool) {
	w := q.sweep
	w.running = false
	w.first = min(w.first, q.soon)
	for _, e := range page {
		i, known := m.window.find(e.Place)
		if known {
			if old := m.window.list[i]; old.state.waiting() {
				m.die(old, Expired)
			}
			continue
		}
		e.Volatile = q.Source == Spilled
		e.state = Held
		m.window.insert(i, e)
		m.emit(Effect{Action: DeadLetter, Entry: e, Cause: Expired})
	}
	w.at = last
	if end {
		w.at, w.next = Place{}, w.first
		return
	}
	if w.steps > 0 {
		m.sweep(q.Source, q.now)
	}
}
