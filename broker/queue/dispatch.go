package queue

const (
	pageMessages = 500 // of one Load, at most
	pageLeast    = 64  // even if the window has no room: it is what is needed next
)

// Dispatch gives what is ready to those who have credit, in order, and asks
// for more where the window drains. now is in milliseconds since 1970.
func (m *Machine) Dispatch(now int64) {
	blocked := Place{}
	waits := false
	for m.cs.free > 0 {
		c := m.cs.pick()
		if c == nil {
			break
		}
		e := m.first()
		if e == nil || !m.covered(e) {
			waits = true
			break
		}
		if e.Expires != 0 && now >= e.Expires {
			m.die(e, Expired)
			continue
		}
		if e.Value == nil {
			waits, blocked = true, e.Place
			break
		}
		m.deliver(e, c)
	}
	m.load(waits, blocked)
}

// first gives the first ready entry.
func (m *Machine) first() *Entry {
	w := &m.window
	for ; w.next < len(w.list); w.next++ {
		if e := w.list[w.next]; e.state == Ready {
			return e
		}
	}
	return nil
}

func (m *Machine) covered(e *Entry) bool {
	return m.source[Stored].covers(e.Place) && m.source[Spilled].covers(e.Place)
}

func (m *Machine) deliver(e *Entry, c *Consumer) {
	m.set(e, Delivered)
	e.consumer = c
	m.cs.served(c)
	m.emit(Effect{Action: Deliver, Entry: e, Consumer: c})
}

// load asks the sources for what the window lacks. blocked is the place of a
// ready entry whose message has to be read again, if not zero.
func (m *Machine) load(waits bool, blocked Place) {
	if len(m.cs.all) == 0 {
		return
	}
	if blocked != (Place{}) {
		m.ask(Stored, blocked.before(), waits)
		return
	}
	for _, s := range [...]Source{Stored, Spilled} {
		if b := &m.source[s]; !b.complete && (waits || m.low(s)) {
			m.ask(s, b.frontier, waits)
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

func (m *Machine) ask(s Source, after Place, waits bool) {
	b := &m.source[s]
	if b.loading {
		return
	}
	b.loading, b.missed = true, false
	n, bytes := m.limits.Messages-m.ready, m.limits.Bytes-m.bytes
	if s == Spilled {
		n, bytes = m.limits.Messages, m.limits.Pending-m.pending
	}
	if waits {
		n = max(n, pageLeast)
	}
	m.emit(Effect{Action: Load, Source: s, After: after, N: min(max(n, 1), pageMessages), Bytes: max(bytes, 1), Epoch: m.epoch})
}

// Loaded brings the page that was asked for with a Load: the messages of the
// source behind after, in order. short: there are no more behind it.
func (m *Machine) Loaded(s Source, epoch uint64, after Place, page []*Entry, short bool) {
	b := &m.source[s]
	if epoch != m.epoch {
		return
	}
	last := after
	for _, e := range page {
		last = e.Place
		m.merge(s, e)
	}
	m.drop(s, after, last, short)
	b.loaded(after, last, short)
	m.tidy()
}

// merge takes one message of a page into the window.
func (m *Machine) merge(s Source, e *Entry) {
	i, known := m.window.find(e.Place)
	if !known {
		e.Volatile = s == Spilled
		m.insert(e)
		return
	}
	if old := m.window.list[i]; old.state == Ready && old.Value == nil {
		old.Value, old.Size = e.Value, e.Size
		m.count(old)
	}
}

// drop forgets ready entries in (after, last] that were to be read again and
// are not in the store any more.
func (m *Machine) drop(s Source, after, last Place, short bool) {
	if s != Stored {
		return
	}
	i, _ := m.window.find(after)
	for ; i < len(m.window.list); i++ {
		e := m.window.list[i]
		if !short && last.Less(e.Place) {
			return
		}
		if e.state == Ready && !e.Volatile && e.Value == nil && after.Less(e.Place) {
			m.set(e, Gone)
		}
	}
}

// LoadFailed tells that a page could not be read: the next Dispatch asks again.
func (m *Machine) LoadFailed(s Source, epoch uint64) {
	if epoch == m.epoch {
		m.source[s].loading = false
		m.tidy()
	}
}
