package queue

import "slices"

const (
	pageMessages = 500  // of one Query, at most
	pageLeast    = 64   // even if the window has no room: it is what is needed next
	scanLook     = 2000 // messages that one scan for a selector looks at
	scansAtOnce  = 4    // of one machine; the others wait for their turn
)

// A Query is something to be read. It is answered once, with Loaded or
// LoadFailed, and does not change, except that Match is called.
//
// A page wants the messages of Source behind After, in order: at most N, about
// Bytes, at least one. With Match it wants those that match; the answer may end
// anywhere when Look messages were looked at. With Entries it wants the messages
// at their places and nothing else.
//
// What is read from the spill leaves it.
type Query struct {
	Source  Source
	After   Place
	N       int
	Bytes   int
	Look    int
	Match   func(*Entry) bool // needs Value without its body; may be called by another goroutine
	Header  bool              // the bodies are not needed
	Entries []*Entry          // in order; only Place may be read

	view  *view
	sweep *sweep
	now   int64 // of a sweep
	soon  int64 // of a sweep: the first expiration seen that is still to come
	id    int64
	epoch uint64
}

// reads are the queries under way that may bring back what is Gone.
type reads struct {
	asked int64   // how many were begun
	open  []int64 // the numbers of those that are not answered, rising
}

func (r *reads) begin() int64 {
	r.asked++
	r.open = append(r.open, r.asked)
	return r.asked
}

func (r *reads) end(id int64) {
	if i, ok := slices.BinarySearch(r.open, id); ok {
		r.open = slices.Delete(r.open, i, i+1)
	}
}

// oldest gives the number of the first query that is not answered: what was Gone
// before it was begun cannot come back.
func (r *reads) oldest() int64 {
	if len(r.open) > 0 {
		return r.open[0]
	}
	return never
}

func (m *Machine) ask(q *Query) {
	q.epoch = m.epoch
	if q.Entries == nil {
		q.id = m.reads.begin()
	}
	m.emit(Effect{Action: Load, Query: q})
}

// load asks the sources for what the window lacks.
func (m *Machine) load() {
	v := m.plain
	if v == nil && !m.trimming() {
		return
	}
	waits := m.trimming() || v.waits
	for _, s := range [...]Source{Stored, Spilled} {
		if b := &m.source[s]; !b.complete && !b.loading && (waits || m.low(s)) {
			m.askPage(s, waits)
		}
	}
}

// low reports whether the window has room for a page worth reading.
func (m *Machine) low(s Source) bool {
	if s == Spilled {
		return m.pending <= m.limits.Pending/2
	}
	return m.ready <= m.limits.Messages/2 && m.bytes <= m.limits.Bytes/2
}

func (m *Machine) askPage(s Source, waits bool) {
	b := &m.source[s]
	b.begin()
	n, bytes := m.limits.Messages-m.ready, m.limits.Bytes-m.bytes
	if s == Spilled {
		n, bytes = m.limits.Messages, m.limits.Pending-m.pending
	}
	if waits {
		n = max(n, pageLeast)
	}
	m.ask(&Query{Source: s, After: b.frontier, N: min(max(n, 1), pageMessages), Bytes: max(bytes, 1)})
}

// scan asks for what view v lacks behind its part of the window.
func (m *Machine) scan(v *view) {
	for _, s := range [...]Source{Stored, Spilled} {
		b := &v.seen[s]
		if m.source[s].complete || b.complete || b.loading {
			continue
		}
		if m.scanning >= scansAtOnce {
			if !v.queued {
				v.queued = true
				m.scans = append(m.scans, v)
			}
			return
		}
		m.scanning++
		b.begin()
		b.frontier = m.reach(v, s)
		n := max(v.credit(), 1)
		if m.isles < m.limits.Messages {
			n = max(n, pageLeast)
		}
		bytes := m.limits.Bytes - m.isleBytes
		if s == Spilled {
			bytes = m.limits.Pending - m.pending
		}
		m.ask(&Query{
			Source: s, After: b.frontier, N: min(n, pageMessages), Bytes: max(bytes, 1), Look: scanLook, view: v,
			Match: v.match,
		})
	}
}

// scanned ends a scan and lets the next view begin its own.
func (m *Machine) scanned(v *view) {
	m.scanning--
	if len(m.scans) > 0 {
		next := m.scans[0]
		m.scans = m.scans[1:]
		next.queued = false
		m.activate(next)
	}
	if !v.gone {
		m.activate(v)
	}
}

// Loaded answers a query: the messages found, in order. last is the place up to
// which everything was looked at; end says that there is nothing behind it.
func (m *Machine) Loaded(q *Query, page []*Entry, last Place, end bool) {
	if q.epoch != m.epoch {
		return
	}
	if q.Source == Spilled {
		m.spilled -= len(page)
	}
	switch {
	case q.Entries != nil:
		m.reloaded(q, page)
		return
	case q.sweep != nil:
		m.swept(q, page, last, end)
	case q.view != nil:
		for _, e := range page {
			m.merge(q, e)
		}
		q.view.seen[q.Source].loaded(q.After, last, end)
		m.scanned(q.view)
	default:
		for _, e := range page {
			m.merge(q, e)
		}
		m.source[q.Source].loaded(q.After, last, end)
		m.activateAll()
	}
	m.reads.end(q.id)
	m.window.compact(m.reads.oldest())
}

// LoadFailed tells that a query could not be answered: the next Dispatch asks
// again.
func (m *Machine) LoadFailed(q *Query) {
	if q.epoch != m.epoch {
		return
	}
	switch {
	case q.Entries != nil:
		m.reloading = false
		m.activateAll()
		return
	case q.sweep != nil:
		q.sweep.running = false
	case q.view != nil:
		q.view.seen[q.Source].loading = false
		m.scanned(q.view)
	default:
		m.source[q.Source].loading = false
	}
	m.reads.end(q.id)
	m.window.compact(m.reads.oldest())
}

// merge takes one message of a page into the window.
func (m *Machine) merge(q *Query, e *Entry) {
	i, known := m.window.find(e.Place)
	if known {
		if old := m.window.list[i]; (old.state == Ready || old.state == Parked) && old.Value == nil {
			old.Value, old.Size = e.Value, e.Size
			m.count(old)
			m.note(old, i)
		}
		return
	}
	e.Volatile = q.Source == Spilled
	if v := q.view; v != nil {
		if v.gone && !e.Volatile {
			return // nobody waits for it
		}
		if !v.gone {
			e.view = v
		}
	}
	m.insertAt(i, e)
}

// reload asks for messages that were dropped from memory since they had been
// delivered, of the ready entries from list[i] on.
func (m *Machine) reload(i int) {
	if m.reloading {
		return
	}
	var want []*Entry
	for _, e := range m.window.list[i:] {
		if e.state == Ready && e.Value == nil {
			if want = append(want, e); len(want) == pageLeast {
				break
			}
		}
	}
	m.askEntries(want)
}

func (m *Machine) askEntries(want []*Entry) {
	m.reloading = true
	m.ask(&Query{Source: Stored, Entries: want, N: len(want)})
}

// reloaded gives entries their messages back; those that are not in the store
// any more are gone.
func (m *Machine) reloaded(q *Query, page []*Entry) {
	m.reloading = false
	for _, e := range q.Entries {
		var found *Entry
		if len(page) > 0 && page[0].Place == e.Place {
			found, page = page[0], page[1:]
		}
		if (e.state != Ready && e.state != Parked) || e.Value != nil {
			continue
		}
		if found == nil {
			m.set(e, Gone)
			continue
		}
		e.Value, e.Size = found.Value, found.Size
		m.count(e)
	}
	m.activateAll()
	m.tidy()
}
