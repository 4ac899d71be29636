package queue

// Return gives e back to its place: c did not want it, rolled back its
// acknowledgement or went away. It is marked as redelivered. failed counts a
// failed delivery: the message waits for its time if there is a delay, and one
// too many makes it dead. Nothing happens if e is not with c any more.
func (m *Machine) Return(e *Entry, c *Consumer, failed bool) {
	if e.consumer != c || (e.state != Delivered && e.state != Held) {
		return
	}
	if e.state == Delivered {
		m.back(c)
	}
	e.consumer = nil
	e.Redelivered = true
	if failed {
		e.Count++
		if m.limits.MaxRedeliveries >= 0 && e.Count > uint32(m.limits.MaxRedeliveries) {
			m.die(e, Exhausted)
			return
		}
		if !e.Volatile {
			m.emit(Effect{Action: Count, Entry: e})
		}
		if d := m.limits.delay(e); d > 0 {
			m.wait(e, d)
			m.left(e)
			return
		}
	}
	m.left(e)
	m.set(e, Ready)
}

// Reject makes e, which is with c, a dead letter at once.
func (m *Machine) Reject(e *Entry, c *Consumer) {
	if e.state != Delivered || e.consumer != c {
		return
	}
	m.back(c)
	m.die(e, Rejected)
}

func (m *Machine) die(e *Entry, c Cause) {
	group := e.state == Delayed && e.Group != ""
	m.set(e, Held)
	e.consumer = nil
	m.emit(Effect{Action: DeadLetter, Entry: e, Cause: c})
	if group {
		m.groupGoesOn(e)
	}
	m.left(e)
}
