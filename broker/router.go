package broker

import (
	"context"
	"slices"

	"github.com/quorate/quorate/message"
)

// maxForwards is how far a message may go from one composite destination to the
// next.
const maxForwards = 16

// A router makes one route: it follows composite and virtual destinations from
// where a message is sent to the mailboxes and topics that it ends in.
type router struct {
	r    *reign
	rt   *route
	path []message.Destination // from the first destination to the present one
	at   map[*mailbox]int      // where in rt.legs a mailbox is

	done   map[message.Destination]bool // followed: true for all messages
	rounds int                          // destinations that were followed again
}

// maxRounds is how many destinations of a route may be followed again, for the
// messages of other conditions: composites that forward to each other have very many
// ways through them.
const maxRounds = 1000

// to adds what d leads to, for the messages that c holds for.
func (b *router) to(ctx context.Context, op string, d message.Destination, c condition) error {
	list, err := d.Split()
	if err != nil {
		return &Error{Kind: KindInvalidDestination, Op: op, Err: err}
	}
	for _, one := range list {
		if err := b.one(ctx, op, one, c); err != nil {
			return err
		}
	}
	return nil
}

// one adds what a single destination leads to. One that leads back to itself is
// where its messages stay.
func (b *router) one(ctx context.Context, op string, d message.Destination, c condition) error {
	if err := checkName(op, d); err != nil {
		return err
	}
	if isPattern(d.Name) {
		return errorf(KindInvalidDestination, op, "%s: a message goes to one destination or to several by name, wildcards are for consumers", d)
	}
	back := slices.Contains(b.path, d)
	all, seen := b.done[d]
	if all && !back {
		return nil // whatever leads here again adds nothing
	}
	if seen && !back {
		b.rounds++
	}
	if b.rounds > maxRounds {
		return errorf(KindInvalidDestination, op, "%s: composite destinations lead to it and to others in more than %d ways", d, maxRounds)
	}
	if len(b.path) >= maxForwards {
		return errorf(KindInvalidDestination, op, "%s is forwarded more than %d times: %v", b.path[0], maxForwards, b.path)
	}
	if !back {
		if b.done == nil {
			b.done = map[message.Destination]bool{}
		}
		b.done[d] = c == nil
	}
	b.path = append(b.path, d)
	defer func() { b.path = b.path[:len(b.path)-1] }()
	if !back && !d.Kind.IsTemp() {
		stays, rest, err := b.forward(ctx, op, d, c)
		if err != nil || !stays {
			return err
		}
		c = rest
	}
	if d.Kind.IsTopic() {
		return b.topic(op, d, c)
	}
	box, err := b.r.queue(ctx, op, d)
	if err != nil {
		return err
	}
	b.leg(box, c)
	if m := b.r.cfg.Virtual.Mirror; m != nil && !back && d.Kind == message.Queue {
		return b.one(ctx, op, message.Destination{Kind: message.Topic, Name: m.Prefix + d.Name + m.Postfix}, c)
	}
	return nil
}

// forward follows the composites that d is one of. stays tells whether messages
// go to d itself, too, and rest the condition for it.
func (b *router) forward(ctx context.Context, op string, d message.Destination, c condition) (stays bool, rest condition, err error) {
	stays, rest = true, c
	for i := range b.r.composites {
		comp := &b.r.composites[i]
		if comp.Destination.Kind != d.Kind || !Match(comp.Destination.Name, d.Name) {
			continue
		}
		for k, f := range comp.Forward {
			if err := b.to(ctx, op, f.Destination, both(c, selecting(comp.filters[k]))); err != nil {
				return false, nil, err
			}
		}
		switch {
		case !comp.ForwardOnly:
		case comp.Unmatched:
			rest = both(rest, comp.unmatched)
		default:
			stays = false
		}
	}
	return stays, rest, nil
}

// topic adds the live subscriptions of a topic, its durable ones, and the queues
// that take from it as a virtual topic.
func (b *router) topic(op string, d message.Destination, c condition) error {
	t, err := b.r.topic(op, d)
	if err != nil {
		return err
	}
	b.stop(t, c)
	if d.Kind == message.TempTopic {
		return nil
	}
	dir := &b.r.directory
	for _, box := range dir.durablesOf(d.Name) {
		if box.selector == nil && !box.durable.NoLocal {
			b.leg(box, c)
		} else {
			b.leg(box, both(c, box.wanted))
		}
	}
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	for _, v := range b.r.cfg.Virtual.Topics {
		if !Match(v.Name, d.Name) {
			continue
		}
		for name, box := range dir.queues {
			if !v.takes(name, d.Name) {
				continue
			}
			if v.SelectorAware {
				b.leg(box, both(c, box.selected))
			} else {
				b.leg(box, c)
			}
		}
	}
	return nil
}

func (b *router) leg(box *mailbox, c condition) {
	if i, there := b.at[box]; there {
		l := &b.rt.legs[i]
		l.condition = either(l.condition, c)
		return
	}
	if b.at == nil {
		b.at = map[*mailbox]int{}
	}
	b.at[box] = len(b.rt.legs)
	b.rt.legs = append(b.rt.legs, leg{box, c})
}

func (b *router) stop(t *topic, c condition) {
	for i := range b.rt.topics {
		if s := &b.rt.topics[i]; s.topic == t {
			s.condition = either(s.condition, c)
			return
		}
	}
	b.rt.topics = append(b.rt.topics, stop{t, c})
}
