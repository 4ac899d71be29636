package queue

// A Machine is one queue. Its methods are called by one goroutine at a time.
type Machine struct {
	limits  Limits
	window  window
	source  [2]backlog
	reads   reads
	cs      consumers
	views   []*view // in order of coming
	plain   *view   // the one without a selector; nil: there is none
	active  []*view
	groups  groups
	later   delays
	gate    gate
	sweeps  [2]sweep
	tail    uint64 // last Seq that arrived; a page may be ahead of it
	sub     uint64 // last counter given to a volatile message
	epoch   uint64 // raised by Purge: pages asked for before are void
	out     []Effect
	paused  bool
	stalled bool // something could not be parked
	crowded bool // the window may hold more than its limits allow

	ready     int // entries that are Ready, islands not counted
	bytes     int // of counted stored ones, islands not counted
	isles     int // islands that are Ready
	isleBytes int
	pending   int // bytes of volatile entries
	parked    int // entries that are Parked
	delayed   int // entries that are Delayed
	spilled   int // messages in the spill

	scanning  int     // scans under way
	scans     []*view // that wait for their turn to scan
	reloading bool

	excess    int // messages and bytes that the queue has too many, see Trim
	fat       int
	dying     int // of those, dead and not settled
	dyingFat  int
	discarded int
}

// New gives the machine of a queue. tail is the last Seq that arrived in it
// before; stored says that there may be messages in the store.
func New(l Limits, tail uint64, stored bool) *Machine {
	m := &Machine{limits: l, tail: tail}
	m.source[Stored].complete = !stored
	m.source[Spilled].complete = true
	for s := range m.sweeps {
		m.sweeps[s].init(stored && Source(s) == Stored)
	}
	return m
}

// Take gives the effects since the last call, in order. They are valid until
// the next call of any method: buf is reused for the next ones.
func (m *Machine) Take(buf []Effect) []Effect {
	out := m.out
	m.out = buf[:0]
	return out
}

// Arrive tells of a message that was committed to the store at e.Place.
// Reports whether the machine keeps e.
func (m *Machine) Arrive(e *Entry) bool {
	b := &m.source[Stored]
	if e.Seq == 1 && m.tail == 0 && !b.loading {
		b.complete = true // nothing can be before it
	}
	m.tail = max(m.tail, e.Seq)
	i, known := m.window.find(e.Place)
	switch {
	case known:
		return false // a page was quicker
	case b.covers(e.Place):
		if m.room(e) {
			m.insertAt(i, e)
			return true
		}
		if i == len(m.window.list) {
			m.leave(Stored, e.Place)
			break
		}
		m.insertAt(i, e)
		m.evict()
		return e.state != Gone
	case b.loading && b.missed == (Place{}) && m.room(e):
		m.insertAt(i, e) // waits behind the frontier for the page
		return true
	case b.loading:
		b.leave(e.Place)
	}
	if m.offer(Stored, e) {
		return true
	}
	m.sweeps[Stored].left(e)
	return false
}

// ArriveVolatile tells of a message that is not in the store. The machine
// gives it its place, behind everything in its lane that arrived before it.
func (m *Machine) ArriveVolatile(e *Entry) {
	m.sub++
	e.Seq, e.Sub, e.Volatile = m.tail, m.sub, true
	b := &m.source[Spilled]
	if b.covers(e.Place) && (m.pending+e.Size <= m.limits.Pending || m.pending == 0) {
		m.insert(e)
		return
	}
	if b.loading || b.covers(e.Place) {
		m.leave(Spilled, e.Place)
	}
	if m.offer(Spilled, e) {
		return
	}
	m.sweeps[Spilled].left(e)
	m.spilled++
	m.emit(Effect{Action: Spill, Entry: e})
}

// room reports whether one more stored message fits into the window.
func (m *Machine) room(e *Entry) bool {
	return m.ready == 0 || (m.ready < m.limits.Messages && m.bytes+e.Size <= m.limits.Bytes)
}

func (m *Machine) insert(e *Entry) {
	i, _ := m.window.find(e.Place)
	m.insertAt(i, e)
}

// insertAt puts e, whose place is before that of list[i], into the window.
func (m *Machine) insertAt(i int, e *Entry) {
	e.state = Ready
	m.countReady(e, 1)
	m.count(e)
	m.window.insert(i, e)
	m.note(e, i)
}

func (m *Machine) countReady(e *Entry, n int) {
	if e.view != nil {
		m.isles += n
	} else {
		m.ready += n
	}
}

// count puts the size of e into the sums; uncount takes it out.
func (m *Machine) count(e *Entry) {
	if !e.counted && e.Value != nil {
		e.counted = true
		m.add(e, e.Size)
	}
}

func (m *Machine) uncount(e *Entry) {
	if e.counted {
		e.counted = false
		m.add(e, -e.Size)
	}
}

func (m *Machine) add(e *Entry, n int) {
	switch {
	case e.Volatile:
		m.pending += n
	case e.view != nil:
		m.isleBytes += n
	default:
		m.bytes += n
	}
}

// set changes the state of e and what is counted.
func (m *Machine) set(e *Entry, s State) {
	switch e.state {
	case Ready:
		m.countReady(e, -1)
	case Parked:
		m.parked--
		m.resume()
	case Delayed:
		m.delayed--
		m.resume()
	}
	e.state = s
	switch s {
	case Ready:
		m.countReady(e, 1)
		m.count(e)
		if i, ok := m.window.find(e.Place); ok {
			m.note(e, i)
		}
	case Parked:
		m.parked++
	case Gone:
		m.uncount(e)
		m.window.gone++
		e.when = int64(m.reads.asked)
	default:
		if s == Delayed {
			m.delayed++
		}
		if !e.Volatile {
			m.uncount(e)
		}
	}
}

// resume lets those go on who had no room to park what they passed.
func (m *Machine) resume() {
	if m.stalled {
		m.stalled = false
		m.activateAll()
	}
}

// evict drops ready stored messages from the end of the window until it is
// within its limits again. Of one that was delivered in vain, or is parked, only
// the message goes: that it was delivered the store does not know [M9].
func (m *Machine) evict() {
	m.crowded = false
	for i := len(m.window.list) - 1; i >= m.window.head; i-- {
		plain := m.ready > m.limits.Messages || m.bytes > m.limits.Bytes
		isles := m.isles > m.limits.Messages || m.isleBytes > m.limits.Bytes
		if !plain && !isles {
			break
		}
		e := m.window.list[i]
		switch {
		case e.Volatile || e.view == nil && !plain || e.view != nil && !isles:
		case e.state == Parked, e.state == Ready && e.Redelivered:
			m.uncount(e)
			e.Value = nil
		case e.state == Ready:
			m.leave(Stored, e.Place)
			for _, v := range m.views {
				b := &v.seen[Stored]
				if v.match != nil && (b.loading || b.covers(e.Place)) && (e.Value == nil || v.match(e)) {
					b.leave(e.Place)
				}
			}
			m.sweeps[Stored].left(e)
			m.forget(i)
		}
	}
}

// forget takes list[i], which is ready, out of the window at once.
func (m *Machine) forget(i int) {
	e := m.window.list[i]
	m.set(e, Gone)
	m.window.gone--
	e.Value = nil
	m.window.remove(i)
}

// SetLimits changes the limits; what does not fit any more leaves the window.
func (m *Machine) SetLimits(l Limits) {
	m.limits = l
	m.evict()
}

// Ack tells that c is done with e: it has a credit back, and e is Held until
// Settle or Return. Nothing happens if e is not with c any more.
func (m *Machine) Ack(e *Entry, c *Consumer) {
	if e.state != Delivered || e.consumer != c {
		return
	}
	m.set(e, Held)
	m.back(c)
}

// Settle tells that e has left the queue for good.
func (m *Machine) Settle(e *Entry) {
	switch e.state {
	case Gone:
		return
	case Delivered:
		m.back(e.consumer)
	case Held:
		m.trimmed(e)
	}
	group := e.state == Delayed && e.Group != ""
	m.set(e, Gone)
	if group {
		m.groupGoesOn(e)
	}
	m.left(e)
	e.Value, e.consumer = nil, nil
	m.tidy()
}

func (m *Machine) tidy() { m.window.compact(m.reads.oldest()) }

// Purge drops all that waits. What is delivered stays with its consumers. The
// caller has emptied the store up to Seq, and the spill.
func (m *Machine) Purge() {
	m.epoch++
	m.reads.open = m.reads.open[:0]
	for _, e := range m.window.live() {
		if !e.state.waiting() {
			continue
		}
		group := e.state == Delayed && e.Group != ""
		m.set(e, Gone)
		e.Value = nil
		if group {
			m.groupOf(e).delayed--
		}
	}
	m.source[Stored].purge()
	m.source[Spilled] = backlog{complete: true}
	for _, v := range m.views {
		v.seen[Stored].purge()
		v.seen[Spilled] = backlog{}
		v.queued = false
	}
	for s := range m.sweeps {
		m.sweeps[s].purge()
	}
	m.scanning, m.scans, m.reloading, m.spilled = 0, nil, false, 0
	m.excess, m.fat = 0, 0
	m.regroup()
	m.activateAll()
	m.tidy()
}

// purge notes that the source was emptied; what has come since is not known.
func (b *backlog) purge() {
	if !b.complete {
		b.frontier = Place{}
	}
	b.loading, b.missed = false, Place{}
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

// Tail gives the last Seq that arrived.
func (m *Machine) Tail() uint64 { return m.tail }
