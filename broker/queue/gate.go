package queue

// A gate holds a queue back until enough consumers are there, or have had the
// time to come. It closes again when the last one has gone.
type gate struct {
	open  bool
	since int64 // when the first consumer was seen, 0: not yet
}

func (g *gate) closed(m *Machine, now int64) bool {
	n, wait := m.limits.ConsumersBeforeDispatch, m.limits.TimeBeforeDispatch
	if g.open || n <= 0 && wait <= 0 {
		return false
	}
	if len(m.cs.all) == 0 {
		return true
	}
	if g.since == 0 {
		g.since = now
	}
	g.open = n > 0 && len(m.cs.all) >= n || wait > 0 && now >= g.since+wait
	return !g.open
}

// due gives when the gate opens by itself, 0 if it is open or does not.
func (g *gate) due(m *Machine) int64 {
	if g.open || g.since == 0 || m.limits.TimeBeforeDispatch <= 0 {
		return 0
	}
	return g.since + m.limits.TimeBeforeDispatch
}

// Pause stops all deliveries until Pause(false). What is delivered may be
// acknowledged, and messages arrive.
func (m *Machine) Pause(paused bool) { m.paused = paused }

// Paused reports whether the queue is paused.
func (m *Machine) Paused() bool { return m.paused }
