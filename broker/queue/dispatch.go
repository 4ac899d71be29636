package queue

// Dispatch gives what is ready to those who have credit, in order, and asks
// for more where the window drains. now is in milliseconds since 1970.
func (m *Machine) Dispatch(now int64) {
	m.revive(now)
	if m.crowded {
		m.evict()
	}
	m.trim()
	if m.blocked(now) {
		m.lendOn()
		if m.trimming() {
			m.load()
		}
		return
	}
	for again := true; again; again = m.queueUp() {
		m.hand(now)
	}
	m.shed()
	m.load()
}

// hand gives out what it can.
func (m *Machine) hand(now int64) {
	for _, v := range m.views {
		if v.pooled > 0 {
			m.activate(v) // others may have brought credit
		}
	}
	for {
		v, c := m.candidate()
		if v == nil {
			return
		}
		if !m.serve(v, c, now) {
			m.rest(v)
		}
	}
}

// queueUp has the consumers wait for which there may be something and whose pool
// is empty, and reports whether credit has come meanwhile. If not, what was lent
// and not used goes on to the next who waits. Such a consumer waits again after
// the next Dispatch, which comes when something happens here: those who find
// nothing do not wake each other in turn.
func (m *Machine) queueUp() (more bool) {
	for _, v := range m.views {
		if v.pooled == 0 {
			continue
		}
		m.skip(v)
		for _, c := range v.members {
			if c.Pool == nil || c.able() || m.Dry(c) {
				continue
			}
			c.Pool.back(c) // the room is full
			more = !c.Pool.wait(c) || more
		}
	}
	if !more {
		m.lendOn()
	}
	return more
}

// lendOn gives back what was lent and not used.
func (m *Machine) lendOn() {
	for _, v := range m.views {
		if v.pooled == 0 {
			continue
		}
		for _, c := range v.members {
			if c.Pool != nil {
				c.Pool.back(c)
			}
		}
	}
}

// skip moves the cursor of v over what is ready for nobody.
func (m *Machine) skip(v *view) {
	i := m.seek(v)
	for i < len(m.window.list) && m.window.list[i].state != Ready {
		i++
	}
	m.at(v, i)
}

// blocked reports whether nothing may go out now.
func (m *Machine) blocked(now int64) bool {
	strict := m.limits.StrictOrder || m.cs.exclusive > 0
	return m.paused || m.gate.closed(m, now) || m.delayed > 0 && (strict || m.delayed >= m.limits.aside())
}

// candidate gives the consumer that is to be served next, of the views where
// something may be: the one with the highest priority that waits longest.
func (m *Machine) candidate() (*view, *Consumer) {
	if o := m.cs.owner(); o != nil {
		if o.view.active && o.able() {
			return o.view, o
		}
		return nil, nil
	}
	var bv *view
	var bc *Consumer
	for i := 0; i < len(m.active); {
		v := m.active[i]
		c := v.pick(m.limits.StrictOrder)
		if c == nil {
			m.retire(i)
			continue
		}
		if bc == nil || c.Priority > bc.Priority || c.Priority == bc.Priority && c.served < bc.served {
			bv, bc = v, c
		}
		i++
	}
	return bv, bc
}

func (m *Machine) retire(i int) {
	m.active[i].active = false
	m.active = append(m.active[:i], m.active[i+1:]...)
}

// rest lets go of v, which has credit and finds nothing, until something
// happens to it, and asks for what it lacks.
func (m *Machine) rest(v *view) {
	for i, o := range m.active {
		if o == v {
			m.retire(i)
			break
		}
	}
	v.waits = !m.reloading && (!m.stalled || m.behind(v))
	if v.match != nil && v.waits {
		m.scan(v)
	}
}

// serve delivers one message of what v sees, to c if it is not for another one,
// and goes on with whose turn is next if no other view waits for its own. It
// reports false if there is none.
func (m *Machine) serve(v *view, c *Consumer, now int64) bool {
	if g := c.parked.first(); g != nil && g.parked[0].Place.Less(v.cursor) && m.catchUpWith(c, g, now) {
		return true
	}
	w := &m.window
	stuck := stuck{at: -1}
	alone := len(m.active) == 1 && m.cs.exclusive == 0
	i := m.seek(v)
	for ; i < len(w.list); i++ {
		e := w.list[i]
		if e.state != Ready {
			continue
		}
		if !m.reaches(v, e.Place) {
			break
		}
		if e.Expires != 0 && now >= e.Expires {
			m.die(e, Expired)
			continue
		}
		if e.Value == nil {
			m.at(v, i)
			m.reload(i)
			break
		}
		if v.match != nil && !v.match(e) {
			continue
		}
		to := c
		if e.Group != "" {
			if to = m.member(v, c, e, &stuck, i); to == nil {
				continue
			}
		}
		if g := to.parked.first(); g != nil && g.parked[0].Place.Less(e.Place) {
			m.at(v, stuck.or(i))
			return m.catchUpWith(to, g, now)
		}
		if !m.deliver(e, to) || !alone {
			m.at(v, stuck.or(i))
			return true
		}
		if c = v.pick(m.limits.StrictOrder); c == nil || len(c.parked) > 0 {
			m.at(v, stuck.or(i))
			return true
		}
	}
	m.at(v, i)
	searched := v.cursor
	m.at(v, stuck.or(i))
	return m.parked > 0 && m.catchUp(v, searched, now)
}

// deliver gives e to c. It reports false if another machine had the last credit
// of its pool.
func (m *Machine) deliver(e *Entry, c *Consumer) bool {
	if !m.take(c) {
		return false
	}
	if c.Room != nil {
		c.Room.Fill(int64(e.Size))
	}
	m.set(e, Delivered)
	e.consumer = c
	m.cs.clock++
	c.served = m.cs.clock
	c.view.next(c)
	if e.Group != "" {
		m.joined(e, c)
	}
	m.emit(Effect{Action: Deliver, Entry: e, Consumer: c})
	return true
}
