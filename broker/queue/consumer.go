package queue

import (
	"container/list"
	"sync/atomic"
)

// A Consumer takes messages from one machine. The caller fills it in before Add.
type Consumer struct {
	Value     any   // the caller's
	Credit    int   // deliveries it may get now; then the machine's. With 0 at first, and no Pool, it gets what Pull and Grant give alone
	Pool      *Pool // instead of Credit, shared with consumers of other machines; may be nil
	Room      *Room // it gets nothing while that is full; may be nil
	Priority  int   // a consumer of a higher one is served first
	Exclusive bool  // while there is one, only the first of them is served
	// Selector names what the consumer selects: consumers with the same text
	// share what is known of it. Match decides on an Entry, whose Value may
	// lack its body; other goroutines call it too. Without a Selector a consumer
	// takes everything.
	Selector string
	Match    func(*Entry) bool

	view    *view
	served  uint64 // when it was served last, as the machine counts
	owns    int    // groups
	parked  groupHeap
	pulls   bool // its credit does not come back with an acknowledgement
	removed bool

	lent  atomic.Int64  // credit of the pool that is for it alone
	place *list.Element // in the pool's line, nil: in none; the pool's
}

// able reports whether c may get a message.
func (c *Consumer) able() bool {
	if c.Room.Full() {
		return false
	}
	if c.Pool != nil {
		return c.lent.Load() > 0 || c.Pool.Free() > 0
	}
	return c.Credit > 0
}

// consumers are all those of a machine.
type consumers struct {
	all       []*Consumer // in order of coming
	exclusive int
	clock     uint64 // counts deliveries
}

func (cs *consumers) add(c *Consumer) {
	cs.clock++
	c.served = cs.clock
	c.pulls = c.Pool == nil && c.Credit == 0
	cs.all = append(cs.all, c)
	if c.Exclusive {
		cs.exclusive++
	}
}

func (cs *consumers) remove(c *Consumer) bool {
	for i, o := range cs.all {
		if o != c {
			continue
		}
		cs.all = append(cs.all[:i:i], cs.all[i+1:]...)
		if c.Exclusive {
			cs.exclusive--
		}
		c.removed = true
		return true
	}
	return false
}

// owner is the first exclusive consumer of the highest priority, nil if none is.
func (cs *consumers) owner() *Consumer {
	if cs.exclusive == 0 {
		return nil
	}
	var best *Consumer
	for _, c := range cs.all {
		if c.Exclusive && (best == nil || c.Priority > best.Priority) {
			best = c
		}
	}
	return best
}

// Add lets c take messages.
func (m *Machine) Add(c *Consumer) {
	m.cs.add(c)
	m.viewOf(c).add(c)
	if c.Exclusive {
		m.regroup()
	}
	m.activate(c.view)
}

// Remove ends c. What it holds unacknowledged goes back to its place, marked
// as redelivered, and with failed counted as a failed delivery.
func (m *Machine) Remove(c *Consumer, failed bool) {
	if !m.cs.remove(c) {
		return
	}
	if c.Pool != nil {
		c.Pool.leave(c)
	}
	m.disownAll(c)
	v := c.view
	v.remove(c)
	var with []*Entry
	for _, e := range m.window.live() {
		if e.state == Delivered && e.consumer == c {
			with = append(with, e)
		}
	}
	for _, e := range with {
		m.Return(e, c, failed)
	}
	if len(v.members) == 0 {
		m.dropView(v)
	}
	if c.Exclusive {
		m.regroup()
		m.activateAll()
	}
	if len(m.cs.all) == 0 {
		m.gate = gate{}
	}
}

// Close gives back what the consumers' pools have lent to this machine. It is
// not used afterwards.
func (m *Machine) Close() {
	for _, c := range m.cs.all {
		if c.Pool != nil {
			c.Pool.leave(c)
		}
	}
	for _, e := range m.window.live() {
		if e.state == Delivered && e.consumer.Pool != nil {
			e.consumer.Pool.Give(1)
		}
	}
}

// Grant gives c n more credits.
func (m *Machine) Grant(c *Consumer, n int) {
	switch {
	case c == nil:
	case c.Pool != nil:
		c.Pool.Give(n)
		if !c.removed {
			m.activate(c.view)
		}
	case !c.removed:
		before := c.Credit > 0
		c.Credit += n
		if now := c.Credit > 0; now != before {
			c.view.lend(now)
		}
		m.activate(c.view)
	}
}

// back returns the credit of a delivery that is over.
func (m *Machine) back(c *Consumer) {
	if c != nil && !c.pulls {
		m.Grant(c, 1)
	}
}

// take takes one credit of c, and reports whether there was one.
func (m *Machine) take(c *Consumer) bool {
	if c.Pool != nil {
		return c.Pool.take(c)
	}
	if c.Credit <= 0 {
		return false
	}
	if c.Credit--; c.Credit == 0 {
		c.view.lend(false)
	}
	return true
}

// Pull lets c, whose credit is 0, have one message. It reports false if it waits
// for one already.
func (m *Machine) Pull(c *Consumer) bool {
	if c.removed || c.Credit > 0 {
		return false
	}
	m.Grant(c, 1)
	return true
}

// Unpull takes back what Pull gave. It reports false if the message was delivered.
func (m *Machine) Unpull(c *Consumer) bool { return !c.removed && c.Credit > 0 && m.take(c) }

// Dry reports whether it is known, since the last Dispatch, that there is
// nothing for c now.
func (m *Machine) Dry(c *Consumer) bool {
	v := c.view
	if o := m.cs.owner(); c.removed || m.paused || o != nil && o != c {
		return true
	}
	if v.active || m.reloading || len(c.parked) > 0 {
		return false
	}
	for s := range m.source {
		if !m.source[s].complete && !v.seen[s].complete {
			return false
		}
	}
	return v.cursor == last
}
