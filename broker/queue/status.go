package queue

// Status is a look at the machine, for people.
type Status struct {
	Ready, Parked, Delayed, Delivered, Held int
	Consumers                               int
	Bytes                                   int // in memory, volatile ones included
	Complete                                bool
	Paused                                  bool
}

// Status gives the counts of the window.
func (m *Machine) Status() Status {
	s := Status{
		Consumers: len(m.cs.all), Bytes: m.Bytes(), Paused: m.paused,
		Complete: m.source[Stored].complete && m.source[Spilled].complete,
	}
	for _, e := range m.window.live() {
		switch e.state {
		case Ready:
			s.Ready++
		case Parked:
			s.Parked++
		case Delayed:
			s.Delayed++
		case Delivered:
			s.Delivered++
		case Held:
			s.Held++
		}
	}
	return s
}

// Bytes gives the bytes in memory.
func (m *Machine) Bytes() int { return m.bytes + m.isleBytes + m.pending }

// Consumers gives the number of consumers.
func (m *Machine) Consumers() int { return len(m.cs.all) }

// Idle reports whether nothing is in memory and nobody consumes, and nothing
// behind the window is known to expire: the machine may be thrown away and made
// anew from the store.
func (m *Machine) Idle() bool {
	return len(m.cs.all) == 0 && len(m.window.live()) == 0 && m.source[Spilled].complete &&
		len(m.reads.open) == 0 && !m.reloading && !m.expiring() && !m.trimming()
}

// expiring reports whether there may be something to expire behind the window.
func (m *Machine) expiring() bool {
	return m.limits.ExpirePage > 0 && !m.source[Stored].complete && m.sweeps[Stored].next < never
}

// Volatile gives the volatile messages in memory, in order, that are not
// acknowledged and have a place in (after, upTo].
func (m *Machine) Volatile(after, upTo Place) []*Entry {
	var out []*Entry
	i, _ := m.window.find(after)
	for ; i < len(m.window.list); i++ {
		e := m.window.list[i]
		if upTo.Less(e.Place) {
			break
		}
		if e.Volatile && after.Less(e.Place) && (e.state.waiting() || e.state == Delivered) {
			out = append(out, e)
		}
	}
	return out
}

// A GroupStatus is a look at one message group.
type GroupStatus struct {
	Name        string
	Owner       any // Value of its consumer, nil if it has none
	Outstanding int // with the consumer, or acknowledged and not settled
	Waiting     int // in memory, for the consumer to take more or for another one
}

// Groups gives the message groups that are known, in order of name.
func (m *Machine) Groups() []GroupStatus {
	var out []GroupStatus
	for _, g := range m.sortedGroups() {
		s := GroupStatus{Name: g.name, Outstanding: g.out, Waiting: g.delayed}
		for _, e := range append(g.parked[:len(g.parked):len(g.parked)], g.others...) {
			if e.state == Parked {
				s.Waiting++
			}
		}
		if g.owner != nil {
			s.Owner = g.owner.Value
		}
		out = append(out, s)
	}
	return out
}

// DropGroup takes a group from its consumer: what comes next of it may go to
// another one, once what is outstanding is settled. It reports false if nobody
// has it.
func (m *Machine) DropGroup(name string) bool {
	g := m.groups.byName[name]
	if g == nil || g.owner == nil {
		return false
	}
	m.disown(g)
	return true
}

// DropGroups takes all groups from their consumers, and says how many.
func (m *Machine) DropGroups() int {
	n := 0
	for _, g := range m.sortedGroups() {
		if m.DropGroup(g.name) {
			n++
		}
	}
	return n
}
