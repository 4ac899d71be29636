package broker

import (
	"fmt"
	"sync"

	"github.com/quorate/quorate/broker/queue"
	"github.com/quorate/quorate/message"
)

// A Spec says what a subscription wants.
type Spec struct {
	Destination message.Destination
	Prefetch    int    // deliveries outstanding at most; 0 is the destination's policy
	DurableName string // of a durable topic subscription; the connection has a client id then
	Selector    string
	Browser     bool // look at a queue without taking anything
	NoLocal     bool // topics: not what this connection (durable: this client id) sends
	Exclusive   bool // queues: alone, as long as this is the first exclusive consumer
	Priority    int  // queues: consumers of a higher one are served first
}

// A Subscription is one consumer. Ack, Nack, Reject and Close may be called by
// one goroutine at a time.
type Subscription struct {
	conn     *Conn
	spec     Spec
	box      *mailbox
	topic    *topic // of a live subscription
	consumer *queue.Consumer
	browser  *browser

	mu      sync.Mutex
	closed  bool
	pending []*Delivery // pending[head:] in order of ID, some of them taken
	head    int
	taken   int
}

// Spec gives what was asked for, the prefetch filled in.
func (s *Subscription) Spec() Spec { return s.spec }

// Conn gives the connection of the subscription.
func (s *Subscription) Conn() *Conn { return s.conn }

// Subscribe begins a subscription; deliveries may come before it returns. It
// blocks while a new destination is being created in the log.
func (c *Conn) Subscribe(spec Spec) (*Subscription, error) {
	const op = "subscribe"
	if err := c.usable(op); err != nil {
		return nil, err
	}
	if err := checkName(op, spec.Destination); err != nil {
		return nil, err
	}
	if spec.Selector != "" {
		return nil, errorf(KindInvalidSelector, op, "selectors are not supported: %q", spec.Selector)
	}
	s := &Subscription{conn: c, spec: spec}
	s.consumer = &queue.Consumer{Value: s, Priority: spec.Priority, Exclusive: spec.Exclusive}
	var err error
	switch {
	case spec.Destination.Kind.IsTopic() && spec.Browser:
		return nil, errorf(KindInvalidDestination, op, "%s: only a queue can be browsed", spec.Destination)
	case spec.DurableName != "":
		err = s.openDurable()
	case spec.Destination.Kind.IsTopic():
		err = s.openLive()
	default:
		err = s.openQueue()
	}
	if err != nil {
		return nil, err
	}
	if !own(c, &c.mu.subs, s) {
		s.end(false)
		return nil, c.usable(op)
	}
	c.r.observe(Event{Kind: ConsumerAdded, Destination: spec.Destination, Conn: c})
	return s, nil
}

func (s *Subscription) openQueue() error {
	d := s.spec.Destination
	box, err := s.conn.r.queue(s.conn.ctx, "subscribe", d)
	if err != nil {
		return err
	}
	if box.owner != nil && box.owner != s.conn {
		return errorf(KindInvalidDestination, "subscribe", "%s belongs to another connection", d)
	}
	s.box = box
	if s.spec.Browser {
		s.prefetch(box.policy.QueueBrowserPrefetch)
		s.browser = newBrowser(s)
		box.shard.inbox.post(event{kind: evFunc, box: box, call: s.browser.start})
		return nil
	}
	s.prefetch(box.policy.QueuePrefetch)
	s.attach()
	return nil
}

func (s *Subscription) openLive() error {
	r := s.conn.r
	t, err := r.topic(s.spec.Destination)
	if err != nil {
		return err
	}
	if t.owner != nil && t.owner != s.conn {
		return errorf(KindInvalidDestination, "subscribe", "%s belongs to another connection", t.dest)
	}
	s.topic = t
	s.prefetch(t.policy.TopicPrefetch)
	s.box = &mailbox{name: fmt.Sprintf("%s#%d", t.dest.Name, r.ids.Add(1)), dest: t.dest, policy: t.policy, shard: t.shard}
	s.box.self[0] = s.box
	t.stats.consumers.Add(1)
	t.shard.inbox.post(event{kind: evFunc, box: s.box, call: func() {
		t.live = append(t.live, s)
		s.box.open().Add(s.consumer)
	}})
	return nil
}

func (s *Subscription) prefetch(standard int) {
	if s.spec.Prefetch <= 0 {
		s.spec.Prefetch = standard
	}
	s.consumer.Credit = s.spec.Prefetch
}

// attach lets the consumer take from its mailbox.
func (s *Subscription) attach() {
	s.box.stats.consumers.Add(1)
	s.box.shard.inbox.post(event{kind: evFunc, box: s.box, call: func() { s.box.open().Add(s.consumer) }})
}

// Close ends the subscription. What was delivered and not acknowledged goes
// back to its place, marked as redelivered, its count unchanged. done, which
// may be nil, is called in the order of the connection's requests.
func (s *Subscription) Close(done func(error)) {
	disown(s.conn, &s.conn.mu.subs, s)
	s.end(false)
	s.conn.submit(&op{name: "unsubscribe", done: done})
}

// end takes the consumer away; failed counts what it holds as failed.
func (s *Subscription) end(failed bool) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.pending, s.head, s.taken = nil, 0, 0
	s.mu.Unlock()
	if s.conn.r.ctx.Err() == nil {
		s.conn.r.observe(Event{Kind: ConsumerRemoved, Destination: s.spec.Destination, Conn: s.conn})
	}
	box := s.box
	if s.browser != nil {
		box.shard.inbox.post(event{kind: evFunc, box: box, call: s.browser.stop})
		return
	}
	if s.topic != nil {
		s.topic.stats.consumers.Add(-1)
	} else {
		box.stats.consumers.Add(-1)
	}
	box.shard.inbox.post(event{kind: evFunc, box: box, call: func() {
		if s.topic != nil {
			s.topic.leave(s)
			box.shard.forget(box)
			return
		}
		if box.machine != nil {
			box.machine.Remove(s.consumer, failed)
		}
	}})
	if s.topic == nil {
		// The next one attaches behind this event, so it may be let in at once.
		box.active.Store(false)
	}
}

// leave takes a live subscription out of the topic. Called by the shard.
func (t *topic) leave(s *Subscription) {
	for i, o := range t.live {
		if o == s {
			t.live = append(t.live[:i:i], t.live[i+1:]...)
			return
		}
	}
}

// push notes a delivery as outstanding and hands it to the Outlet. It reports
// false if the subscription has ended. Called by the shard.
func (s *Subscription) push(d *Delivery) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return false
	}
	d.ID = s.conn.lastID.Add(1)
	if !d.End {
		s.pending = append(s.pending, d)
	}
	s.mu.Unlock()
	s.conn.out.Deliver(d)
	return true
}
