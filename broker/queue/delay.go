package queue

import "container/heap"

// delays are the entries that wait for their time.
type delays struct {
	fresh []*Entry // their time counts from the next Dispatch
	heap  dueHeap  // those that have died meanwhile are found when they are due
}

type dueHeap []*Entry

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if h[i].when != h[j].when {
		return h[i].when < h[j].when
	}
	return h[i].Place.Less(h[j].Place)
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(*Entry)) }
func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

// delay gives how long e, which has failed e.Count times, is to wait.
func (l *Limits) delay(e *Entry) int64 {
	d := float64(l.RedeliveryDelay)
	switch {
	case l.RedeliveryBackOff <= 1 && e.Count > 1 && l.NextRedeliveryDelay > 0:
		d = float64(l.NextRedeliveryDelay)
	case l.RedeliveryBackOff > 1:
		for n := uint32(1); n < e.Count && d < 1e15; n++ {
			d *= l.RedeliveryBackOff
		}
	}
	if l.MaxRedeliveryDelay > 0 {
		d = min(d, float64(l.MaxRedeliveryDelay))
	}
	return int64(d)
}

// wait puts e, which has come back, aside for d milliseconds. Its group waits
// with it.
func (m *Machine) wait(e *Entry, d int64) {
	if e.Group != "" {
		m.groupWaits(e)
	}
	m.set(e, Delayed)
	if !e.Volatile {
		e.Value = nil
	}
	e.when = d
	m.later.fresh = append(m.later.fresh, e)
}

// revive makes ready what has waited long enough.
func (m *Machine) revive(now int64) {
	for _, e := range m.later.fresh {
		if e.state == Delayed {
			e.when += now
			heap.Push(&m.later.heap, e)
		}
	}
	clear(m.later.fresh)
	m.later.fresh = m.later.fresh[:0]
	for len(m.later.heap) > 0 && m.later.heap[0].when <= now {
		e := heap.Pop(&m.later.heap).(*Entry)
		if e.state != Delayed {
			continue
		}
		m.set(e, Ready)
		if e.Group != "" {
			m.groupGoesOn(e)
		}
	}
}

// Due gives when Dispatch is to be called again although nothing happens, in
// milliseconds since 1970; 0: not at all.
func (m *Machine) Due() int64 {
	due := m.gate.due(m)
	if len(m.later.heap) > 0 {
		if d := m.later.heap[0].when; due == 0 || d < due {
			due = d
		}
	}
	return due
}
