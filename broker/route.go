package broker

import (
	"context"
	"slices"

	"github.com/quorate/quorate/message"
	"github.com/quorate/quorate/selector"
)

// A route is where the messages to one destination go. It is kept until a
// queue, a durable subscription or a topic comes or goes.
type route struct {
	generation uint64
	legs       []leg
	topics     []stop
	plain      []*mailbox // the mailboxes of legs, if none has a condition
}

// A leg leads to a mailbox, for the messages that condition holds for.
type leg struct {
	box       *mailbox
	condition condition // nil: all
}

// A stop is a topic whose live subscriptions get the messages that condition
// holds for.
type stop struct {
	topic     *topic
	condition condition
}

// A condition decides whether a message takes a leg.
type condition func(m *message.Message, from *Conn) bool

// both gives the conjunction of two conditions, each of which may be nil.
func both(a, b condition) condition {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return func(m *message.Message, from *Conn) bool { return a(m, from) && b(m, from) }
}

// either gives the disjunction: nil, which is always true, if one of them is nil.
func either(a, b condition) condition {
	if a == nil || b == nil {
		return nil
	}
	return func(m *message.Message, from *Conn) bool { return a(m, from) || b(m, from) }
}

func selecting(sel *selector.Selector) condition {
	if sel == nil {
		return nil
	}
	return func(m *message.Message, _ *Conn) bool { return selects(sel, m) }
}

// route finds where s.msg goes: to which mailboxes, and to the live
// subscriptions of which topics. A queue that is not there is made, which may
// block.
func (r *reign) route(ctx context.Context, op string, s *sending, from *Conn) error {
	rt, err := r.routeTo(ctx, op, s.msg.Destination)
	if err != nil {
		return err
	}
	if s.boxes = rt.plain; rt.plain == nil {
		for _, l := range rt.legs {
			if l.condition == nil || l.condition(s.msg, from) {
				s.boxes = append(s.boxes, l.box)
			}
		}
	}
	s.topics = rt.topics
	if slices.ContainsFunc(rt.topics, func(t stop) bool { return t.condition != nil && !t.condition(s.msg, from) }) {
		s.topics = nil
		for _, t := range rt.topics {
			if t.condition == nil || t.condition(s.msg, from) {
				s.topics = append(s.topics, t)
			}
		}
	}
	s.stored = 0
	if s.msg.Persistent {
		s.order()
	}
	return nil
}

// order puts the mailboxes that are in the store before those in memory.
func (s *sending) order() {
	inStore := func(b *mailbox) bool { return b.id != 0 }
	if i := slices.IndexFunc(s.boxes, func(b *mailbox) bool { return b.id == 0 }); i < 0 || !slices.ContainsFunc(s.boxes[i:], inStore) {
		s.stored = max(i, 0)
		if i < 0 {
			s.stored = len(s.boxes)
		}
		return
	}
	all := s.boxes
	s.boxes = nil
	for _, b := range all {
		if inStore(b) {
			s.boxes = append(s.boxes, b)
		}
	}
	s.stored = len(s.boxes)
	for _, b := range all {
		if !inStore(b) {
			s.boxes = append(s.boxes, b)
		}
	}
}

// routeTo gives the route of a destination, made anew if what it rests on has
// changed.
func (r *reign) routeTo(ctx context.Context, op string, d message.Destination) (*route, error) {
	dir := &r.directory
	dir.mu.RLock()
	rt := dir.routes[d]
	dir.mu.RUnlock()
	if rt != nil && rt.generation == dir.generation.Load() {
		return rt, nil
	}
	// What changes while it is made makes it old again.
	rt = &route{generation: dir.generation.Load()}
	b := router{r: r, rt: rt}
	if err := b.to(ctx, op, d, nil); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(rt.legs, func(l leg) bool { return l.condition != nil }) {
		rt.plain = make([]*mailbox, len(rt.legs))
		for i, l := range rt.legs {
			rt.plain[i] = l.box
		}
	}
	if !rt.temporary() {
		dir.keep(d, rt)
	}
	return rt, nil
}

// temporary reports whether something of a route may go with its connection.
func (rt *route) temporary() bool {
	return slices.ContainsFunc(rt.legs, func(l leg) bool { return l.box.owner != nil }) ||
		slices.ContainsFunc(rt.topics, func(t stop) bool { return t.topic.owner != nil })
}

// maxRoutes bounds what the remembered routes hold: a client can name the same
// few queues in any number of ways, with commas between.
const maxRoutes = 50000

// weight is what a route holds, in legs and stops, a name of 64 bytes as one.
func (rt *route) weight(to message.Destination) int {
	return 1 + len(rt.legs) + len(rt.topics) + len(to.Name)/64
}

// keep remembers a route. All that are old go when the first new one comes, and
// all of them when they are too many.
func (d *directory) keep(to message.Destination, rt *route) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if rt.generation < d.routesOf {
		return
	}
	n := rt.weight(to)
	if rt.generation > d.routesOf || d.routesWeight+n > maxRoutes {
		d.routesOf, d.routesWeight = rt.generation, 0
		clear(d.routes)
	}
	if d.routes[to] == nil {
		d.routesWeight += n
	}
	d.routes[to] = rt
}
