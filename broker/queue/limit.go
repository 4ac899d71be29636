package queue

import "slices"

// Trim tells that the queue has n messages or that many bytes too many: those
// that are first in order of delivery are dropped, whatever their lane. What was
// dropped before and is not settled counts as gone already.
func (m *Machine) Trim(n, bytes int) {
	m.excess, m.fat = n-m.dying, bytes-m.dyingFat
}

func (m *Machine) trimming() bool { return m.excess > 0 || m.fat > 0 }

// trim drops as much as is in excess and in the window.
func (m *Machine) trim() {
	if !m.trimming() {
		return
	}
	var drop []*Entry
	for _, e := range m.window.live() {
		if !m.trimming() || !m.source[Stored].covers(e.Place) || !m.source[Spilled].covers(e.Place) {
			break
		}
		if e.state.waiting() {
			drop = append(drop, e)
			m.excess--
			m.fat -= e.Size
		}
	}
	for _, e := range drop {
		m.dying++
		m.dyingFat += e.Size
		e.trimmed = true
		m.die(e, Overflow)
	}
	if m.source[Stored].complete && m.source[Spilled].complete {
		m.excess, m.fat = 0, 0 // the rest is with consumers
	}
}

// trimmed notes that e, which was dropped, is gone.
func (m *Machine) trimmed(e *Entry) {
	if e.trimmed {
		e.trimmed = false
		m.dying--
		m.dyingFat -= e.Size
	}
}

// shed discards what a subscription to a topic has too many waiting.
func (m *Machine) shed() {
	max := m.limits.MaxWaiting
	if max < 0 || m.ready+m.spilled <= max {
		return
	}
	var waiting []*Entry
	for _, e := range m.window.live() {
		if e.Volatile && e.state == Ready {
			waiting = append(waiting, e)
		}
	}
	n := min(m.ready+m.spilled-max, len(waiting))
	switch {
	case m.limits.Evict == EvictLowest && m.limits.Rank != nil:
		slices.SortStableFunc(waiting, func(a, b *Entry) int { return m.limits.Rank(a.Value) - m.limits.Rank(b.Value) })
	case m.limits.Evict == EvictUnique && m.limits.Key != nil:
		if old := m.outdated(waiting); len(old) > 0 {
			waiting, n = old, len(old)
		}
	}
	for _, e := range waiting[:n] {
		m.set(e, Gone)
		m.discarded++
		m.emit(Effect{Action: Discard, Entry: e, N: m.discarded})
	}
	m.tidy()
}

// outdated gives those that are followed by another one with the same key.
func (m *Machine) outdated(list []*Entry) []*Entry {
	var old []*Entry
	newest := map[any]bool{}
	for _, e := range slices.Backward(list) {
		k := m.limits.Key(e.Value)
		if k == nil {
			continue
		}
		if newest[k] {
			old = append(old, e)
		}
		newest[k] = true
	}
	slices.Reverse(old)
	return old
}
