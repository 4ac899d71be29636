package broker

import (
	"context"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

// Retry moves the dead letters of a queue back to where they died: the queue,
// the durable subscription, or the topic if that subscription is not there any
// more. Each is moved in one logged operation, as it was before it died but without
// an expiration; what its consumers hold stays with them, and so does what is no dead
// letter. It says how many it moved, also with an error: as many at most as were
// in the queue when it began, so a message that dies again does not come back
// for ever.
func (b *Broker) Retry(ctx context.Context, name string) (int, error) {
	const op = "retry"
	r, box, err := b.existing(op, name)
	if err != nil {
		return 0, err
	}
	info, _ := r.cfg.Store.Queue(box.id)
	d := &drain{s: box.shard, box: box, left: int(info.Depth) + int(max(box.stats.volatile.Load(), 0)), done: make(chan struct{})}
	done := d.done
	d.start()
	select {
	case <-done:
		return d.moved, nil
	case <-ctx.Done():
		return d.interrupt(), &Error{Kind: KindInternal, Op: op, Err: ctx.Err()}
	case <-r.ctx.Done():
		return 0, &Error{Kind: KindNotMaster, Op: op, Detail: "the broker stops"}
	}
}

// A drain takes dead letters out of a queue as a consumer that pulls one after
// the other, so that it gets what no other consumer has. It is its own Outlet.
// What it knows is the shard's.
type drain struct {
	s    *shard
	box  *mailbox
	link *link
	left int // to be taken at most
	open int // taken and not moved yet
	over bool
	done chan struct{}

	moved int
}

func (d *drain) start() {
	c := &Conn{r: d.s.r, info: ConnInfo{ID: d.s.r.name("ID:"), Protocol: "broker"}, out: d}
	sub := &Subscription{conn: c, spec: Spec{Destination: d.box.dest, Pull: true}}
	d.link = sub.link(d.box)
	d.link.consumer.Selector = "dead letters"
	d.link.consumer.Match = func(e *queue.Entry) bool { return revivable(e.Value.(*message.Message)) }
	sub.attach(d.link)
	d.s.inbox.post(event{kind: evFunc, box: d.box, call: d.next})
}

// next asks for one more.
func (d *drain) next() {
	if d.left--; d.over || d.left < 0 || !d.s.pull(d.box, d.link.consumer, 0, d.end) {
		d.end()
	}
}

// Deliver implements Outlet.
func (d *drain) Deliver(m *Delivery) {
	d.s.inbox.post(event{kind: evFunc, box: d.box, call: func() { d.take(m) }})
}

// Close implements Outlet.
func (d *drain) Close(error) {}

// take moves one dead letter.
func (d *drain) take(got *Delivery) {
	sub, e, m := got.Sub, got.entry, got.Message
	sub.mu.Lock()
	sub.pending, sub.head = nil, 0
	sub.mu.Unlock()
	if d.over || d.box.machine == nil || e.State() != queue.Delivered {
		return // it goes back with the consumer
	}
	d.box.machine.Ack(e, d.link.consumer)
	d.box.dying++
	d.open++
	b := burial{box: d.box, entry: e, letter: revive(m), revived: true, then: func() {
		d.open--
		d.moved++
		d.finish()
	}}
	if sub := d.s.r.subscriptionNamed(m); sub != nil {
		b.to = grave{boxes: []*mailbox{sub}}
		d.s.graves.add(d.s, b)
	} else {
		d.s.findGrave(b.letter.Destination, func(g grave) {
			b.to = g
			d.s.graves.add(d.s, b)
		})
	}
	d.next()
}

// end takes no more.
func (d *drain) end() {
	if !d.over {
		d.over = true
		d.link.detach(false)
	}
	d.finish()
}

func (d *drain) finish() {
	if d.over && d.open == 0 && d.done != nil {
		close(d.done)
		d.done = nil
	}
}

// interrupt ends the drain early and says how many were moved until then.
func (d *drain) interrupt() int {
	moved := make(chan int, 1)
	d.s.inbox.post(event{kind: evFunc, box: d.box, call: func() {
		d.end()
		moved <- d.moved
	}})
	select {
	case n := <-moved:
		return n
	case <-d.s.r.ctx.Done():
		return 0
	}
}

// revivable reports whether a message is a dead letter that has a place to go
// back to.
func revivable(m *message.Message) bool {
	return isDeadLetter(m) && !m.Original.IsZero() && !m.Original.Kind.IsTemp()
}

// revive gives a dead letter as it was before it died, but for its expiration.
func revive(m *message.Message) *message.Message {
	c := *m
	c.Properties = nil
	for _, p := range m.Properties {
		switch p.Name {
		case propCause, propExpiration, propMode, propSubscription:
		default:
			c.Properties = append(c.Properties, p)
		}
	}
	c.Destination, c.Original, c.Expiration, c.Persistent = m.Original, message.Destination{}, 0, true
	return &c
}

// subscriptionNamed gives the durable subscription that a dead letter died in,
// nil if it is none or gone.
func (r *reign) subscriptionNamed(m *message.Message) *mailbox {
	v, _ := m.Property(propSubscription)
	name, ok := v.(string)
	if !ok {
		return nil
	}
	dir := &r.directory
	dir.mu.RLock()
	defer dir.mu.RUnlock()
	for _, b := range dir.subs {
		if b.name == name && Match(b.durable.Topic, m.Original.Name) {
			return b
		}
	}
	return nil
}
