package queue

// Return gives e back to its place: c did not want it, rolled back its
// acknowledgement or went away. It is marked as redelivered. failed counts a
// failed delivery; one too many makes the message dead. Nothing happens if e
// is not with c any more.
func (m *Machine) Return(e *Entry, c *Consumer, failed bool) {
	if e.consumer != c || (e.state != Delivered && e.state != Held) {
		return
	}
	if e.state == Delivered {
		m.cs.grant(c, 1)
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
	}
	m.set(e, Ready)
}

// Reject makes e, which is with c, a dead letter at once.
func (m *Machine) Reject(e *Entry, c *Consumer) {
	if e.state != Delivered || e.consumer != c {
		return
	}
	m.cs.grant(c, 1)
	m.die(e, Rejected)
}

func (m *Machine) die(e *Entry, c Cause) {
	m.set(e, Held)
	e.consumer = nil
	m.emit(Effect{Action: DeadLetter, Entry: e, Cause: c})
}

// Expire takes what has passed its time to live out of the window.
func (m *Machine) Expire(now int64) {
	for _, e := range m.window.live() {
		if e.state == Ready && e.Expires != 0 && now >= e.Expires {
			m.die(e, Expired)
		}
	}
}
