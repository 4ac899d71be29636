package queue

// Limits bound a machine's window and say when a message is dead.
type Limits struct {
	Messages        int // ready messages held in memory
	Bytes           int // bytes of those that are in the store too
	Pending         int // bytes of volatile messages held in memory; more of them spill
	MaxRedeliveries int // failed deliveries after which a message is dead is one more; negative: never
}

// An Action is what an Effect asks for.
type Action uint8

// The actions.
const (
	Deliver    Action = iota // give Entry to Consumer
	Load                     // read a page behind After of Source, answer with Loaded or LoadFailed
	Spill                    // write the volatile Entry to the spill; the machine forgets it
	DeadLetter               // Entry is Held: move or drop it for Cause, then Settle
	Count                    // record the Count of the stored Entry
)

// A Cause says why a message is dead.
type Cause uint8

// The causes.
const (
	Expired Cause = iota + 1
	Exhausted
	Rejected
)

// String gives the cause in lower case.
func (c Cause) String() string { return [...]string{"", "expired", "exhausted", "rejected"}[c] }

// An Effect is one thing to be done, in the order given.
type Effect struct {
	Action   Action
	Cause    Cause
	Source   Source
	Entry    *Entry
	Consumer *Consumer
	After    Place
	N        int    // at most so many messages
	Bytes    int    // and about so many bytes, at least one message
	Epoch    uint64 // handed back with Loaded
}

// A Machine is one queue. Its methods are called by one goroutine at a time.
type Machine struct {
	limits  Limits
	window  window
	source  [2]backlog
	cs      consumers
	tail    uint64 // last Seq that arrived; a page may be ahead of it
	sub     uint64 // last counter given to a volatile message
	epoch   uint64 // raised by Purge: pages asked for before are void
	ready   int
	bytes   int // of counted entries in the store too
	pending int // of volatile entries
	out     []Effect
}

// New gives the machine of a queue. tail is the last Seq that arrived in it
// before; stored says that there may be messages in the store.
func New(l Limits, tail uint64, stored bool) *Machine {
	m := &Machine{limits: l, tail: tail}
	m.source[Stored].complete = !stored
	m.source[Spilled].complete = true
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
			m.insert(e)
			return true
		}
		if i == len(m.window.list) {
			b.leave(e.Place)
			b.missed = true
			return false
		}
		m.insert(e)
		m.evict()
		return e.state != Gone
	case b.loading && !b.missed && m.room(e):
		m.insert(e) // waits behind the frontier for the page
		return true
	}
	b.missed = true
	return false
}

// ArriveVolatile tells of a message that is not in the store. The machine
// gives it its place, behind everything that arrived before it.
func (m *Machine) ArriveVolatile(e *Entry) {
	m.sub++
	e.Seq, e.Sub, e.Volatile = m.tail, m.sub, true
	b := &m.source[Spilled]
	if b.complete && (m.pending+e.Size <= m.limits.Pending || m.pending == 0) {
		m.insert(e)
		return
	}
	b.leave(e.Place)
	b.missed = true
	m.emit(Effect{Action: Spill, Entry: e})
}

// room reports whether one more stored message fits into the window.
func (m *Machine) room(e *Entry) bool {
	return m.ready == 0 || (m.ready < m.limits.Messages && m.bytes+e.Size <= m.limits.Bytes)
}

func (m *Machine) insert(e *Entry) {
	e.state = Ready
	m.ready++
	m.count(e)
	m.window.insert(e)
}

// count puts the size of e into the sums; uncount takes it out.
func (m *Machine) count(e *Entry) {
	if e.counted || e.Value == nil {
		return
	}
	e.counted = true
	if e.Volatile {
		m.pending += e.Size
	} else {
		m.bytes += e.Size
	}
}

func (m *Machine) uncount(e *Entry) {
	if !e.counted {
		return
	}
	e.counted = false
	if e.Volatile {
		m.pending -= e.Size
	} else {
		m.bytes -= e.Size
	}
}

// set changes the state of e and what is counted.
func (m *Machine) set(e *Entry, s State) {
	if e.state == Ready {
		m.ready--
	}
	e.state = s
	switch s {
	case Ready:
		m.ready++
		m.count(e)
		m.window.revive(e)
	case Gone:
		m.uncount(e)
		m.window.gone++
	default:
		if !e.Volatile {
			m.uncount(e)
		}
	}
}

// evict drops ready stored messages from the end of the window until it is
// within its limits again. Of one that was delivered in vain only the message
// goes: that it was, the store does not know [M9].
func (m *Machine) evict() {
	list := m.window.list
	for i := len(list) - 1; i >= m.window.head; i-- {
		if m.ready <= m.limits.Messages && m.bytes <= m.limits.Bytes {
			break
		}
		e := list[i]
		switch {
		case e.state != Ready || e.Volatile:
		case e.Redelivered:
			m.uncount(e)
			e.Value = nil
		default:
			m.source[Stored].leave(e.Place)
			m.source[Stored].missed = true
			m.set(e, Gone)
			e.Value = nil
			m.window.list = append(m.window.list[:i], m.window.list[i+1:]...)
			m.window.gone--
		}
	}
	m.window.next = min(m.window.next, len(m.window.list))
}

// SetLimits changes the limits; what does not fit any more leaves the window.
func (m *Machine) SetLimits(l Limits) {
	m.limits = l
	m.evict()
}

// Add lets c take messages.
func (m *Machine) Add(c *Consumer) { m.cs.add(c) }

// Remove ends c. What it holds unacknowledged goes back to its place, marked
// as redelivered, and with failed counted as a failed delivery.
func (m *Machine) Remove(c *Consumer, failed bool) {
	if !m.cs.remove(c) {
		return
	}
	for _, e := range m.window.live() {
		if e.state == Delivered && e.consumer == c {
			m.Return(e, c, failed)
		}
	}
}

// Grant gives c n more credits.
func (m *Machine) Grant(c *Consumer, n int) { m.cs.grant(c, n) }

// Ack tells that c is done with e: it has a credit back, and e is Held until
// Settle or Return. Nothing happens if e is not with c any more.
func (m *Machine) Ack(e *Entry, c *Consumer) {
	if e.state != Delivered || e.consumer != c {
		return
	}
	m.set(e, Held)
	m.cs.grant(c, 1)
}

// Settle tells that e has left the queue for good.
func (m *Machine) Settle(e *Entry) {
	if e.state == Gone {
		return
	}
	if e.state == Delivered {
		m.cs.grant(e.consumer, 1)
	}
	m.set(e, Gone)
	e.Value, e.consumer = nil, nil
	m.tidy()
}

func (m *Machine) tidy() {
	if !m.source[Stored].loading && !m.source[Spilled].loading {
		m.window.compact()
	}
}

// Purge drops all that is ready. What is delivered stays with its consumers.
// The caller has emptied the store up to Seq, and the spill.
func (m *Machine) Purge() {
	m.epoch++
	for _, e := range m.window.live() {
		if e.state == Ready {
			m.set(e, Gone)
			e.Value = nil
		}
	}
	stored := &m.source[Stored]
	if !stored.complete {
		stored.frontier = Place{}
	}
	m.source[Spilled] = backlog{complete: true}
	stored.loading, stored.missed = false, false
	m.window.compact()
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

// Status is a look at the machine, for people.
type Status struct {
	Ready, Delivered, Held int
	Consumers              int
	Bytes                  int // in memory, volatile ones included
	Complete               bool
}

// Status gives the counts of the window.
func (m *Machine) Status() Status {
	s := Status{Consumers: len(m.cs.all), Bytes: m.bytes + m.pending, Complete: m.source[Stored].complete && m.source[Spilled].complete}
	for _, e := range m.window.live() {
		switch e.state {
		case Ready:
			s.Ready++
		case Delivered:
			s.Delivered++
		case Held:
			s.Held++
		}
	}
	return s
}

// Bytes gives the bytes in memory.
func (m *Machine) Bytes() int { return m.bytes + m.pending }

// Consumers gives the number of consumers.
func (m *Machine) Consumers() int { return len(m.cs.all) }

// Idle reports whether nothing is in memory and nobody consumes: the machine
// may be thrown away and made anew from the store.
func (m *Machine) Idle() bool {
	return len(m.cs.all) == 0 && len(m.window.live()) == 0 && m.source[Spilled].complete &&
		!m.source[Stored].loading && !m.source[Spilled].loading
}

// Volatile gives the volatile messages in memory, in order, that are not Gone
// and have a place in (after, upTo].
func (m *Machine) Volatile(after, upTo Place) []*Entry {
	var out []*Entry
	i, _ := m.window.find(after)
	for ; i < len(m.window.list); i++ {
		e := m.window.list[i]
		if upTo.Less(e.Place) {
			break
		}
		if e.Volatile && after.Less(e.Place) && (e.state == Ready || e.state == Delivered) {
			out = append(out, e)
		}
	}
	return out
}

// Tail gives the last Seq that arrived.
func (m *Machine) Tail() uint64 { return m.tail }
