package queue

import (
	"container/list"
	"slices"
)

// A group is the messages with the same JMSXGroupID. One consumer owns it: it
// alone gets them, in order. What cannot go out when its turn comes is parked,
// so that it holds up nobody else. A new owner is chosen only when nothing of
// the group is under way to the old one, so order holds across owners, too. An
// owner that does not select what is next loses the group.
type group struct {
	name    string
	owner   *Consumer
	first   *Entry   // the first that the owner got
	out     int      // delivered, or acknowledged and not settled
	delayed int      // waiting for their time; while there are any nothing goes out
	parked  []*Entry // for the owner, in order; some of them have died meanwhile
	others  []*Entry // parked until there is another owner
	at      int      // index in the owner's heap, -1 if it is not there
	idle    *list.Element
}

// groups are those that a machine remembers. Of those with nothing under way
// only so many are kept, the last ones used.
type groups struct {
	byName map[string]*group
	idle   list.List // of *group, the one unused for longest in front
}

// groupOf gives the group of e, new if it is not known.
func (m *Machine) groupOf(e *Entry) *group {
	g := m.groups.byName[e.Group]
	if g == nil {
		if m.groups.byName == nil {
			m.groups.byName = map[string]*group{}
		}
		g = &group{name: e.Group, at: -1}
		m.groups.byName[e.Group] = g
	}
	return g
}

// stuck is what one search could not park: it stays ready, the search goes on
// behind it, and the next one begins with it.
type stuck struct {
	at     int // index of the first, -1 if there is none
	groups map[string]bool
}

func (s *stuck) add(e *Entry, i int) {
	if s.at < 0 {
		s.at, s.groups = i, map[string]bool{}
	}
	s.groups[e.Group] = true
}

// or gives where the next search begins, i if nothing is stuck.
func (s *stuck) or(i int) int {
	if s.at >= 0 {
		return s.at
	}
	return i
}

// member gives the consumer that e, which is list[i] and whose turn has come in v
// with c, is for. It gives nil if e was parked, or put to what is stuck because
// too many are parked.
func (m *Machine) member(v *view, c *Consumer, e *Entry, s *stuck, i int) *Consumer {
	if s.at >= 0 && s.groups[e.Group] {
		return nil
	}
	g := m.groupOf(e)
	if g.owner == nil && g.out == 0 && g.delayed == 0 {
		m.own(g, m.lightest(v, c), e)
		return g.owner
	}
	g.prune()
	ahead := isAhead(e, g.others)
	goes := ahead && isAhead(e, g.parked) && g.delayed == 0
	o := g.owner
	mine := o != nil && (o.view.match == nil || o.view.match(e))
	switch {
	case o != nil && !mine && goes && g.out == 0:
		m.release(g)
		m.own(g, m.lightest(v, c), e)
		return g.owner
	case mine && goes && o.view == v && o.able() && (m.cs.exclusive == 0 || o == c):
		return o
	}
	if !m.park(g, e, mine && ahead) {
		s.add(e, i)
	}
	return nil
}

// lightest gives the consumer of v that owns the fewest groups, of those with
// credit and the priority of c; c is the one whose turn it is.
func (m *Machine) lightest(v *view, c *Consumer) *Consumer {
	if m.cs.exclusive > 0 {
		return c
	}
	best := c
	n := len(v.members)
	for i := range n {
		o := v.members[(v.turn+i)%n]
		if o.owns < best.owns && o.Priority == c.Priority && o.able() {
			best = o
		}
	}
	return best
}

// isAhead reports whether e comes before everything in a list of parked entries.
func isAhead(e *Entry, list []*Entry) bool { return len(list) == 0 || e.Place.Less(list[0].Place) }

func (m *Machine) own(g *group, c *Consumer, first *Entry) {
	g.owner, g.first = c, first
	c.owns++
}

// disown takes the group from its owner. What is parked waits for the next one.
func (m *Machine) disown(g *group) {
	if g.owner != nil {
		m.release(g)
		m.settleGroup(g)
	}
}

func (m *Machine) release(g *group) {
	g.owner.parked.drop(g)
	g.owner.owns--
	g.owner, g.first = nil, nil
	g.others = append(g.others, g.parked...)
	slices.SortFunc(g.others, compareEntries)
	g.parked = nil
}

func compareEntries(a, b *Entry) int { return a.Place.Compare(b.Place) }

// parkIn puts e into one of the lists of g.
func parkIn(list []*Entry, e *Entry) []*Entry {
	i, _ := slices.BinarySearchFunc(list, e, compareEntries)
	return slices.Insert(list, i, e)
}

// disownAll takes from c what it owns.
func (m *Machine) disownAll(c *Consumer) {
	if c.owns == 0 {
		return
	}
	for _, g := range m.sortedGroups() {
		if g.owner == c {
			m.disown(g)
		}
	}
}

func (m *Machine) sortedGroups() []*group {
	all := make([]*group, 0, len(m.groups.byName))
	for _, g := range m.groups.byName {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return all
}

// settleGroup looks at a group of which something has ended: what waits for a
// new owner goes back to the queue when it may have one; a group with nothing
// under way is forgotten, at once if nobody owns it.
func (m *Machine) settleGroup(g *group) {
	if g.out > 0 || g.delayed > 0 {
		return
	}
	m.resume() // something of it may be stuck
	if o := m.cs.owner(); g.owner != nil && o != nil && g.owner != o {
		m.disown(g) // an exclusive consumer gets everything
		return
	}
	if g.owner == nil {
		others := g.others
		g.others = nil
		m.groups.forget(g)
		m.unpark(others)
		return
	}
	g.prune()
	switch {
	case len(g.others) > 0 && isAhead(g.others[0], g.parked):
		m.disown(g) // its owner does not select what is next
		return
	case len(g.parked) > 0 || g.idle != nil:
		return
	}
	g.idle = m.groups.idle.PushBack(g)
	for len(m.groups.byName) > m.limits.groups() && m.groups.idle.Len() > 0 {
		old := m.groups.idle.Front().Value.(*group)
		old.owner.owns--
		m.groups.forget(old)
	}
}

// forget drops a group of which nothing is under way.
func (gs *groups) forget(g *group) {
	gs.busy(g)
	if gs.byName[g.name] == g {
		delete(gs.byName, g.name)
	}
}

// busy notes that something of g is under way.
func (gs *groups) busy(g *group) {
	if g.idle != nil {
		gs.idle.Remove(g.idle)
		g.idle = nil
	}
}

// park puts e, which is ready, aside until its group can go on: it keeps its
// place, but not its message if there are many. It reports false if too many
// wait already.
func (m *Machine) park(g *group, e *Entry, mine bool) bool {
	if m.parked+m.delayed >= m.limits.aside() || e.Volatile && m.pending > m.limits.Pending && m.parked > 0 {
		m.stalled = true
		return false
	}
	m.groups.busy(g)
	m.set(e, Parked)
	if !e.Volatile && m.bytes+m.isleBytes > m.limits.Bytes/2 {
		m.uncount(e)
		e.Value = nil
	}
	if mine {
		g.parked = parkIn(g.parked, e)
	} else {
		g.others = parkIn(g.others, e)
	}
	g.prune()
	return true
}

// unpark makes ready what was parked, those of them that have not died. What is
// too many for the window leaves it with the next Dispatch.
func (m *Machine) unpark(list []*Entry) {
	for _, e := range list {
		if e.state == Parked {
			m.set(e, Ready)
			m.crowded = true
		}
	}
}

// prune drops what has died, or is parked no more, from the front of the lists,
// and lets the owner know whether the first of them could go out to it.
func (g *group) prune() {
	for len(g.others) > 0 && g.others[0].state != Parked {
		g.others = g.others[1:]
	}
	for len(g.parked) > 0 && g.parked[0].state != Parked {
		g.parked = g.parked[1:]
	}
	switch {
	case g.owner == nil:
	case len(g.parked) > 0 && g.delayed == 0 && isAhead(g.parked[0], g.others):
		g.owner.parked.put(g)
	default:
		g.owner.parked.drop(g)
	}
}

// joined notes that c got e.
func (m *Machine) joined(e *Entry, c *Consumer) {
	g := m.groupOf(e)
	m.groups.busy(g)
	g.out++
	e.joined = true
	e.FirstInGroup = g.first == e
	if e.GroupSeq < 0 {
		m.disown(g)
	}
}

// left notes that e, which was with a consumer, is not any more.
func (m *Machine) left(e *Entry) {
	if !e.joined {
		return
	}
	e.joined = false
	g := m.groupOf(e)
	g.out--
	m.settleGroup(g)
}

// groupWaits notes that e waits for its time.
func (m *Machine) groupWaits(e *Entry) {
	g := m.groupOf(e)
	m.groups.busy(g)
	g.delayed++
	g.prune()
}

// groupGoesOn notes that the time of e has come, or that it has died.
func (m *Machine) groupGoesOn(e *Entry) {
	g := m.groupOf(e)
	if g.delayed--; g.delayed > 0 {
		return
	}
	g.prune()
	if g.owner != nil {
		m.activate(g.owner.view)
	}
	m.settleGroup(g)
}

// regroup looks at all groups after an exclusive consumer came or went.
func (m *Machine) regroup() {
	for _, g := range m.sortedGroups() {
		m.settleGroup(g)
	}
}

// catchUp delivers the first of what was parked for a member of v that has
// credit now; v was searched up to a place. It reports false if there is none.
func (m *Machine) catchUp(v *view, searched Place, now int64) bool {
	var to *Consumer
	var best *group
	exclusive := m.cs.owner()
	for _, c := range v.members {
		if len(c.parked) == 0 || !c.able() || exclusive != nil && c != exclusive {
			continue
		}
		if g := c.parked.first(); g != nil && (best == nil || g.parked[0].Place.Less(best.parked[0].Place)) {
			to, best = c, g
		}
	}
	return best != nil && best.parked[0].Place.Less(searched) && m.catchUpWith(to, best, now)
}

// catchUpWith delivers the first of what is parked in g to its owner c, if c
// knows all that it could have before.
func (m *Machine) catchUpWith(c *Consumer, g *group, now int64) bool {
	e := g.parked[0]
	switch {
	case !m.reaches(c.view, e.Place):
		return false
	case e.Expires != 0 && now >= e.Expires:
		m.die(e, Expired)
	case e.Value == nil:
		m.reloadParked(c)
		return false
	default:
		m.deliver(e, c)
	}
	g.prune()
	return true
}

// behind reports whether something is parked for a member of v that lies behind
// what v knows.
func (m *Machine) behind(v *view) bool {
	for _, c := range v.members {
		if g := c.parked.first(); g != nil && c.able() && !m.reaches(v, g.parked[0].Place) {
			return true
		}
	}
	return false
}

// reloadParked asks for the messages of what is parked for c.
func (m *Machine) reloadParked(c *Consumer) {
	if m.reloading {
		return
	}
	var want []*Entry
	for round := 0; len(want) < pageLeast; round++ {
		more := false
		for _, g := range c.parked {
			if round < len(g.parked) {
				more = true
				if e := g.parked[round]; e.state == Parked && e.Value == nil && len(want) < pageLeast {
					want = append(want, e)
				}
			}
		}
		if !more {
			break
		}
	}
	slices.SortFunc(want, compareEntries)
	m.askEntries(want)
}
