package queue

import (
	"math"
	"slices"
)

// last is behind every message.
var last = Place{Lane: math.MaxUint8, Seq: math.MaxUint64, Sub: math.MaxUint64}

// A view is what consumers with the same selector share: what of the queue they
// have seen. Within the window it has a cursor, behind the window it has places
// of its own in the sources. What it selects there is taken into the window as
// an island, which only those who know the sources up to it may have.
//
// The view without a selector has no part in that: the machine's own backlogs
// are its, and it alone has them loaded further.
type view struct {
	selector string
	match    func(*Entry) bool // nil: everything
	seen     [2]backlog        // beside what the machine's backlog covers

	cursor Place  // no Ready entry before it is for this view
	index  int    // of the cursor, valid if gen is the window's
	gen    uint64 //
	active bool   // something may be there for a member
	waits  bool   // a member could have more than is in the window
	queued bool   // waits for its turn to scan
	gone   bool   // nobody is left

	members []*Consumer // in order of coming
	turn    int         // where the search for the next one begins
	free    int         // those with a credit of their own
	pooled  int         // those with a pool
	mixed   bool        // not all of one priority
}

// viewOf gives the view of a consumer, new if it is the first of its kind.
func (m *Machine) viewOf(c *Consumer) *view {
	for _, v := range m.views {
		if v.selector == c.Selector && (v.match == nil) == (c.Match == nil) {
			c.view = v
			return v
		}
	}
	v := &view{selector: c.Selector, match: c.Match}
	if v.match == nil {
		m.plain = v
	}
	m.views = append(m.views, v)
	c.view = v
	return v
}

// dropView forgets a view that nobody has any more. The islands that came for
// it leave the window again, unless another one counts on them.
func (m *Machine) dropView(v *view) {
	v.gone = true
	drop := func(o *view) bool { return o == v }
	m.views = slices.DeleteFunc(m.views, drop)
	m.active = slices.DeleteFunc(m.active, drop)
	m.scans = slices.DeleteFunc(m.scans, drop)
	if m.plain == v {
		m.plain = nil
	}
	w := &m.window
	for i := len(w.list) - 1; i >= w.head; i-- {
		e := w.list[i]
		if e.view != v {
			continue
		}
		if e.state == Ready && !e.Volatile && !e.Redelivered && !m.source[Stored].covers(e.Place) && !m.wanted(e) {
			m.forget(i)
			continue
		}
		m.adopt(e)
	}
}

// wanted reports whether a view counts on e being in the window.
func (m *Machine) wanted(e *Entry) bool {
	for _, v := range m.views {
		if v.match != nil && v.seen[Stored].covers(e.Place) && (e.Value == nil || v.match(e)) {
			return true
		}
	}
	return false
}

// adopt makes an island an entry like all others.
func (m *Machine) adopt(e *Entry) {
	if e.state == Ready {
		m.isles--
		m.ready++
	}
	if e.counted && !e.Volatile {
		m.isleBytes -= e.Size
		m.bytes += e.Size
	}
	e.view = nil
}

func (v *view) add(c *Consumer) {
	if len(v.members) > 0 && v.members[0].Priority != c.Priority {
		v.mixed = true
	}
	v.members = append(v.members, c)
	switch {
	case c.Pool != nil:
		v.pooled++
	case c.Credit > 0:
		v.free++
	}
}

func (v *view) remove(c *Consumer) {
	i := slices.Index(v.members, c)
	v.members = append(v.members[:i:i], v.members[i+1:]...)
	if v.turn > i {
		v.turn--
	}
	switch {
	case c.Pool != nil:
		v.pooled--
	case c.Credit > 0:
		v.free--
	}
}

// lend notes that a member has its first credit, or has lost its last.
func (v *view) lend(has bool) {
	if has {
		v.free++
	} else {
		v.free--
	}
}

// able reports whether a member may get a message, if it has room.
func (v *view) able() bool {
	if v.free > 0 {
		return true
	}
	if v.pooled > 0 {
		for _, c := range v.members {
			if c.able() {
				return true
			}
		}
	}
	return false
}

// credit gives how many messages the members may get, or enough of it to fill a
// page.
func (v *view) credit() int {
	n := 0
	for _, c := range v.members {
		if c.Pool != nil {
			n += c.Pool.Free() + int(c.lent.Load())
		} else {
			n += max(c.Credit, 0)
		}
		if n >= pageMessages {
			return pageMessages
		}
	}
	return n
}

// pick gives the member whose turn it is: of those with credit and the highest
// priority the one that waits longest, in strict order the first; nil if none
// has credit and room. It does not move the turn on.
func (v *view) pick(strict bool) *Consumer {
	if v.free == 0 && v.pooled == 0 {
		return nil
	}
	if strict {
		v.turn = 0
	}
	var best *Consumer
	at := v.turn
	for range v.members {
		if at >= len(v.members) {
			at = 0
		}
		c := v.members[at]
		at++
		if !c.able() {
			continue
		}
		if !v.mixed {
			v.turn = at - 1
			return c
		}
		if best == nil || c.Priority > best.Priority {
			best = c
		}
	}
	return best
}

// next moves the turn behind c.
func (v *view) next(c *Consumer) {
	n := len(v.members)
	if v.turn >= n {
		v.turn = 0
	}
	if v.members[v.turn] != c {
		v.turn = slices.Index(v.members, c)
	}
	if v.turn++; v.turn == n {
		v.turn = 0
	}
}

// activate makes the next Dispatch look at v.
func (m *Machine) activate(v *view) {
	if !v.active && !v.gone && v.able() {
		v.active, v.waits = true, false
		m.active = append(m.active, v)
	}
}

func (m *Machine) activateAll() {
	for _, v := range m.views {
		m.activate(v)
	}
}

// at puts the cursor of v on list[i].
func (m *Machine) at(v *view, i int) {
	v.index, v.gen = i, m.window.gen
	if i < len(m.window.list) {
		v.cursor = m.window.list[i].Place
	} else {
		v.cursor = last
	}
}

// seek gives the index of the cursor of v.
func (m *Machine) seek(v *view) int {
	if v.cursor == last {
		return len(m.window.list)
	}
	if v.gen != m.window.gen {
		v.index, _ = m.window.find(v.cursor)
		v.gen = m.window.gen
	}
	return max(v.index, m.window.head)
}

// note lets the views know of list[i], which is e and has become ready. Those
// that would come to it anyway need not be asked.
func (m *Machine) note(e *Entry, i int) {
	for _, v := range m.views {
		if !e.Place.Less(v.cursor) {
			continue
		}
		able := v.able()
		if able && v.match != nil && e.Value != nil && !v.match(e) {
			continue
		}
		m.at(v, i)
		if able {
			m.activate(v)
		}
	}
}

// reach gives the place up to which v knows source s.
func (m *Machine) reach(v *view, s Source) Place {
	if m.source[s].complete || v.seen[s].complete {
		return last
	}
	if p := v.seen[s].frontier; m.source[s].frontier.Less(p) {
		return p
	}
	return m.source[s].frontier
}

// reaches reports whether v knows all that it could take before p.
func (m *Machine) reaches(v *view, p Place) bool {
	return (m.source[Stored].covers(p) || v.seen[Stored].covers(p)) &&
		(m.source[Spilled].covers(p) || v.seen[Spilled].covers(p))
}

// offer asks the views whether one needs e, a message of s that the rest of the
// machine has no room for. It reports whether e has become an island; the views
// that would have needed it otherwise know that it was left to the source.
func (m *Machine) offer(s Source, e *Entry) bool {
	taken := false
	for _, v := range m.views {
		b := &v.seen[s]
		if v.match == nil || !b.loading && !b.covers(e.Place) || !v.match(e) {
			continue
		}
		if !taken && (m.isleRoom(e) || v.cursor == last && v.able()) {
			e.view = v
			taken = true
		}
		if !taken {
			b.leave(e.Place)
		}
	}
	if taken {
		m.insert(e)
	}
	return taken
}

func (m *Machine) isleRoom(e *Entry) bool {
	if e.Volatile {
		return m.pending+e.Size <= m.limits.Pending
	}
	return m.isles < m.limits.Messages && m.isleBytes+e.Size <= m.limits.Bytes
}

// leave notes that p is left to source s. What the views knew by the machine's
// backlog they keep.
func (m *Machine) leave(s Source, p Place) {
	b := &m.source[s]
	if b.covers(p) {
		for _, v := range m.views {
			if v.match != nil {
				v.seen[s].absorb(b)
			}
		}
	}
	b.leave(p)
}
